"""A clock for tests whose sleepers wake immediately, but in the right order.

Decides when simulated time moves: as soon as the loop has had a few turns, it jumps to the
earliest deadline. It does not touch the loop's own clock, so real sockets and timeouts of the loop
are not affected.
"""

import asyncio
import heapq
import time
from itertools import count

TURNS = 5
"""Turns of the event loop before time advances, so that tasks in progress can also start to
sleep."""


class VirtualClock:
    """Time that advances only while a task sleeps.

    Args:
        start: First value of `monotonic`.
        epoch: First value of `time`; by default the present, so that HTTP dates make sense.
    """

    def __init__(self, start: float = 0.0, epoch: float | None = None) -> None:
        self._now = start
        self._offset = (time.time() if epoch is None else epoch) - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._moving = False
        self.slept: list[float] = []
        """Every requested delay, in order."""

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the time; sleepers whose deadline passes wake up."""
        self._now += seconds
        self._wake()

    async def sleep(self, seconds: float) -> None:
        """Sleep without waiting."""
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        waker: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waker))
        if not self._moving:
            self._moving = True
            loop.call_soon(self._turn, loop, TURNS)
        await waker

    def _turn(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        """Let the event loop run, then advance to the earliest deadline."""
        if left > 0:
            loop.call_soon(self._turn, loop, left - 1)
            return
        self._drop_cancelled()
        if self._sleepers:
            self._now = max(self._now, self._sleepers[0][0])
            self._wake()
        self._drop_cancelled()
        self._moving = bool(self._sleepers)
        if self._moving:
            loop.call_soon(self._turn, loop, TURNS)

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, waker = heapq.heappop(self._sleepers)
            if not waker.done():
                waker.set_result(None)

    def _drop_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
