"""Metrics: active users, and usage of content under the names of posit-sdk.

The operations are those of `instrumentation` under other names: `find`, `start` and `end` for
`visits`, `from_` and `to`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.instrumentation import ContentHit, ContentVisit, ShinyUsage

_NAMES: Final = {"start": "from_", "end": "to"}


class ActiveUserCounts(Model, kw_only=True):
    """The number of active licensed users by role."""

    total: int | None = None
    admin: int | None = None
    publisher: int | None = None
    viewer: int | None = None


class ActiveUsers(Model, kw_only=True):
    """The number of active users within several time windows that end now."""

    windows: dict[str, ActiveUserCounts] = {}
    """By the length of the window: `1d`, `7d`, `30d` and `365d`."""


class HitTerms(TypedDict, total=False):
    """Filters of hits; both ends of the time window are inclusive."""

    content_guid: str | Sequence[str] | None
    start: datetime | str | None
    end: datetime | str | None


class UsageTerms(HitTerms, total=False):
    """Filters of usage."""

    min_data_version: int | None


class VisitMetrics(ConnectResource, name="metrics.visits"):
    """Visits of content."""

    def find(self, **terms: Unpack[UsageTerms]) -> Paged[ContentVisit]:
        """List visits, oldest first."""
        return self.client.instrumentation.visits(**_renamed(terms))

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class ShinyMetrics(ConnectResource, name="metrics.shiny_usage"):
    """Sessions of Shiny applications."""

    def find(self, **terms: Unpack[UsageTerms]) -> Paged[ShinyUsage]:
        """List sessions that overlap the window, oldest first."""
        return self.client.instrumentation.shiny_usage(**_renamed(terms))

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class HitMetrics(ConnectResource, name="metrics.hits"):
    """Requests to content of any type."""

    def find(self, **terms: Unpack[HitTerms]) -> Paged[ContentHit]:
        """List hits; all in one response, so request a short time window."""
        return self.client.instrumentation.hits(**_renamed(terms))

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class UsageMetrics(ConnectResource, name="metrics.usage"):
    """Visits and sessions of Shiny applications."""

    def find(self, **terms: Unpack[UsageTerms]) -> LazySequence[ContentVisit | ShinyUsage]:
        """List all visits, then all sessions."""
        return self.client.instrumentation.usage(**_renamed(terms))

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class Metrics(ConnectResource, name="metrics"):
    """Active users and usage."""

    visits: Final = resource(VisitMetrics)

    shiny_usage: Final = resource(ShinyMetrics)

    hits: Final = resource(HitMetrics)

    usage: Final = resource(UsageMetrics)

    @endpoint("GET", "/v1/metrics/users/active", role="administrator")
    async def active_users(self) -> ActiveUsers:
        """Count the licensed users who were active in the last day, week, month and year."""
        ...


def _renamed(terms: HitTerms | UsageTerms) -> dict[str, Any]:
    return {_NAMES.get(name, name): value for name, value in terms.items()}
