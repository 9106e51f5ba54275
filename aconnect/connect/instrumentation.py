"""Usage: visits of content, sessions of Shiny applications, and hits.

There are many rows, so they are lean: ids that some server versions send as numbers are converted
to text when they are read, not when they are decoded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from aconnect._client.endpoint import paged
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Row
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import Keyset
from aconnect.connect._base.resource import ConnectResource


class ContentVisit(Row, kw_only=True, frozen=True, gc=False):
    """One visit of static or rendered content."""

    content_guid: str | None = None
    user_guid: str | None = None
    """None for an anonymous visitor."""
    variant_key: str | None = None
    time: datetime | None = None
    rendering_id: Id | None = None
    bundle_id: Id | None = None
    path: str | None = None
    """The path below the content; newer servers only."""
    data_version: int | None = None
    """The recording method: 3 is reliable, lower values are not."""
    user_agent: str | None = None
    id: Id | None = None
    """None on older servers."""


class ShinyUsage(Row, kw_only=True, frozen=True, gc=False):
    """One session of a Shiny application."""

    content_guid: str | None = None
    user_guid: str | None = None
    """None for an anonymous user."""
    started: datetime | None = None
    ended: datetime | None = None
    """None while the session lasts."""
    data_version: int | None = None

    @property
    def time(self) -> datetime | None:
        """When it started: the time that all rows of usage have."""
        return self.started


class HitData(Row, kw_only=True, frozen=True, gc=False):
    """The details of a hit."""

    path: str | None = None
    query: str | None = None
    user_agent: str | None = None
    sec_fetch_dest: str | None = None
    sec_fetch_site: str | None = None


class ContentHit(Row, kw_only=True, frozen=True, gc=False):
    """One request to content of any type."""

    id: Id | None = None
    user_guid: str | None = None
    """None for an anonymous visitor."""
    content_guid: str | None = None
    timestamp: datetime | None = None
    data: HitData | None = None

    @property
    def time(self) -> datetime | None:
        """The same as `timestamp`: the time that all rows of usage have."""
        return self.timestamp


class Instrumentation(ConnectResource, name="instrumentation", role="publisher"):
    """Usage of content; publishers see that of their own content.

    Both ends of a time window are inclusive, so adjoining windows can both return the same event.
    """

    @paged(
        "/v1/instrumentation/content/visits",
        by=Keyset(max_size=500),
        separators={"content_guid": "|"},
        since="1.7.0",
    )
    def visits(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        content_guid: str | Sequence[str] | None = None,
        min_data_version: int | None = None,
        user_agent: str | None = None,
        asc_order: bool | None = None,
    ) -> Paged[ContentVisit]:
        """List visits of content, oldest first unless `asc_order=False`.

        Args:
            from_: The first moment.
            to: The last moment.
            content_guid: Only this content, or any of these; about 40 at most.
            min_data_version: 3 by default; 0 includes old and unreliable rows.
            user_agent: Only visits with this user agent.
            asc_order: Whether the oldest are first, as by default.
        """
        ...

    @paged(
        "/v1/instrumentation/shiny/usage",
        by=Keyset(max_size=500),
        separators={"content_guid": "|"},
        since="1.7.0",
    )
    def shiny_usage(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        content_guid: str | Sequence[str] | None = None,
        min_data_version: int | None = None,
        asc_order: bool | None = None,
    ) -> Paged[ShinyUsage]:
        """List sessions of Shiny applications that overlap the window.

        Args:
            from_: The first moment.
            to: The last moment.
            content_guid: Only this content, or any of these; about 40 at most.
            min_data_version: 1 by default; 0 includes old and unreliable rows.
            asc_order: Whether those that started first are first, as by default.
        """
        ...

    @paged(
        "/v1/instrumentation/content/hits",
        by=Unpaged(),
        separators={"content_guid": "|"},
        since="2025.04.0",
    )
    def hits(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        content_guid: str | Sequence[str] | None = None,
    ) -> Paged[ContentHit]:
        """List hits on content; all in one response, so request a short time window.

        `hits().chunks()` streams them in constant memory, however many there are.

        Args:
            from_: The first moment.
            to: The last moment.
            content_guid: Only this content, or any of these; since 2026.01, ignored before.
        """
        ...

    def usage(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        content_guid: str | Sequence[str] | None = None,
        min_data_version: int | None = None,
    ) -> LazySequence[ContentVisit | ShinyUsage]:
        """List all visits, then all sessions of Shiny applications."""

        async def rows() -> AsyncGenerator[ContentVisit | ShinyUsage, None]:
            visits = self.visits(
                from_=from_, to=to, content_guid=content_guid, min_data_version=min_data_version
            )
            async for visit in visits:
                yield visit
            sessions = self.shiny_usage(
                from_=from_, to=to, content_guid=content_guid, min_data_version=min_data_version
            )
            async for session in sessions:
                yield session

        return LazySequence(rows, ContentVisit | ShinyUsage)
