"""A virtual clock for tests: sleeping tasks wake up immediately, in the correct order.

Decides when virtual time advances: after a few iterations of the event loop, it jumps to the
earliest deadline. It does not change the clock of the event loop, so real sockets and the loop's
own timeouts are not affected.
"""

import asyncio
import heapq
import time
from itertools import count

ITERATIONS = 5
"""The iterations of the event loop before time advances, so that other tasks can start to sleep."""


class VirtualClock:
    """A clock that advances only while a task sleeps.

    Args:
        start: The initial value of `monotonic`.
        epoch: The initial value of `time`; by default the current time, so that HTTP dates are
            realistic.
    """

    def __init__(self, start: float = 0.0, epoch: float | None = None) -> None:
        self._now = start
        self._offset = (time.time() if epoch is None else epoch) - start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()
        self._advancing = False
        self.slept: list[float] = []
        """All requested delays, in order."""

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return self._now + self._offset

    def advance(self, seconds: float) -> None:
        """Advance the time and wake the tasks whose deadline has passed."""
        self._now += seconds
        self._wake()

    async def sleep(self, seconds: float) -> None:
        """Wait for a virtual delay, which takes no real time."""
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        waker: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waker))
        if not self._advancing:
            self._advancing = True
            loop.call_soon(self._iterate, loop, ITERATIONS)
        await waker

    def _iterate(self, loop: asyncio.AbstractEventLoop, remaining: int) -> None:
        """Let the event loop run, then advance to the earliest deadline."""
        if remaining > 0:
            loop.call_soon(self._iterate, loop, remaining - 1)
            return
        self._drop_cancelled()
        if self._sleepers:
            self._now = max(self._now, self._sleepers[0][0])
            self._wake()
        self._drop_cancelled()
        self._advancing = bool(self._sleepers)
        if self._advancing:
            loop.call_soon(self._iterate, loop, ITERATIONS)

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, waker = heapq.heappop(self._sleepers)
            if not waker.done():
                waker.set_result(None)

    def _drop_cancelled(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
