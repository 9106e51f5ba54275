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
    """How many calls a client makes at once.

    Within these bounds, the limit on calls in flight follows what the server accepts.
    """

    initial: int = 64
    """Initial limit on calls in flight; so many may be refused before anything is learned."""
    minimum: int = 1
    """Lower bound of that limit; a server that accepts fewer calls at once refuses the others."""
    maximum: int = 256
    """Upper bound of that limit."""
    backoff: float = 0.7
    """Factor applied to the limit when the server responds too late."""
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


# A sum of many small parts may fall a little short of a whole.
_ROUNDING: Final = 1e-9


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
        missing = ahead + 1 - tokens
        return missing / self.rate if missing > _ROUNDING else 0.0

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or return the seconds until one is available."""
        if self._last is not None:
            elapsed = max(0.0, now - self._last)
            self._tokens = min(float(self.burst), self._tokens + elapsed * self.rate)
        self._last = now
        if self._tokens < 1.0 - _ROUNDING:
            return (1.0 - self._tokens) / self.rate
        self._tokens = max(0.0, self._tokens - 1.0)
        return 0.0
