"""Runs a collection: workers read units, a writer writes them, and a failure can be resumed.

Decides what is read at the same time and when something is durable. How a run is divided is
decided by its strategy, what is written by the sink.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from math import inf
from typing import Final

import msgspec
from msgspec import Raw

from aconnect._client.lazy import wait_for_end
from aconnect._core.clock import Clock
from aconnect._core.limits import TokenBucket
from aconnect.collect.options import Options
from aconnect.collect.progress import Progress
from aconnect.collect.sink import Period
from aconnect.collect.strategies import Fetched, Strategy, Tally
from aconnect.collect.units import Unit
from aconnect.collect.writing import Item, Output
from aconnect.connect import Client

_MOST_AHEAD: Final = 128_000
"""How many rows may wait for earlier ones where rows are wanted in order."""


class Counts:
    """What is counted while a collection runs."""

    def __init__(self, client: Client) -> None:
        # The client counts; to subscribe to its events would make each call slower.
        self._client = client
        self._refusals = client.refusals
        self._held_back = client.seconds_held_back
        self.began: float = time.monotonic()
        self.requests: int = 0
        self.fetched: int = 0
        self.taken: int = 0
        self._elsewhere = Tally()
        """What other machines have counted."""

    @property
    def pushbacks(self) -> int:
        """How often the server has refused a call for now."""
        return self._client.refusals - self._refusals + self._elsewhere.pushbacks

    @property
    def waited(self) -> float:
        """For how many seconds calls were held back."""
        return self._client.seconds_held_back - self._held_back + self._elsewhere.waited

    def see(self, page: Fetched, taken: int) -> None:
        """Count a page, and how many of its rows were taken."""
        self.taken += taken
        if page.tally is None:
            self.requests += page.requests
            self.fetched += len(page.rows)
            return
        self.requests += page.tally.requests
        self.fetched += page.tally.fetched
        self._elsewhere = Tally(
            pushbacks=self._elsewhere.pushbacks + page.tally.pushbacks,
            waited=self._elsewhere.waited + page.tally.waited,
        )

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began


class _InOrder:
    """Keeps pages back until those of all earlier units have been passed on."""

    def __init__(self, strategy: Strategy) -> None:
        self.rows = 0
        """How many rows wait."""
        self.reading: set[int] = set()
        """The units that workers read or have read."""
        self._strategy = strategy
        self._kept: dict[int, list[Item]] = {}

    def add(self, item: Item) -> None:
        assert item.unit is not None  # noqa: S101  claims are passed on at once
        self._kept.setdefault(item.unit.id, []).append(item)
        self.rows += len(item.rows)

    def ready(self) -> list[Item]:
        """Return the items that can be passed on."""
        items: list[Item] = []
        while (unit := self._first) is not None:
            if unit.descending and not unit.done:
                break
            kept = self._kept.pop(unit.id, [])
            self.rows -= sum(len(item.rows) for item in kept)
            items += _turned(kept) if unit.descending else kept
            if not unit.done:
                break
            del self._strategy.units[unit.id]
        return items

    @property
    def is_first_read(self) -> bool:
        """Whether a worker reads what comes first; nothing else can be passed on before."""
        first = self._first
        return first is not None and first.id in self.reading

    @property
    def _first(self) -> Unit | None:
        return min(self._strategy.units.values(), key=_position, default=None)


def _turned(items: list[Item]) -> list[Item]:
    """Return the pages of a unit that came with the newest first as one, with the oldest first."""
    rows = [row for item in reversed(items) for row in reversed(item.rows)]
    return [msgspec.structs.replace(items[-1], rows=rows)] if items else []


def _position(unit: Unit) -> tuple[bool, float]:
    # What was collected before comes before what is new.
    return unit.kind == "new", float("-inf") if unit.lo is None else unit.lo


class Workers:
    """Reads the units of a strategy, as many at once as the options say."""

    def __init__(
        self,
        strategy: Strategy,
        output: Output,
        options: Options,
        counts: Counts,
        clock: Clock,
        dataset: str,
        resumed: int,
        period: Period,
        *,
        pages: float = inf,
    ) -> None:
        self._strategy = strategy
        self._output = output
        self._options = options
        self._counts = counts
        self._clock = clock
        self._dataset = dataset
        self._resumed = resumed
        self._period = period
        self._pages = pages
        """How many more pages may be read; units that are left then are not done."""
        rate = options.max_rate
        self._bucket = None if rate is None else TokenBucket(rate, max(1, min(20, int(rate))))
        self._in_order = _InOrder(strategy) if options.ordered else None
        self._active = 0
        self._idle: deque[asyncio.Future[Unit | None]] = deque()

    async def run(self) -> None:
        """Read everything.

        Raises:
            AconnectError: A request failed, after its retries.
            SinkError: Writing failed.
        """
        workers = {
            asyncio.create_task(self._work(), name=f"aconnect collect {i}")
            for i in range(self._options.in_flight)
        }
        self._active = len(workers)
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            for worker in done:
                if (error := worker.exception()) is not None:
                    raise error
        finally:
            for worker in workers:
                worker.cancel()
            await wait_for_end(workers)
            for worker in workers:
                # The first error is raised; asyncio would log the others as forgotten.
                _ = worker.cancelled() or worker.exception()

    async def _work(self) -> None:
        while (unit := await self._next()) is not None:
            await self._read(unit)

    async def _next(self) -> Unit | None:
        """Return a unit to read, as soon as there is one; None at the end."""
        unit = self._take()
        if unit is not None:
            return unit
        self._active -= 1
        if not self._active:
            while self._idle:
                self._idle.popleft().set_result(None)
            return None
        waiting: asyncio.Future[Unit | None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiting)
        return await waiting

    def _take(self) -> Unit | None:
        in_order = self._in_order
        if self._pages <= 0:
            return None
        if in_order is not None and in_order.rows >= _MOST_AHEAD and in_order.is_first_read:
            return None
        unit = self._strategy.take()
        # A unit that is new is recorded before its first page.
        self._record_claims()
        return unit

    def _employ(self) -> None:
        """Give work to workers that wait for it."""
        while self._idle and (unit := self._take()) is not None:
            self._active += 1
            self._idle.popleft().set_result(unit)

    async def _read(self, unit: Unit) -> None:
        if self._in_order is not None:
            self._in_order.reading.add(unit.id)
        async with aclosing(self._strategy.pages(unit)) as pages:
            while not unit.done:
                # A response that cannot be continued is read to its end.
                if self._pages <= 0 and not self._strategy.is_atomic:
                    break
                self._pages -= 1
                await self._wait_for_turn()
                page = await anext(pages, None)
                if page is None:
                    break
                if unit.done:
                    break  # while the page was fetched, another unit has met this one
                await self._pass_on(unit, page)
        if self._in_order is None:
            self._strategy.units.pop(unit.id, None)

    async def _wait_for_turn(self) -> None:
        while self._bucket is not None:
            wait = self._bucket.take(self._clock.monotonic())
            if not wait:
                return
            await self._clock.sleep(wait)

    async def _pass_on(self, unit: Unit, page: Fetched) -> None:
        rows = self._strategy.accept(unit, page)
        self._counts.see(page, len(rows))
        item = Item(
            unit=msgspec.structs.replace(unit),
            rows=rows,
            size=_size(rows),
            discards=page.discards,
        )
        # Without an await in between: items are written in the order in which pages are accepted.
        if self._in_order is None:
            # Together: a unit that ends with another one must not be durable without it.
            self._output.add(msgspec.structs.replace(item, claims=self._changed_claims()))
        else:
            self._record_claims()
            self._in_order.add(item)
            for ready in self._in_order.ready():
                self._output.add(ready)
        self._employ()
        self._show_progress()
        await self._output.room()

    def _changed_claims(self) -> tuple[Unit, ...]:
        changed, self._strategy.changed = self._strategy.changed, []
        return tuple(map(msgspec.structs.replace, changed))

    def _record_claims(self) -> None:
        if self._strategy.changed:
            self._output.add(Item(claims=self._changed_claims()))

    def _show_progress(self) -> None:
        if self._options.on_progress is None:
            return
        counts = self._counts
        self._options.on_progress(
            Progress(
                dataset=self._dataset,
                rows=self._resumed + counts.taken,
                resumed=self._resumed,
                requests=counts.requests,
                pushbacks=counts.pushbacks,
                elapsed=counts.elapsed,
                share=self._strategy.share_done(self._period),
            )
        )


def _size(rows: Sequence[Raw]) -> int:
    """Estimate the size of rows in bytes, which are much alike."""
    return len(rows) * (len(bytes(rows[0])) + len(bytes(rows[-1]))) // 2 if rows else 0
