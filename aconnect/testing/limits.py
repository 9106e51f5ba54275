"""Limits of a simulated server: requests per second, and requests at the same time.

Decides which requests a server refuses instead of performing the operation, as a proxy or a gateway
does that protects a server from too many requests.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aconnect.testing.faults import Status


@dataclass(slots=True)
class RateLimit:
    """Lets a number of requests per second through, after a burst: a token bucket.

    It can be changed while the server runs.
    """

    rate: float
    """Requests per second."""
    burst: int = 20
    """The number of requests that a server that had none for a while accepts at once."""
    retry_after: float | None = 1
    """The `Retry-After` header of refusals in seconds; None for no header."""
    status: int = 429
    monotonic: Callable[[], float] = time.monotonic
    """The source of time in seconds; for example that of the client's `VirtualClock`."""
    _tokens: float | None = field(default=None, init=False)
    _last: float = field(default=0.0, init=False)

    def accepts(self) -> bool:
        """Return True and count a request, if one more is allowed now."""
        now = self.monotonic()
        tokens = float(self.burst)
        if self._tokens is not None:
            tokens = min(tokens, self._tokens + max(0.0, now - self._last) * self.rate)
        self._last = now
        # Many small parts may add up to a little less than a whole.
        is_accepted = tokens > 1 - 1e-9
        self._tokens = tokens - is_accepted
        return is_accepted

    @property
    def refusal(self) -> Status:
        """The response to a request that is not accepted."""
        return Status(self.status, retry_after=self.retry_after)


@dataclass(slots=True)
class ConcurrencyLimit:
    """Performs a number of requests at the same time.

    It can be changed while the server runs.
    """

    limit: int
    """The number of requests."""
    retry_after: float | None = None
    """The `Retry-After` header of refusals in seconds; None for no header."""
    status: int = 503
    in_progress: int = field(default=0, init=False)
    """The number of requests that are being performed."""

    @property
    def refusal(self) -> Status:
        """The response to a request that is not accepted."""
        return Status(self.status, retry_after=self.retry_after)
