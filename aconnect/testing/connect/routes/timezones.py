"""Time zones and their offsets."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.wire import Response, ok

_TIME_ZONES = {
    "Africa/Cairo": "+02:00",
    "Africa/Johannesburg": "+02:00",
    "Africa/Lagos": "+01:00",
    "America/Anchorage": "-09:00",
    "America/Argentina/Buenos_Aires": "-03:00",
    "America/Bogota": "-05:00",
    "America/Chicago": "-06:00",
    "America/Denver": "-07:00",
    "America/Halifax": "-04:00",
    "America/Los_Angeles": "-08:00",
    "America/Mexico_City": "-06:00",
    "America/New_York": "-05:00",
    "America/Sao_Paulo": "-03:00",
    "America/St_Johns": "-03:30",
    "Asia/Dubai": "+04:00",
    "Asia/Hong_Kong": "+08:00",
    "Asia/Jakarta": "+07:00",
    "Asia/Kathmandu": "+05:45",
    "Asia/Kolkata": "+05:30",
    "Asia/Seoul": "+09:00",
    "Asia/Shanghai": "+08:00",
    "Asia/Singapore": "+08:00",
    "Asia/Tokyo": "+09:00",
    "Australia/Adelaide": "+10:30",
    "Australia/Sydney": "+11:00",
    "Europe/Berlin": "+01:00",
    "Europe/Istanbul": "+03:00",
    "Europe/London": "+00:00",
    "Europe/Madrid": "+01:00",
    "Europe/Paris": "+01:00",
    "Pacific/Auckland": "+13:00",
    "Pacific/Honolulu": "-10:00",
    "UTC": "+00:00",
}
"""Offsets in January; the simulated server has no daylight saving time."""


@route("GET", "/v1/timezones", since=(2024, 9, 0))
def get_time_zones(_: Call) -> Response:
    """List the time zones."""
    return ok([{"timezone": name, "offset": offset} for name, offset in _TIME_ZONES.items()])
