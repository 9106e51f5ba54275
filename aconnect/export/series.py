"""The series that can be collected, in time windows that do not overlap.

On servers both ends of a time window are inclusive, and Shiny usage includes every session that
overlaps it. Here an event belongs to the window `from_ <= t < to` of its own timestamp, so that
adjoining windows return each event once. Nothing is written here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Literal, get_args
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from aconnect._client.paged import Paged
from aconnect._core import decoding
from aconnect._core.arguments import guid_filter
from aconnect._core.url import rfc3339
from aconnect.connect import Client, audit_query
from aconnect.errors import EndpointMissingError, InvalidArgumentError

Kind = Literal["visits", "shiny-usage", "hits", "audit-logs"]
"""The series that can be collected."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Keep = Callable[[Sequence[Raw]], Sequence[Raw] | None]
"""Returns the rows of a page that belong; None if neither this page nor a later one has any."""

_TIMES: Final[dict[Kind, str]] = {
    "visits": "time",
    "shiny-usage": "started",
    "hits": "timestamp",
    "audit-logs": "time",
}


class Window(Struct, frozen=True, kw_only=True):
    """The time from `from_` (inclusive) to `to` (exclusive); None leaves that end open.

    Its times are converted to UTC.
    """

    from_: datetime | None = None
    to: datetime | None = None

    def __post_init__(self) -> None:
        for name, time in (("from_", self.from_), ("to", self.to)):
            if time is not None:
                # The same time must be the same query, in whatever zone it is written.
                msgspec.structs.force_setattr(self, name, _utc(name, time))
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise InvalidArgumentError(
                f"the window from {self.from_.isoformat()} to {self.to.isoformat()} is empty; "
                "its end must be later than its start"
            )

    @property
    def bounded(self) -> bool:
        """Whether it has any end."""
        return self.from_ is not None or self.to is not None

    def holds(self, time: datetime) -> bool:
        """Return True if this time belongs to it."""
        return not self.before(time) and not self.after(time)

    def before(self, time: datetime) -> bool:
        """Return True if a time is too early."""
        return self.from_ is not None and time < self.from_

    def after(self, time: datetime) -> bool:
        """Return True if a time is too late."""
        return self.to is not None and time >= self.to


def _utc(name: str, time: datetime) -> datetime:
    rfc3339(name, time)
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgumentError(
            f"{name}={time.isoformat()} is out of range in UTC; leave it out for an open end"
        ) from error


class Within(Struct, frozen=True, kw_only=True):
    """Keeps the rows in a time window, optionally of certain content.

    Rows without a valid time are kept: losing one would be worse than a duplicate. So are those
    whose time was never set, which the server writes as the year 1.
    """

    window: Window
    time: str
    """The field that contains the time."""
    order: Literal["ascending", "descending"] | None = None
    """The order of the rows. Of an ordered page only the first and the last row are examined,
    unless an end of the window is between them."""
    contents: frozenset[str] | None = None

    def __call__(self, rows: Sequence[Raw]) -> Sequence[Raw] | None:
        """Return the rows that belong; None after the end of the window."""
        if not rows:
            return rows
        if self.order is not None and self.contents is None:
            first, last = self._peek(rows[0])[0], self._peek(rows[-1])[0]
            if first is not None and last is not None:
                if self.window.holds(first) and self.window.holds(last):
                    return rows
                past = self.window.after if self.order == "ascending" else self.window.before
                # All of them: a single row out of order is not the end.
                if past(first) and all(t is not None and past(t) for t, _ in map(self._peek, rows)):
                    return None
        return [row for row in rows if self._wants(row)]

    def time_of(self, row: Raw) -> datetime | None:
        """Return the time of a row, or None if it has no valid one."""
        return self._peek(row)[0]

    def _wants(self, row: Raw) -> bool:
        time, content = self._peek(row)
        if self.contents is not None and content not in self.contents:
            return False
        return time is None or self.window.holds(time)

    def _peek(self, row: Raw) -> tuple[datetime | None, Any]:
        try:
            seen = _peeker(self.time).decode(row)
        except decoding.FAILURES:
            return None, None
        try:
            # Not msgspec's datetime: it rounds nanoseconds up, into the next window, whereas this
            # truncates them.
            time = datetime.fromisoformat(seen.time)
        except (TypeError, ValueError):
            return None, seen.content_guid
        return (time if time.tzinfo is not None and time.year > 1 else None), seen.content_guid


@cache
def _peeker(time: str) -> msgspec.json.Decoder[Any]:
    peek = msgspec.defstruct(
        "Peek",
        [("time", Any, msgspec.field(name=time, default=None)), ("content_guid", Any, None)],
    )
    return msgspec.json.Decoder(peek)


class Selected(Struct, frozen=True):
    """The query and the filter of its rows; pass both to `collect`."""

    paged: Paged[Any]
    keep: Keep | None


async def select(
    client: Client,
    kind: Kind,
    window: Window | None = None,
    *,
    content_guid: str | Sequence[str] | None = None,
) -> Selected:
    """Return the query of a series in a time window, of some content or all.

    Makes a request only for audit logs in a window, which old servers cannot search: there the
    whole log is read from the newest entry back to the start of the window.

    Raises:
        InvalidArgumentError: There is no such series, or it cannot be filtered by content; the list
        is empty, or contains what is not a GUID.
    """
    if kind not in KINDS:
        nearest = difflib.get_close_matches(str(kind), KINDS, n=1)
        meant = f" (did you mean {nearest[0]!r}?)" if nearest else ""
        raise InvalidArgumentError(
            f"there is no series {kind!r}{meant}; choose one of {', '.join(KINDS)}"
        )
    window = window or Window()
    if kind == "audit-logs":
        if content_guid is not None:
            raise InvalidArgumentError("audit logs cannot be filtered by content; leave it out")
        return await _audit_logs(client, window)
    if isinstance(content_guid, str | UUID):
        content_guid = [content_guid]
    if content_guid is not None:
        # Sorted, so that the same content is the same query.
        content_guid = sorted(set(guid_filter("content_guid", content_guid)))
    usage = client.instrumentation
    operation: Any = {
        "visits": usage.visits,
        "shiny-usage": usage.shiny_usage,
        "hits": usage.hits,
    }[kind]
    paged = operation(from_=window.from_, to=window.to, content_guid=content_guid)
    # Servers before 2026.01 ignore the content filter of hits.
    contents = frozenset(content_guid) if kind == "hits" and content_guid else None
    if not window.bounded and contents is None:
        return Selected(paged, None)
    # Sessions are sorted by their start, which does not determine which of them overlap; the order
    # of hits is not documented.
    order: Literal["ascending"] | None = "ascending" if kind == "visits" else None
    keep = Within(window=window, time=_TIMES[kind], order=order, contents=contents)
    return Selected(paged, keep)


async def _audit_logs(client: Client, window: Window) -> Selected:
    logs = client.audit_logs
    if not window.bounded:
        return Selected(logs.find(asc_order=True), None)
    found = logs.search(q=audit_query(from_=window.from_, to=window.to), order="asc")
    order: Literal["ascending", "descending"] = "ascending"
    try:
        await found.first()
    except EndpointMissingError:
        # Windows are mostly recent, so going back from the newest entry is shorter.
        order = "ascending" if window.from_ is None else "descending"
        found = logs.find(asc_order=order == "ascending")
    return Selected(found, Within(window=window, time=_TIMES["audit-logs"], order=order))
