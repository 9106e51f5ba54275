"""The audit log over a time window that holds more entries than one response.

The server indicates that there are more entries, but neither which ones it omitted nor whether the
ends of a window are inclusive. So a response is used only if it is complete: a window with more
entries is halved, and its halves are requested instead, the older one first. Halves share the time
between them, and an entry is used only if it is later than all before. Hence nothing is lost or
duplicated, whichever ends are inclusive. A log of n responses takes about 2n to 4n requests.

Windows are divided at whole seconds as long as one is inside, then at milliseconds, then at
microseconds, because a server may compare times less precisely than it writes them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aconnect._core import decoding
from aconnect._core.url import rfc3339, timestamp
from aconnect.cloudendure.base import CloudEndureModel
from aconnect.errors import AconnectError, InvalidArgumentError

MAX_LIMIT: Final = 1500
_TICK: Final = timedelta(microseconds=1)
_GRAINS: Final = (timedelta(seconds=1), timedelta(milliseconds=1), _TICK)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AuditLogChangedField(CloudEndureModel, kw_only=True):
    """A field changed by an audited change."""

    field_name: str = ""
    new_value: str | None = None
    old_value: str | None = None


class AuditLogEntry(CloudEndureModel, kw_only=True):
    """One audited event."""

    timestamp: datetime | None = None
    event_name: str = ""
    username: str | None = None
    description: str | None = None
    participating_machines: list[dict[str, Any]] = []
    changed_fields: list[AuditLogChangedField] = []
    job_id: str | None = None


class AuditLog(CloudEndureModel, decoding.Envelope, kw_only=True):
    """The audit log of a project in one response."""

    items: list[AuditLogEntry] = []
    has_more_results: bool = False
    """Whether the window has more entries than the limit."""


class TooManyAtOnceError(AconnectError):
    """More entries at one instant than one response can contain, so some cannot be fetched."""


def window(from_: datetime | str, to: datetime | str) -> tuple[datetime, datetime]:
    """Return the ends of a window in UTC; refuse one that ends before it begins."""
    begin, end = _time("from_date_time", from_), _time("to_date_time", to)
    if end < begin:
        raise InvalidArgumentError(
            f"the window ends ({rfc3339('to_date_time', end)}) before it begins "
            f"({rfc3339('from_date_time', begin)}); swap its ends"
        )
    return begin, end


def _time(name: str, value: datetime | str) -> datetime:
    checked = timestamp(name, value)
    time = (
        checked if isinstance(checked, datetime) else datetime.fromisoformat(str(checked).upper())
    )
    return time.astimezone(UTC)


async def events(
    ask: Callable[[datetime, datetime], Awaitable[AuditLog]],
    begin: datetime,
    end: datetime,
    what: str,
) -> AsyncGenerator[AuditLogEntry, None]:
    """Yield each entry from `begin` to `end` once, oldest first; `what` names the log in errors."""
    # The windows still to be requested, the oldest last.
    windows = [(begin, end)]
    last = _EPOCH
    while windows:
        from_, to = windows.pop()
        log = await ask(from_, to)
        if log.has_more_results:
            middle = _middle(from_, to)
            if middle is not None:
                windows += [(middle, to), (from_, middle)]
                continue
            log = await _instants(ask, from_, to, what, len(log.items))
        entries = sorted(log.items, key=_when)
        for entry in entries:
            if entry.timestamp is None or _when(entry) > last:
                yield entry
        if entries:
            last = max(last, _when(entries[-1]))


async def _instants(
    ask: Callable[[datetime, datetime], Awaitable[AuditLog]],
    from_: datetime,
    to: datetime,
    what: str,
    at_least: int,
) -> AuditLog:
    """Request the two ends of the shortest window one by one.

    If the ends are exclusive, these requests return nothing, so the number is checked.
    """
    logs = [await ask(end, end) for end in (from_, to)] if from_ < to else []
    entries = [entry for log in logs for entry in log.items]
    if len(entries) <= at_least or any(log.has_more_results for log in logs):
        raise TooManyAtOnceError(
            f"{what} has more than {at_least} entries between {rfc3339('from_date_time', from_)} "
            f"and {rfc3339('to_date_time', to)}, more than one response can contain for "
            f"one instant; raise limit (up to {MAX_LIMIT}), or request the time before and after it"
        )
    return AuditLog(items=entries)


def _middle(from_: datetime, to: datetime) -> datetime | None:
    """Return a time inside a window near its middle, as round as possible, or None."""
    middle = from_ + (to - from_) / 2
    for grain in _GRAINS:
        round_ = middle - (middle - _EPOCH) % grain
        for time in (round_, round_ + grain):
            if from_ < time < to:
                return time
    return None


def _when(entry: AuditLogEntry) -> datetime:
    time = entry.timestamp
    if time is None:
        return _EPOCH
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
