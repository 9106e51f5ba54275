"""Limits on what one client requests of one server: retries, calls in flight, calls per second.

Bookkeeping only; waiting is the business of the transport. Times are in seconds of a monotonic
clock and are passed by the caller.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class RetryBudget:
    """Limits retries to a fraction of calls, so that an outage is not amplified.

    Each call earns a part of a retry; a small reserve refills over time, so that a client that
    makes few calls can still retry them.
    """

    __slots__ = ("_balance", "_last", "ceiling", "per_second", "ratio")

    def __init__(
        self, *, ratio: float = 0.2, reserve: float = 10.0, per_second: float = 0.2
    ) -> None:
        self.ratio = ratio
        self.per_second = per_second
        self.ceiling = max(reserve, 1.0) * 10.0
        self._balance = reserve
        self._last: float | None = None

    @property
    def balance(self) -> float:
        """How many retries are available now."""
        return self._balance

    def earn(self) -> None:
        """Count a call."""
        balance = self._balance + self.ratio
        self._balance = min(self.ceiling, balance)

    def spend(self, now: float) -> bool:
        """Take one retry; return False if none is left."""
        if self._last is not None:
            refill = max(0.0, now - self._last) * self.per_second
            self._balance = min(self.ceiling, self._balance + refill)
        self._last = now
        if self._balance < 1.0:
            return False
        self._balance -= 1.0
        return True


class Limits(Struct, frozen=True, kw_only=True):
    """How many calls a client makes at once."""

    initial: int = 64
    """Initial limit on calls in flight."""
    minimum: int = 1
    """Lower bound of that limit."""
    maximum: int = 256
    """Upper bound of that limit."""
    backoff: float = 0.7
    """Factor applied to the limit when the server is overloaded."""
    rate: float | None = None
    """Upper bound of calls per second; None for no limit."""
    burst: int = 20
    """How many calls `rate` allows at once."""

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.initial <= self.maximum:
            raise ValueError(
                f"Limits need 1 <= minimum <= initial <= maximum, not "
                f"{self.minimum}, {self.initial}, {self.maximum}"
            )
        if not 0.0 < self.backoff < 1.0:
            raise ValueError(f"Limits(backoff={self.backoff}) must lie between 0 and 1")
        if (self.rate is not None and not self.rate > 0) or self.burst < 1:
            raise ValueError(f"Limits(rate={self.rate}, burst={self.burst}) must be above 0")


# Responses in flight when a limit falls belong to earlier requests; they say nothing about it.
_SETTLE: Final = 1.0
_ROUNDING: Final = 1e-9


class AdaptiveLimit:
    """The number of calls in flight that the server seems able to handle.

    It grows by one for every full round of successes while it is what holds callers back, and falls
    by a factor on overload (429, 503, timeouts), at most once a second.
    """

    __slots__ = ("_fell", "_limit", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._limit = float(limits.initial)
        self._fell: float | None = None

    @property
    def limit(self) -> int:
        """How many calls may be in flight."""
        return int(self._limit)

    def succeeded(self, *, saturated: bool) -> None:
        """Record a response; `saturated` is whether callers had to wait for a permit."""
        if saturated and self._limit < self.limits.maximum:
            self._limit = min(self.limits.maximum, self._limit + 1.0 / self._limit)

    def overloaded(self, now: float) -> None:
        """Record an overload."""
        if self._fell is not None and now - self._fell < _SETTLE:
            return
        self._fell = now
        self._limit = max(float(self.limits.minimum), self._limit * self.limits.backoff)


class TokenBucket:
    """A limit on calls per second, with a burst."""

    __slots__ = ("_last", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = float(burst)
        self._last: float | None = None

    def due(self, now: float, ahead: int) -> float:
        """Return the seconds until a token is available after those for `ahead` earlier callers."""
        refill = 0.0 if self._last is None else max(0.0, now - self._last) * self.rate
        tokens = min(float(self.burst), self._tokens + refill)
        return max(0.0, (ahead + 1 - tokens) / self.rate)

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return the seconds until one is available."""
        if self._last is not None:
            elapsed = max(0.0, now - self._last)
            self._tokens = min(float(self.burst), self._tokens + elapsed * self.rate)
        self._last = now
        # A sum of many small parts may fall a little short of a whole.
        if self._tokens < 1.0 - _ROUNDING:
            return (1.0 - self._tokens) / self.rate
        self._tokens = max(0.0, self._tokens - 1.0)
        return 0.0
