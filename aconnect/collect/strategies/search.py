"""Windows with known numbers of events, where a server searches its audit log and counts.

Pages of a search are numbered, and the server reads what it skips, so a window has 20 pages at
most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

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
        total = sum(count for _, _, count in counted)
        limit = total // (2 * self._options.in_flight)
        limit = max(_SMALLEST * self._page, min(_PAGES * self._page, limit))
        counted = await self._halved(counted, limit)
        for lo, end, count in counted:
            if count:
                self._add(self._window(lo, end))
        if not self.units:
            self._add(self._window(period.lo, hi))

    async def _counted(self, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        async def count(span: tuple[int, int]) -> tuple[int, int, int]:
            lo, hi = span
            # Both ends of a query are inclusive, those of a window are not.
            return lo, hi, await self._ask(lo, hi - 1).total()

        most = self._options.in_flight
        return [one async for one in amap(count, spans, limit=most)]

    async def _halved(
        self, counted: list[tuple[int, int, int]], limit: int
    ) -> list[tuple[int, int, int]]:
        while True:
            large = [one for one in counted if one[2] > limit and one[1] - one[0] >= 2 * SECOND][
                : 2 * self._options.in_flight
            ]
            if not large:
                return sorted(counted)
            lower = [(lo, (lo + hi) // 2 // SECOND * SECOND) for lo, hi, _ in large]
            halves = await self._counted([(lo, max(at, lo + 1)) for lo, at in lower])
            counted = [one for one in counted if one not in large]
            for (_, hi, count), half in zip(large, halves, strict=True):
                counted += [half, (half[1], hi, max(count - half[2], 0))]
