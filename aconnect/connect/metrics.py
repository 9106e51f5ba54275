"""Metrics: active users, and usage of content under the names of posit-sdk.

Usage itself is declared in `instrumentation`; here it only has the other names: `find`, `start` and
`end` for what is called `visits`, `from_` and `to` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect.concurrency import Mapped
from aconnect.connect._base.lookup import first_match
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.instrumentation import ContentHit, ContentVisit, ShinyUsage

_NAMES: Final = {"start": "from_", "end": "to"}


class ActiveUserCounts(Model, kw_only=True):
    """How many licensed users were active, by role."""

    total: int | None = None
    admin: int | None = None
    publisher: int | None = None
    viewer: int | None = None


class ActiveUsers(Model, kw_only=True):
    """How many users were active within several windows of time that end now."""

    windows: dict[str, ActiveUserCounts] = {}
    """By the length of the window: `1d`, `7d`, `30d` and `365d`."""


class HitTerms(TypedDict, total=False):
    """Which hits to find; both ends of the window belong to it."""

    content_guid: str | Sequence[str] | None
    start: datetime | str | None
    end: datetime | str | None


class UsageTerms(HitTerms, total=False):
    """Which usage to find."""

    min_data_version: int | None


class VisitMetrics(ConnectResource, name="metrics.visits"):
    """Visits of content."""

    def find(self, **terms: Unpack[UsageTerms]) -> Paged[ContentVisit]:
        """Find visits, oldest first."""
        return self._client.instrumentation.visits(**_renamed(terms))

    async def find_one(self, **terms: Unpack[UsageTerms]) -> ContentVisit | None:
        """Find the first visit, or None."""
        return await self.find(**terms).first()


class ShinyMetrics(ConnectResource, name="metrics.shiny_usage"):
    """Sessions of Shiny applications."""

    def find(self, **terms: Unpack[UsageTerms]) -> Paged[ShinyUsage]:
        """Find sessions that overlap the window, oldest first."""
        return self._client.instrumentation.shiny_usage(**_renamed(terms))

    async def find_one(self, **terms: Unpack[UsageTerms]) -> ShinyUsage | None:
        """Find the first session, or None."""
        return await self.find(**terms).first()


class HitMetrics(ConnectResource, name="metrics.hits"):
    """Requests to content of any kind."""

    def find(self, **terms: Unpack[HitTerms]) -> Paged[ContentHit]:
        """Find hits; they come in one answer, so ask for a short window."""
        return self._client.instrumentation.hits(**_renamed(terms))

    async def find_one(self, **terms: Unpack[HitTerms]) -> ContentHit | None:
        """Find the first hit, or None."""
        return await self.find(**terms).first()

    async def find_by(self, **fields: object) -> ContentHit | None:
        """Find the first hit whose fields have these values, or None; all hits are asked for."""
        return await first_match(self.find(), ContentHit, fields)


class UsageMetrics(ConnectResource, name="metrics.usage"):
    """Visits and sessions of Shiny applications."""

    def find(self, **terms: Unpack[UsageTerms]) -> Mapped[ContentVisit | ShinyUsage]:
        """Find all visits, then all sessions."""
        return self._client.instrumentation.usage(**_renamed(terms))

    async def find_one(self, **terms: Unpack[UsageTerms]) -> ContentVisit | ShinyUsage | None:
        """Find the first visit, else the first session, or None."""
        visits, sessions = self._client.metrics.visits, self._client.metrics.shiny_usage
        return await visits.find_one(**terms) or await sessions.find_one(**terms)


class Metrics(ConnectResource, name="metrics"):
    """Numbers of use."""

    @property
    def visits(self) -> VisitMetrics:
        """Visits of content."""
        return VisitMetrics(self._client)

    @property
    def shiny_usage(self) -> ShinyMetrics:
        """Sessions of Shiny applications."""
        return ShinyMetrics(self._client)

    @property
    def hits(self) -> HitMetrics:
        """Requests to content of any kind."""
        return HitMetrics(self._client)

    @property
    def usage(self) -> UsageMetrics:
        """Visits and sessions of Shiny applications."""
        return UsageMetrics(self._client)

    @endpoint("GET", "/v1/metrics/users/active", role="administrator")
    async def active_users(self) -> ActiveUsers:
        """Count the licensed users who were active in the last day, week, month and year."""
        ...


def _renamed(terms: HitTerms | UsageTerms) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in terms.items()}
