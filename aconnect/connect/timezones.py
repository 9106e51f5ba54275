"""Time zones that schedules may be in."""

from __future__ import annotations

from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import paged
from aconnect._client.paged import Paged
from aconnect._core.model import Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource


class TimeZone(Model, kw_only=True):
    """A time zone that schedules may be in."""

    timezone: str = ""
    """Its name, such as `America/New_York`."""
    offset: str | None = None
    """The offset from UTC, in hours and minutes with a sign."""


class TimeZones(ConnectResource, name="timezones"):
    """Time zones of the server."""

    @paged("/v1/timezones", by=Unpaged(), since="2024.09.0")
    def find(self) -> Paged[TimeZone]:
        """List all time zones with their current offset."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)
