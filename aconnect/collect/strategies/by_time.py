"""Windows that are read at the same time; a free worker takes half of the rest of the longest.

It gets the half of the window with the most *events* left, estimated by the density of its last
page: by time alone, a busy hour among quiet years would be read by one worker.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from math import inf
from typing import Any, Final

from msgspec import Raw

from aconnect.collect.options import Options
from aconnect.collect.sink import Period, as_datetime
from aconnect.collect.strategies import Fetched, Strategy, listing
from aconnect.collect.units import SECOND, Kind, Reading, Times, Unit, cut, middle, split, windows

Ask = Callable[[int | None, int | None], Any]
"""Returns the query of a window, both ends inclusive, in microseconds since 1970."""

_DAY: Final = 86_400 * SECOND
_FEW: Final = 4
"""Windows at the beginning of a run that will probably be small."""
_PAGES_LEFT: Final = 2
"""How many pages must be left in a window that is cut in two."""
_PAGES_AHEAD: Final = 8
"""How many pages a window has where rows are wanted in order."""
_MOST_PAGES_AHEAD: Final = 16
"""After how many pages such a window gives the rest back, if events are denser than expected."""
_WIDEN: Final = 4


class ByTime(Strategy):
    """Reads windows of time at the same time, by cursors."""

    name = "windows"

    def __init__(
        self,
        ask: Ask,
        time_field: str,
        options: Options,
        *,
        first: Callable[[], Any] | None = None,
        descending: bool = False,
    ) -> None:
        super().__init__()
        self._ask = ask
        self._first = first
        """Returns the query whose first row is the oldest event."""
        self._times = Times(time_field)
        self._options = options
        self._page = options.page_size or 500
        self._descending = descending
        self._readings: dict[int, Reading] = {}
        self._expected = 0.0
        self._rests: list[Unit] = []
        """Where rows are wanted in order: what is not divided into windows yet, oldest first."""
        self._width = 0
        self._oldest_time = 0
        self._has_tie = False
        self._longest = _MOST_PAGES_AHEAD if options.ordered else None
        """How many pages may be left in a window; what is beyond is read by others."""
        self._explain("the server selects events by time")

    def expect(self, density: float) -> None:
        """Begin with fewer windows if few events are expected."""
        self._expected = density

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Create the first windows; the beginning of an open period is looked up."""
        lo, hi = period.lo, period.hi
        assert hi is not None  # noqa: S101  a run has an end
        start = await self._oldest(hi) if lo is None else lo
        if kind != "new" or start is None or start >= hi:
            self._add(self._window(lo, hi, kind))
            return
        if self._options.ordered:
            rest = self._window(lo, hi)
            self._record(rest)
            self._rests.append(rest)
            self._width = max((hi - start) // (16 * self._options.in_flight), 1)
            return
        for low, high in windows(start, hi, self._count(start, hi)):
            # Of an open period, the first window is open too.
            self._add(self._window(lo if low == start else low, high, kind))

    def begin_open(self, oldest: int, at: int) -> None:
        """Ask for the sessions that overlap one moment, the newest first."""
        unit = Unit(
            id=self.next_id(), lo=oldest, hi=at, query=(at, at), kind="open", descending=True
        )
        self._add(unit)

    def _window(self, lo: int | None, hi: int | None, kind: Kind = "new") -> Unit:
        return Unit(
            id=self.next_id(),
            lo=lo,
            hi=hi,
            query=(lo, hi),
            kind=kind,
            descending=self._descending,
        )

    async def _oldest(self, hi: int) -> int | None:
        if self._first is None:
            return None
        row = await self._first().raw().first()
        time = None if row is None else self._times.of(row)
        self._oldest_time = time or 0
        return time

    def _count(self, lo: int, hi: int) -> int:
        """Return how many windows a run begins with; the others are cut from them as needed."""
        most = self._options.in_flight
        if self._expected:
            return max(1, min(most, round(self._expected * (hi - lo) / (_PAGES_LEFT * self._page))))
        return most if hi - lo > _DAY else min(most, _FEW)

    def resume(self, units: Iterable[Unit]) -> None:
        """Continue with the windows of an earlier run; the longest are divided."""
        super().resume(units)
        if self._options.ordered:
            self._rests = [unit for unit in self._pending if unit.token is None]
            self._rests.sort(key=_start)
            self._pending = [unit for unit in self._pending if unit.token is not None]
            self._pending.sort(key=_start)
            span = sum(unit.remaining or 0 for unit in self._rests)
            self._width = max(span // (16 * self._options.in_flight), 1)

    def take(self) -> Unit | None:
        """Return a unit to read: one that waits, the next window, or half of another's rest."""
        if not self._options.ordered:
            return super().take() or self._steal()
        if self._pending and (not self._rests or _start(self._pending[0]) < _start(self._rests[0])):
            return super().take()
        return self._next_window() if self._rests else None

    def _next_window(self) -> Unit:
        rest = self._rests[0]
        lo, hi, at = rest.lo, rest.hi, None
        if rest.kind == "new" and hi is not None:
            at = (self._oldest_time if lo is None else lo) + self._width
            at = at // self._times.grain * self._times.grain
        if at is None or hi is None or at >= hi or (lo is not None and at <= lo):
            return self._rests.pop(0)
        unit = self._window(lo, at)
        rest.lo, rest.query = at, (at, hi)
        self._record(unit, rest)
        return unit

    def _steal(self) -> Unit | None:
        grain, most, found = self._times.grain, float(_PAGES_LEFT * self._page), None
        for id_, reading in self._readings.items():
            unit = self.units[id_]
            left = 0.0 if unit.done else reading.estimate(unit)
            if left >= most and (at := middle(unit, grain)) is not None:
                most, found = left, (unit, at)
        if found is None:
            return None
        unit, at = found
        return self._split(unit, at)

    def _split(self, unit: Unit, at: int) -> Unit:
        other = split(unit, at, self.next_id())
        self._record(unit, other)
        self._count_split()
        return other

    async def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Yield the pages of a window."""
        paged = listing(self._ask(*unit.query), self._options.page_size)
        self._readings[unit.id] = Reading()
        try:
            async with aclosing(paged.pages(unit.token)) as pages:
                async for page in pages:
                    yield Fetched(page.items, page.token, page.total, page.token is None)
        finally:
            self._readings.pop(unit.id, None)

    def accept(self, unit: Unit, page: Fetched) -> Sequence[Raw]:
        """Cut a page to the claim of its window."""
        piece = cut(page.rows, unit, self._times)
        unit.token, unit.rows = page.token, unit.rows + len(piece.rows)
        unit.done = piece.ended or page.ended
        if piece.last is not None:
            unit.reached = _within(unit, piece.last)
        reading = self._readings[unit.id]
        reading.see(len(page.rows), piece.first, piece.last, self._times.grain)
        if piece.first is not None and piece.first == piece.last and len(page.rows) >= self._page:
            self._note_tie(piece.first)
        if page.total is not None:
            reading.count(unit, page.total - unit.rows)
        if unit.done:
            self._adapt_width(unit)
        elif self._longest is not None:
            self._give_back(unit, reading, self._longest)
        return piece.rows

    def _note_tie(self, time: int) -> None:
        """Say once that a page has one time only: such events are read one page after the other."""
        if not self._has_tie:
            self._has_tie = True
            self.notes.append(
                f"the events at {as_datetime(time).isoformat()} fill more than a page: those of "
                "one time cannot be divided, and are read one page after the other"
            )

    def _give_back(self, unit: Unit, reading: Reading, longest: int) -> None:
        """Give away what is beyond some pages, if a window has many more events than expected."""
        if reading.density is None or reading.estimate(unit) <= longest * self._page:
            return
        keep = _PAGES_AHEAD if self._options.ordered else longest
        width = int(keep * self._page / reading.density)
        grain, near = self._times.grain, unit.reached
        if near is None or unit.kind != "new":
            return
        at = (near - width if unit.descending else near + width) // grain * grain
        if not (unit.lo or -inf) < at < (near if unit.descending else unit.hi or inf):
            return
        other = self._split(unit, at)
        if self._options.ordered:
            self._width = max(width, 1)
            insort(self._rests, other, key=_start)
        else:
            self._pending.append(other)

    def _adapt_width(self, unit: Unit) -> None:
        """Choose the length of the next window by how many events this one had."""
        if self._options.ordered and unit.lo is not None and unit.hi is not None:
            length = unit.hi - unit.lo
            wanted = length * _PAGES_AHEAD * self._page // max(unit.rows, 1)
            self._width = max(1, min(wanted, _WIDEN * length))


def _within(unit: Unit, time: int) -> int:
    """Return a time, or the end of the claim if it is beyond."""
    if unit.descending:
        return time if unit.lo is None else max(time, unit.lo)
    return time if unit.hi is None else min(time, unit.hi)


def _start(unit: Unit) -> float:
    return -inf if unit.lo is None else unit.lo
