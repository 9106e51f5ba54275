"""A log without a search is read from both ends at once, until the two meet."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from itertools import takewhile
from typing import Any

from msgspec import Raw

from aconnect.collect.options import Options
from aconnect.collect.sink import Period
from aconnect.collect.strategies import Fetched, Strategy, listing
from aconnect.collect.units import Kind, Times, Unit, field_of


class BothEnds(Strategy):
    """Reads the oldest and the newest events at the same time.

    Of the events at the time where they meet, each end may have some: those are told apart by their
    ids.
    """

    name = "both ends"

    def __init__(self, ask: Callable[..., Any], time_field: str, options: Options) -> None:
        super().__init__()
        self._ask = ask
        """Returns the query of all events, the oldest first with `ascending=True`."""
        self._times = Times(time_field)
        self._options = options
        self._explain("the server cannot search its audit log")

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Choose the ends to begin from: both, unless one of them leads through other events."""
        newest = await self._ask(ascending=False).raw().first()
        oldest = await self._ask(ascending=True).raw().first()
        begins = None if oldest is None else self._times.of(oldest)
        has_ids = newest is not None and _id_of(newest) is not None
        inside = period.lo is None or (begins is not None and begins >= period.lo)
        ends = [True] if self._options.ordered else [False]
        if self._options.ordered:
            self._explain(f"{self.reason}; in order, it can only be read from its oldest entry")
        elif not has_ids:
            self._explain(f"{self.reason}; entries without ids are read from the newest on")
        elif kind != "new" or not inside:
            self._explain(f"{self.reason}; a recent window is read from the newest entry on")
        else:
            ends = [True, False]
        for ascending in ends:
            unit = Unit(
                id=self.next_id(),
                lo=period.lo,
                hi=period.hi,
                query=(None, None),
                kind=kind,
                descending=not ascending,
            )
            self._add(unit)

    async def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Yield the pages from one end."""
        paged = listing(self._ask(ascending=not unit.descending), self._options.page_size)
        async with aclosing(paged.pages(unit.token)) as pages:
            async for page in pages:
                yield Fetched(page.items, page.token, page.total, page.token is None)

    def accept(self, unit: Unit, page: Fetched) -> Sequence[Raw]:
        """Return the events of a page that the other end has not taken."""
        other = self._other(unit)
        if self._is_far(unit, other, page.rows):
            rows, ended = page.rows, page.ended
            self._reach(unit, rows)
        else:
            rows, ended = self._taken(unit, other, page)
        unit.token, unit.rows = page.token, unit.rows + len(rows)
        if ended:
            for each in (unit, *([other] if other is not None else [])):
                each.done = True
                if each is not unit:
                    self.changed.append(each)
        return rows

    def _is_far(self, unit: Unit, other: Unit | None, rows: Sequence[Raw]) -> bool:
        """Return True if a page is far from the other end: of most, two times are enough."""
        for row in (rows[0], rows[-1]) if rows else ():
            time = self._times.of(row)
            if time is None or not unit.holds(time) or self._has_met(unit, other, time):
                return False
        return True

    def _reach(self, unit: Unit, rows: Sequence[Raw]) -> None:
        """Remember the time of the last event, and the ids of all events at that time."""
        time = self._times.of(rows[-1]) if rows else None
        if time is None:
            return
        last = list(takewhile(lambda row: self._times.of(row) == time, reversed(rows)))
        before = unit.edge if len(last) == len(rows) and time == unit.reached else ()
        unit.reached, unit.edge = time, (*before, *(_id_of(row) or "" for row in reversed(last)))

    def _taken(self, unit: Unit, other: Unit | None, page: Fetched) -> tuple[Sequence[Raw], bool]:
        """Return the events that belong to a unit, and whether it has no more."""
        rows: list[Raw] = []
        ended = page.ended
        # An event without a valid time belongs to where the server put it.
        is_inside = unit.lo is None or unit.reached is not None
        for row in page.rows:
            time = self._times.of(row)
            if time is None and not is_inside:
                continue
            if time is not None:
                is_inside = unit.holds(time) and not self._has_passed(unit, other, time)
                if unit.is_past(time) or self._has_passed(unit, other, time):
                    ended = True
                    continue
                if not unit.holds(time):
                    continue
                if other is not None and time == other.reached and _id_of(row) in other.edge:
                    continue
                edge = unit.edge if time == unit.reached else ()
                unit.reached, unit.edge = time, (*edge, _id_of(row) or "")
            rows.append(row)
        return rows, ended

    def _other(self, unit: Unit) -> Unit | None:
        for other in self.units.values():
            if other.kind == unit.kind and other.descending != unit.descending:
                return other
        return None

    @staticmethod
    def _has_met(unit: Unit, other: Unit | None, time: int) -> bool:
        if other is None or other.reached is None:
            return False
        return time <= other.reached if unit.descending else time >= other.reached

    @staticmethod
    def _has_passed(unit: Unit, other: Unit | None, time: int) -> bool:
        if other is None or other.reached is None:
            return False
        return time < other.reached if unit.descending else time > other.reached

    def share_done(self, period: Period) -> float | None:
        """Return which part of the time between the ends was collected."""
        reached = {unit.descending: unit.reached for unit in self.units.values()}
        low, high = reached.get(False), reached.get(True)
        low = period.lo if low is None else low
        high = period.hi if high is None else high
        if low is None or high is None or period.lo is None or period.hi is None:
            return None
        return min(max(1.0 - (high - low) / max(period.hi - period.lo, 1), 0.0), 1.0)


def _id_of(row: Raw) -> str | None:
    id_ = field_of(row, "id")
    return None if id_ is None else str(id_)
