"""Slices of time, each of which comes as one response, however large.

A response is read as a stream. It cannot be continued, so the rows of a slice are written when it
is complete, and slices are kept short.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Raw

from aconnect.collect.options import Options
from aconnect.collect.sink import Period, as_microseconds
from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.strategies.by_time import Ask
from aconnect.collect.units import SECOND, Kind, Times, Unit, field_of
from aconnect.errors import TransportError

_ROWS: Final = 50_000
"""How many rows a slice should have."""
_WIDEN: Final = 4
_FIRST: Final = 86_400 * SECOND
_OLDEST: Final = as_microseconds(datetime(2025, 1, 1, tzinfo=UTC))
"""Before the first version that records hits."""
_LONGEST: Final = 32 * 86_400 * SECOND
_SHORTEST: Final = SECOND
_ATTEMPTS: Final = 4


class Slices(Strategy):
    """Reads slices from the oldest on; their length follows the number of rows in them."""

    name = "slices"
    is_atomic = True

    def __init__(
        self, ask: Ask, time_field: str, options: Options, *, contents: Any = None
    ) -> None:
        super().__init__()
        self._ask = ask
        self._times = Times(time_field)
        self._options = options
        self._contents = None if contents is None else frozenset(contents)
        """Only hits on this content: old servers ignore the filter."""
        self._rests: list[Unit] = []
        self._width = _FIRST
        self._explain("the server returns all hits of a window in one response")

    async def begin(self, period: Period, kind: Kind = "new") -> None:
        """Begin at the start of a period."""
        rest = Unit(
            id=self.next_id(), lo=period.lo, hi=period.hi, query=(period.lo, period.hi), kind=kind
        )
        self._record(rest)
        self._rests.append(rest)

    def resume(self, units: Any) -> None:
        """Continue with the slices of an earlier run."""
        super().resume(units)
        self._rests, self._pending = self._pending, []

    def take(self) -> Unit | None:
        """Return the next slice."""
        if not self._rests:
            return None
        rest = self._rests[0]
        # No server has hits that are older, but one that has is believed.
        at = _OLDEST if rest.lo is None else rest.lo + self._width
        if rest.hi is None or rest.hi - at <= self._width // 2:
            return self._rests.pop(0)
        unit = Unit(id=self.next_id(), lo=rest.lo, hi=at, query=(rest.lo, at), kind=rest.kind)
        rest.lo, rest.query = at, (at, rest.hi)
        self._record(unit, rest)
        return unit

    async def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Yield the rows of a slice as they arrive; begin again if the response is interrupted."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with aclosing(self._ask(*unit.query).raw().chunks()) as chunks:
                    async for rows in chunks:
                        yield Fetched(rows, requests=0)
            except TransportError:
                if attempt == _ATTEMPTS:
                    raise
                yield Fetched((), discards=True)
            else:
                yield Fetched((), ended=True)
                return

    def accept(self, unit: Unit, page: Fetched) -> Sequence[Raw]:
        """Return the rows that belong to a slice; their order is not documented."""
        if page.discards:
            unit.rows = 0
        rows = [row for row in page.rows if self._belongs(row, unit)]
        unit.rows += len(rows)
        if page.ended:
            unit.done = True
            if unit.lo is not None and unit.hi is not None:
                length = unit.hi - unit.lo
                wanted = length * _ROWS // max(unit.rows, 1)
                self._width = max(_SHORTEST, min(wanted, _WIDEN * length, _LONGEST))
        return rows

    def _belongs(self, row: Raw, unit: Unit) -> bool:
        if self._contents is not None and field_of(row, "content_guid") not in self._contents:
            return False
        time = self._times.of(row)
        return time is None or unit.holds(time)
