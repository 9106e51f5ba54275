"""Variants: the outputs of a report, one for each set of parameters.

The operations here list them; rendering one is an operation of its content.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectBound, ConnectResource, own_guid, required
from aconnect.connect.content.query import Order
from aconnect.connect.content.schedule import Schedule

if TYPE_CHECKING:
    from aconnect.connect.tasks import ContentTask

VariantInclude = Literal["schedule"] | str
"""What to include with a variant."""


class Variant(ConnectBound, kw_only=True):
    """One output of a report."""

    content_guid: str | None = None
    content_name: str | None = None
    content_title: str | None = None
    variant_key: str = ""
    variant_name: str | None = None
    is_default: bool | None = None
    created_time: datetime | None = None
    render_time: datetime | None = None
    """When it was last rendered; None for never."""
    failures: int | None = None
    """The number of failed jobs; if the query has a time, only since then."""
    last_failed: datetime | None = None
    skips: int | None = None
    """The number of skipped scheduled jobs; since the same time."""
    last_skipped: datetime | None = None
    schedule: Schedule | None = None
    """Only with `include="schedule"`, and only if there is one."""

    async def render(self) -> ContentTask:
        """Render this variant."""
        key = required("variant_key", self.variant_key)
        return await self.client.content.render(self.content_guid or "", variant_key=key)


class Variants(ConnectResource, name="content.variants"):
    """The variants of all content that the key can see; private ones only of the key's owner."""

    @paged("/v1/search/variants", by=PageNumber(max_size=500), role="viewer")
    def find(
        self,
        *,
        q: str | None = None,
        sort: str | None = None,
        order: Order | None = None,
        include: VariantInclude | Sequence[VariantInclude] | None = None,
    ) -> Paged[Variant]:
        """List variants; without `q`, all of them.

        The vendor documents only the terms `failed:>=` and `skipped:>=` of the query language, with
        a time in RFC 3339, such as `failed:>=2026-01-31T00:00:00Z`.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class ContentVariants(ConnectResource, name="content.variants", scope=("guid",)):
    """The variants of one content item."""

    def find(
        self, *, include: VariantInclude | Sequence[VariantInclude] | None = None
    ) -> LazySequence[Variant]:
        """List the item's variants by listing all: one request per 500 variants of the server.

        The query language has no documented term for the variants of one item.
        """
        everyone = self.client.content.variants.find(include=include)
        guid = own_guid(self.scope["guid"])

        async def rows() -> AsyncGenerator[Variant, None]:
            async with aclosing(everyone.pages()) as pages:
                async for page in pages:
                    for variant in page.items:
                        if variant.content_guid == guid:
                            yield variant

        return LazySequence(rows)

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)
