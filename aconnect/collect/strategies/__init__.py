"""How rows are fetched: a module for each way of asking a server for them.

A strategy divides a run into units and reads their pages. It makes requests, but starts no tasks:
the runner decides what is read at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from msgspec import Raw, Struct

from aconnect.collect.sink import Period
from aconnect.collect.units import Kind, Unit


class Tally(Struct, frozen=True):
    """What another machine has counted while it read pages."""

    requests: int = 0
    fetched: int = 0
    """Rows, also those that were discarded."""
    pushbacks: int = 0
    waited: float = 0.0
    """Seconds."""


class Fetched(Struct, frozen=True):
    """Rows as they were received, and where the pages of their unit continue."""

    rows: Sequence[Raw]
    token: str | None = None
    """None at the end, and where a unit cannot be continued."""
    total: int | None = None
    """The number of rows in the query of the unit, if the server reports it."""
    ended: bool = False
    """Whether there are no more rows."""
    requests: int = 1
    """How many requests it took."""
    discards: bool = False
    """Whether the unit begins again, so that the rows before this do not count."""
    tally: Tally | None = None
    """If the rows were read by another machine: what that has counted since the page before."""


class Strategy:
    """Divides a run into units; the base of all strategies, for those that do not divide it."""

    name: str = "one after the other"
    is_atomic: bool = False
    """Whether the rows of a unit come in no order, so that it is written when it is complete."""

    def __init__(self, name: str | None = None) -> None:
        if name is not None:
            self.name = name
        self.units: dict[int, Unit] = {}
        """Those that are not done, by their ids."""
        self.reason: str = ""
        """Why this strategy was chosen, for the report."""
        self.notes: list[str] = []
        """What users should know of this run, for the report."""
        self.splits: int = 0
        """How often the rest of a unit was given to another."""
        self.changed: list[Unit] = []
        """Units that are new or whose claims have changed, until the runner has recorded them."""
        self._pending: list[Unit] = []
        self._last_id = -1

    def expect(self, density: float) -> None:
        """Learn how many events per microsecond earlier runs have found; 0 if there were none."""

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Create the units of a period."""
        self._add(Unit(id=self.next_id(), lo=period.lo, hi=period.hi, query=(period.lo, period.hi)))

    def begin_open(self, oldest: int, at: int) -> None:
        """Create a unit for the sessions that were open at a time and began before it."""
        raise NotImplementedError

    def resume(self, units: Iterable[Unit]) -> None:
        """Continue with the units of an earlier run."""
        for unit in units:
            self._last_id = max(self._last_id, unit.id)
            if not unit.done:
                self.units[unit.id] = unit
                self._pending.append(unit)

    def _explain(self, reason: str) -> None:
        """Set why this strategy was chosen."""
        self.reason = reason

    def _count_split(self) -> None:
        """Count that a part of a unit was given to another."""
        self.splits += 1

    def next_id(self) -> int:
        """Return the number of the next unit."""
        self._last_id += 1
        return self._last_id

    def take(self) -> Unit | None:
        """Return a unit to read now; None if there is nothing, or nothing yet."""
        return self._pending.pop(0) if self._pending else None

    def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Yield the pages of a unit, after its token if it has one."""
        raise NotImplementedError

    def accept(self, unit: Unit, page: Fetched) -> Sequence[Raw]:
        """Return the rows of a page that belong to the unit, and update the unit."""
        unit.token, unit.rows = page.token, unit.rows + len(page.rows)
        unit.done = page.ended
        return page.rows

    def share_done(self, period: Period) -> float | None:
        """Return which part of the time of a period was collected; None if that is not known."""
        if period.lo is None or period.hi is None or period.lo >= period.hi:
            return None
        left = sum(unit.remaining or 0 for unit in self.units.values() if not unit.done)
        return min(max(1.0 - left / (period.hi - period.lo), 0.0), 1.0)

    def _add(self, unit: Unit) -> None:
        """Create a unit that waits to be read."""
        self._record(unit)
        self._pending.append(unit)

    def _record(self, *units: Unit) -> None:
        """Tell the runner of units that are new or whose claims have changed."""
        for unit in units:
            self.units[unit.id] = unit
            self.changed.append(unit)


def listing(paged: Any, page_size: int | None) -> Any:
    """Return the raw pages of a query, with pages of a certain size if one is given."""
    raw = paged.raw()
    return raw if page_size is None else raw.page_size(page_size)
