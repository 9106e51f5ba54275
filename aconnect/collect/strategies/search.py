"""Windows with known numbers of events, where a server searches its audit log and counts.

Pages of a search are numbered, and the server reads what it skips, so a window has 20 pages at
most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from aconnect.collect.options import Options
from aconnect.collect.sink import Period
from aconnect.collect.strategies.by_time import Ask, ByTime
from aconnect.collect.units import SECOND, Kind, windows
from aconnect.concurrency import amap

_PAGES: Final = 20
_SMALLEST: Final = 2


class Search(ByTime):
    """Reads windows of about the same number of events."""

    name = "search"

    def __init__(self, ask: Ask, time_field: str, options: Options, **more: Any) -> None:
        super().__init__(ask, time_field, options, **more)
        self._explain("the server searches its audit log by time and counts what it finds")
        if not options.ordered:
            self._longest = _PAGES

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Count the events of windows, and halve those with too many until none has."""
        hi = period.hi
        assert hi is not None  # noqa: S101  a run has an end
        start = await self._oldest(hi) if period.lo is None else period.lo
        if kind != "new" or self._options.ordered or start is None or start >= hi:
            await super().begin(period, kind)
            return
        counted = await self._counted(windows(start, hi, self._count(start, hi)))
        total = sum(one.events for one in counted)
        limit = total // (2 * self._options.in_flight)
        limit = max(_SMALLEST * self._page, min(_PAGES * self._page, limit))
        for one in await self._halved(counted, limit):
            if not one.is_empty:
                # Of an open period, the first window is open too.
                self._add(self._window(period.lo if one.lo == start else one.lo, one.hi))
        if not self.units:
            self._add(self._window(period.lo, hi))

    async def _counted(self, spans: Sequence[tuple[int, int]]) -> list[_Counted]:
        async def count(span: tuple[int, int]) -> _Counted:
            # Both ends of a query are inclusive, so one at the end may be counted twice. To count
            # up to the microsecond before it would leave out the nanoseconds in between.
            total = await self._ask(*span).total()
            return _Counted(*span, total, is_empty=not total)

        most = self._options.in_flight
        return [one async for one in amap(count, spans, limit=most)]

    async def _halved(self, counted: list[_Counted], limit: int) -> list[_Counted]:
        while True:
            large = [one for one in counted if one.events > limit and one.hi - one.lo >= 2 * SECOND]
            large = large[: 2 * self._options.in_flight]
            if not large:
                return sorted(counted)
            middles = [(one.lo + one.hi) // 2 // SECOND * SECOND for one in large]
            spans = [(one.lo, at) for one, at in zip(large, middles, strict=True)]
            lower = await self._counted(spans)
            counted = [one for one in counted if one not in large]
            for one, half in zip(large, lower, strict=True):
                # Not counted itself, so not left out, whatever the difference is.
                upper = _Counted(half.hi, one.hi, max(one.events - half.events, 0), is_empty=False)
                counted += [half, upper]


class _Counted(NamedTuple):
    """A window, and about how many events it has."""

    lo: int
    hi: int
    events: int
    is_empty: bool
