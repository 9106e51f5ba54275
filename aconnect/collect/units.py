"""Units of work: a query that never changes, and the part of its answer that is claimed.

Each event belongs to the one unit whose half-open claim has its own time, so that units can be
fetched at the same time, and cut while they are, and no event is lost or comes twice. Nothing here
waits or makes a request. Times are in microseconds since 1970, cut off and not rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from aconnect._core import decoding
from aconnect.collect.sink import as_microseconds

SECOND: Final = 1_000_000
"""In microseconds."""

Kind = Literal["new", "overlap", "open"]
"""Whether a unit has new events, events that were collected before, or sessions that were open."""


class Unit(Struct, kw_only=True, omit_defaults=True):
    """A part of a run that is fetched page by page."""

    id: int
    lo: int | None = None
    """The start of its claim, inclusive."""
    hi: int | None = None
    """The end of its claim, exclusive."""
    query: tuple[int | None, int | None] = (None, None)
    """The window that the server is asked for, both ends inclusive."""
    kind: Kind = "new"
    descending: bool = False
    """Whether the newest events come first."""
    token: str | None = None
    """Where its pages continue; None at the beginning."""
    reached: int | None = None
    """The time of the last event that was taken."""
    edge: tuple[str, ...] = ()
    """The ids of the events at that time, where another unit may meet them."""
    rows: int = 0
    done: bool = False

    @property
    def is_atomic(self) -> bool:
        """Whether its rows are written when all of them are there."""
        return self.kind != "new"

    def holds(self, time: int) -> bool:
        """Return True if an event of this time belongs to it."""
        return (self.lo is None or time >= self.lo) and (self.hi is None or time < self.hi)

    def is_past(self, time: int) -> bool:
        """Return True if events of this time and those that come after it do not belong to it."""
        if self.descending:
            return self.lo is not None and time < self.lo
        return self.hi is not None and time >= self.hi

    @property
    def remaining(self) -> int | None:
        """How much time of its claim is left; None if that is not known."""
        near = self.reached
        if self.descending:
            near = self.hi if near is None else near
            return None if near is None or self.lo is None else near - self.lo
        near = self.lo if near is None else near
        return None if near is None or self.hi is None else self.hi - near


class Times:
    """Reads the time of raw rows."""

    def __init__(self, field: str) -> None:
        self._read = _reader(field)
        self.grain: int = SECOND
        """The precision of the clock as seen so far: whole seconds until a fraction is seen."""

    def of(self, row: Raw) -> int | None:
        """Return the time of a row; None if it has no valid one, or one that was never set."""
        time = parse_time(self._read(row))
        if time is not None and self.grain > 1 and time % SECOND:
            self.grain = 1
        return time


def field_of(row: Raw, name: str) -> Any:
    """Return one field of a raw row; None if it has none."""
    return _reader(name)(row)


@cache
def _reader(name: str) -> Callable[[Raw], Any]:
    peek = msgspec.defstruct("Peek", [("value", Any, msgspec.field(name=name, default=None))])
    decode: Any = msgspec.json.Decoder(peek).decode

    def read(row: Raw) -> Any:
        try:
            return decode(row).value
        except decoding.FAILURES:
            return None

    return read


def parse_time(text: Any) -> int | None:
    """Return a time in RFC 3339 in microseconds, cut off; None if it is none.

    A time without a zone is in UTC. The year 1 is how servers write a time that was never set.
    """
    try:
        # Not msgspec's datetime: it rounds nanoseconds up, into the next window, whereas this
        # truncates them.
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if time.year == 1:
        return None
    try:
        return as_microseconds(time if time.tzinfo is not None else time.replace(tzinfo=UTC))
    except OverflowError:
        return None


class Cut(Struct, frozen=True):
    """What a unit takes from a page."""

    rows: Sequence[Raw]
    ended: bool
    """Whether no later page has anything for the unit."""
    first: int | None = None
    last: int | None = None
    """The times of the first and the last event of the whole page."""
    times: Sequence[int | None] | None = None
    """The times of the rows that are taken, if they had to be read one by one."""


def cut(rows: Sequence[Raw], unit: Unit, times: Times) -> Cut:
    """Return the events of a page that belong to a unit.

    Servers sort events by time, so of most pages only the first and the last are read. If the
    events of a page at the end of the claim are not sorted, the unit ends after a page without any
    event that belongs to it.
    """
    if not rows:
        return Cut(rows, ended=False)
    first, last = times.of(rows[0]), times.of(rows[-1])
    if first is not None and last is not None and unit.holds(first) and unit.holds(last):
        return Cut(rows, ended=False, first=first, last=last)
    known = [times.of(row) for row in rows]
    # An event without a valid time belongs to where the server put it.
    near = next((time for time in known if time is not None), None)
    kept: list[Raw] = []
    kept_times: list[int | None] = []
    for row, time in zip(rows, known, strict=True):
        near = near if time is None else time
        if near is None or unit.holds(near):
            kept.append(row)
            kept_times.append(time)
    valid = [time for time in known if time is not None]
    if unit.descending:
        in_order = all(a >= b for a, b in pairwise(valid))
    else:
        in_order = all(a <= b for a, b in pairwise(valid))
    past = [unit.is_past(time) for time in valid]
    ended = bool(past) and (past[-1] if in_order else all(past))
    first, last = (valid[0], valid[-1]) if valid else (None, None)
    return Cut(kept, ended=ended, first=first, last=last, times=kept_times)


class Reading(Struct):
    """What is known of a unit that is being read, to estimate what is left of it."""

    pages: int = 0
    density: float | None = None
    """Events per microsecond in the last page."""

    def see(self, rows: int, first: int | None, last: int | None, grain: int) -> None:
        """Learn from a page."""
        self.pages += 1
        if first is not None and last is not None and rows:
            self.density = rows / max(abs(last - first), grain)

    def count(self, unit: Unit, left: int) -> None:
        """Learn from a server that counts how many events are left in the query of a unit."""
        end = unit.query[1]
        if unit.reached is not None and end is not None and end > unit.reached:
            self.density = max(left, 0) / (end - unit.reached)

    def estimate(self, unit: Unit) -> float:
        """Return how many events are probably left in a unit; 0 if nothing is known of it."""
        remaining = unit.remaining
        if self.density is None or remaining is None:
            return 0.0
        return self.density * remaining


def middle(unit: Unit, grain: int) -> int | None:
    """Return where the rest of a unit can be cut in two; None if it is too short.

    Events at that time belong to the later part, and none that was taken belongs to the part that
    is given away.
    """
    remaining = unit.remaining
    if remaining is None or remaining < 2 * grain:
        return None
    if unit.descending:
        assert unit.lo is not None  # noqa: S101  `remaining` is known
        at = (unit.lo + remaining // 2) // grain * grain
        return at if at > unit.lo else None
    assert unit.hi is not None  # noqa: S101
    near = unit.hi - remaining
    at = (near + remaining // 2) // grain * grain
    return at if near < at < unit.hi else None


def split(unit: Unit, at: int, id: int) -> Unit:  # noqa: A002
    """Give away what a unit has not reached of its claim; the new unit asks a query of its own."""
    if unit.descending:
        other = Unit(id=id, lo=unit.lo, hi=at, query=(unit.lo, at), kind=unit.kind, descending=True)
        unit.lo = at
    else:
        other = Unit(id=id, lo=at, hi=unit.hi, query=(at, unit.hi), kind=unit.kind)
        unit.hi = at
    return other


def windows(lo: int, hi: int, count: int) -> list[tuple[int, int]]:
    """Return the edges of up to `count` windows of equal length, whole seconds where possible."""
    span = hi - lo
    grain = SECOND if span >= count * SECOND else 1
    count = max(1, min(count, span // grain))
    edges = [lo, *((lo + span * i // count) // grain * grain for i in range(1, count)), hi]
    return [(a, b) for a, b in pairwise(edges) if a < b]
