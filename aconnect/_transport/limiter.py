"""Who may send now: waiting for permits and rate tokens, on top of the core's bookkeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio

from aconnect._core.clock import Clock
from aconnect._core.limits import AdaptiveLimit, Limits, TokenBucket


class Limiter:
    """Permits for calls in flight, as many as the server seems to bear."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._adaptive = AdaptiveLimit(limits)
        self._bucket = TokenBucket(limits.rate, limits.burst) if limits.rate is not None else None
        self._turn = asyncio.Lock()
        self._queue = 0
        # anyio's limiter belongs to an event loop, which there may not be yet.
        self._permits: anyio.CapacityLimiter | None = None

    @property
    def limit(self) -> int:
        """Calls that may be in flight at the moment."""
        return self._adaptive.limit

    def try_enter(self, borrower: object) -> bool:
        """Take a permit if there is a free one; a thirtieth of the price of waiting for one."""
        if self._permits is None or self._bucket is not None:
            return False
        try:
            self._permits.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            return False
        return True

    async def enter(self, borrower: object, left: Callable[[], float | None]) -> bool:
        """Take a permit for an attempt, and tell whether that took waiting.

        `left` gives the seconds there are; `TimeoutError` when they do not suffice.
        """
        permits = self._permits
        if permits is None:
            permits = self._permits = anyio.CapacityLimiter(self._adaptive.limit)
        waited = False
        if self._bucket is not None:
            waited = await self._await_rate(self._bucket, left())
        try:
            permits.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            with anyio.fail_after(left()):
                await permits.acquire_on_behalf_of(borrower)
            return True
        return waited

    async def _await_rate(self, bucket: TokenBucket, left: float | None) -> bool:
        clock, now = self._clock, self._clock.monotonic()
        if left is not None and bucket.due(now, self._queue) >= left:
            raise TimeoutError("the rate limit does not let it pass in time")
        waited = self._turn.locked()
        self._queue += 1
        try:
            # One caller waits for the next token, the others for their turn: first come, first
            # served, and who gives up has taken nothing.
            async with self._turn:
                while (due := bucket.take(clock.monotonic())) > 0:
                    waited = True
                    await clock.sleep(due)
        finally:
            self._queue -= 1
        return waited

    def leave(self, borrower: object) -> None:
        """Give the permit back."""
        if self._permits is not None:
            self._permits.release_on_behalf_of(borrower)

    def succeeded(self) -> None:
        """Learn from an answer that was no overload."""
        permits, adaptive = self._permits, self._adaptive
        if permits is not None and permits.available_tokens <= 0:
            before = adaptive.limit
            adaptive.succeeded(saturated=True)
            if adaptive.limit != before:
                permits.total_tokens = adaptive.limit

    def overloaded(self) -> None:
        """Learn from an overload."""
        self._adaptive.overloaded(self._clock.monotonic())
        if self._permits is not None:
            self._permits.total_tokens = self._adaptive.limit
