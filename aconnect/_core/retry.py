"""When to try again, and after how long; decided by plain functions.

What decides is whether the server can have acted on the attempt: a call that never connected may
always be repeated, a lost answer only if the call is idempotent, and an explicit "not now"
(429, 503) always.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from msgspec import Struct

from aconnect.errors import (
    ApiError,
    CertificateError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

_NOT_NOW: Final = frozenset({429, 503})
_TRANSIENT: Final = frozenset({408, 425, 500, 502, 504})
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How failed attempts are repeated; times in seconds."""

    attempts: int = 5
    """How often a call is sent at most; 1 never repeats."""
    deadline: float | None = 300.0
    """For the whole call with all attempts and waits; None for no limit."""
    base: float = 0.25
    """The first wait is a random part of this, the next of twice this, and so on."""
    cap: float = 20.0
    """No wait chosen here is longer."""
    max_retry_after: float = 120.0
    """A server that asks for a longer wait gets its error raised instead."""

    def __post_init__(self) -> None:
        for name in ("attempts", "base", "cap", "max_retry_after"):
            # Written so that a NaN is refused too.
            if not getattr(self, name) >= (1 if name == "attempts" else 0):
                raise ValueError(f"RetryPolicy({name}={getattr(self, name)}) is too small")
        if self.deadline is not None and not self.deadline > 0:
            raise ValueError(f"RetryPolicy(deadline={self.deadline}) must be above 0, or None")


NO_RETRY: Final = RetryPolicy(attempts=1)
"""Every call is sent once."""


def is_retryable(
    error: BaseException,
    *,
    idempotent: bool,
    transient: Callable[[ApiError], bool | None] | None = None,
) -> bool:
    """Tell whether repeating a call after this failure is safe and can help.

    `transient` is the service's own knowledge: True or False where an error code says more than
    the status, None where it does not.
    """
    if isinstance(error, ConnectionFailedError | ConnectTimeoutError):
        return not isinstance(error, CertificateError)
    if isinstance(error, ConnectionLostError | ReadTimeoutError):
        return idempotent
    if isinstance(error, ApiError):
        if error.status in _NOT_NOW:
            return True
        known = transient(error) if transient is not None else None
        return idempotent and (error.status in _TRANSIENT if known is None else known)
    return False


def retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After` header: seconds or an HTTP date; None where it is neither.

    `now` is the time since the epoch. RFC 9110, 10.2.3; fractions of a second occur.
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        when = parsedate_to_datetime(value)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def backoff_delay(
    policy: RetryPolicy,
    *,
    attempt: int,
    elapsed: float,
    asked: float | None,
    random: Callable[[], float],
) -> float | None:
    """Give the seconds to wait after attempt number `attempt` failed; None to give up.

    `asked` is what the server asked for; a wait that would end after the deadline is not begun.
    """
    if attempt >= policy.attempts:
        return None
    # Full jitter: clients that failed together do not come back together.
    delay = random() * min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 60))
    if asked is not None:
        if asked > policy.max_retry_after:
            return None
        # A little more than asked, spread, for the same reason; but no hammering where that is 0.
        delay = max(delay, asked + random() * min(policy.base, asked))
    if policy.deadline is not None and elapsed + delay >= policy.deadline:
        return None
    return delay
