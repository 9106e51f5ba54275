"""The vanity URLs of all content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource, own_guid
from aconnect.connect.content.vanity import Vanity

if TYPE_CHECKING:
    from aconnect.connect.content.content import ContentItem


class Vanities(ConnectResource, name="vanities"):
    """The vanity URLs of all content."""

    @paged("/v1/vanities", by=Unpaged(), role="administrator", since="1.8.6")
    def find(self) -> Paged[Vanity]:
        """List all vanity URLs."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def swap(
        self, one: ContentItem | str, other: ContentItem | str
    ) -> tuple[str | None, str | None]:
        """Exchange the vanity URLs of two content items; return the paths that they have then.

        If only one of them has a vanity URL, it moves to the other. The path of `other` always
        leads to one of them; that of `one` leads nowhere between two requests. Only the two items
        are changed: if other content takes a path meanwhile, it keeps it. Two swaps of the same
        items must not run at once: a path may be lost, because the server cannot exchange them in
        one step.

        If a request fails, both get back what they had before. Notes of the error say what could
        not be put back, and how to do it. A swap that has begun is completed, or put back, even if
        the call is cancelled.

        Raises:
            InvalidArgumentError: Neither has a vanity URL, or both are the same content.
            AconnectError: A request failed.
        """
        from aconnect.connect.content.swapping import swap_paths  # noqa: PLC0415  rarely needed

        return await swap_paths(self.client, own_guid(one), own_guid(other))
