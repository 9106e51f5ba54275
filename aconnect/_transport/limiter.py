"""Who may send now: waiting for permits and rate tokens, on top of the core's bookkeeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio

from aconnect._core.clock import Clock
from aconnect._core.limits import AdaptiveLimit, Limits, TokenBucket


class Limiter:
    """Adaptive concurrency limiter."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._clock = clock
        self._adaptive = AdaptiveLimit(limits)
        self._bucket = TokenBucket(limits.rate, limits.burst) if limits.rate is not None else None
        self._turn = asyncio.Lock()
        self._queue = 0
        # anyio's limiter belongs to an event loop, which may not exist yet.
        self._permits: anyio.CapacityLimiter | None = None

    @property
    def limit(self) -> int:
        """How many calls may be in flight at the moment."""
        return self._adaptive.limit

    @property
    def in_flight(self) -> int:
        """How many calls are in flight."""
        return 0 if self._permits is None else int(self._permits.borrowed_tokens)

    def try_acquire(self, borrower: object) -> bool:
        """Take a permit if one is free, at a thirtieth of the cost of waiting for one."""
        if self._permits is None or self._bucket is not None:
            return False
        try:
            self._permits.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            return False
        return True

    async def acquire(self, borrower: object, remaining: Callable[[], float | None]) -> bool:
        """Take a permit for an attempt; return True if that took waiting.

        `remaining` returns the seconds that may be spent; `TimeoutError` if they do not suffice.
        """
        permits = self._permits
        if permits is None:
            permits = self._permits = anyio.CapacityLimiter(self._adaptive.limit)
        waited = False
        if self._bucket is not None:
            waited = await self._wait_for_token(self._bucket, remaining())
        try:
            permits.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            with anyio.fail_after(remaining()):
                await permits.acquire_on_behalf_of(borrower)
            return True
        return waited

    async def _wait_for_token(self, bucket: TokenBucket, remaining: float | None) -> bool:
        clock, now = self._clock, self._clock.monotonic()
        if remaining is not None and bucket.due(now, self._queue) >= remaining:
            raise TimeoutError("the rate limit does not allow it in time")
        waited = self._turn.locked()
        self._queue += 1
        try:
            # One caller waits for the next token, the others for their turn: first come, first
            # served, and a caller that gives up has taken nothing.
            async with self._turn:
                while (due := bucket.take(clock.monotonic())) > 0:
                    waited = True
                    await clock.sleep(due)
        finally:
            self._queue -= 1
        return waited

    def release(self, borrower: object) -> None:
        """Return the permit."""
        if self._permits is not None:
            self._permits.release_on_behalf_of(borrower)

    def succeeded(self) -> None:
        """Learn from a response that was no overload."""
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
