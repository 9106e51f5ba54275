"""The audit log over a time window that holds more entries than one response.

The server indicates that there are more entries, but neither which ones it omitted nor whether the
ends of a window are inclusive. So a response is used only if it is complete: a window with more
entries is halved, and its halves are requested instead, the older one first. Each window is
requested with a margin on both sides, and the entries outside it are left out. Hence nothing is
lost or duplicated, whichever ends are inclusive. A log of n responses takes about 2n to 4n
requests.

Windows are divided at whole seconds as long as one is inside, then at milliseconds, then at
microseconds, because a server may compare times less precisely than it writes them. The margins are
as long, but no longer than the window.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aconnect._core import decoding
from aconnect._core.url import rfc3339, timestamp
from aconnect.cloudendure.base import DEFAULT_LIMIT, CloudEndureModel
from aconnect.errors import AconnectError, InvalidArgumentError

_TICK: Final = timedelta(microseconds=1)
_GRAINS: Final = (timedelta(seconds=1), timedelta(milliseconds=1), _TICK)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AuditLogChangedField(CloudEndureModel, kw_only=True):
    """A field changed by an audited change."""

    field_name: str = ""
    new_value: Any = None
    """Of any JSON type, although the documentation says text."""
    old_value: Any = None


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
    has_more_results: bool | None = None
    """Whether the window has more entries than the limit.

    If the server does not say, it is whether the response is full.
    """

    def resolved(self, limit: int) -> AuditLog:
        """Return this response, with `has_more_results` decided if the server does not say."""
        if self.has_more_results is None:
            # A server that does not honour a larger limit must not seem to have sent everything.
            self.has_more_results = len(self.items) >= min(limit, DEFAULT_LIMIT)
        return self


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
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgumentError(f"{name}={time.isoformat()} is out of range in UTC") from error


async def events(
    ask: Callable[[datetime, datetime], Awaitable[AuditLog]],
    begin: datetime,
    end: datetime,
    what: str,
) -> AsyncGenerator[AuditLogEntry, None]:
    """Yield each entry from `begin` to `end`, both included, once and oldest first.

    `what` names the log in errors. An entry without a time is yielded where it is found.
    """
    # The windows still to be requested, the oldest last, without their ends.
    windows = [(begin, _moved(end, _TICK))]
    untimed: set[bytes] = set()
    while windows:
        from_, to = windows.pop()
        margin = next((grain for grain in _GRAINS if grain <= to - from_), _TICK)
        log = await ask(_moved(from_, -margin), _moved(to, margin))
        entries = log.items
        if log.has_more_results:
            middle = _middle(from_, to)
            if middle is not None:
                windows += [(middle, to), (from_, middle)]
                continue
            entries = await _instant(ask, from_, what)
        for entry in sorted(entries, key=_when):
            if entry.timestamp is None:
                if (text := decoding.encode(entry)) not in untimed:
                    untimed.add(text)
                    yield entry
            elif from_ <= _when(entry) < to:
                yield entry


async def _instant(
    ask: Callable[[datetime, datetime], Awaitable[AuditLog]], time: datetime, what: str
) -> list[AuditLogEntry]:
    """Request the shortest windows with an instant: one of them has nothing else.

    Which one depends on whether the ends are inclusive.
    """
    before, after = _moved(time, -_TICK), _moved(time, _TICK)
    shown, any_complete = 0, False
    for from_, to in ((time, time), (time, after), (before, time), (before, after)):
        log = await ask(from_, to)
        entries = [entry for entry in log.items if _when(entry) == time]
        if log.has_more_results:
            shown = max(shown, len(entries))
        elif entries:
            return entries
        else:
            any_complete = True
    if any_complete and not shown:
        return []
    raise TooManyAtOnceError(
        f"{what} has more than {shown} entries at {rfc3339('timestamp', time)}, more than one "
        "response can contain; raise limit, or request the time before and after it"
    )


def _moved(time: datetime, by: timedelta) -> datetime:
    """Return an earlier or later time, within what `datetime` can represent."""
    try:
        return time + by
    except OverflowError:
        return time


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
