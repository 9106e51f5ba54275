"""Whether to try again, and after how long; decided by plain functions.

What decides is whether the server can have acted on the attempt: a call that never connected may
always be repeated, a call whose response was lost only if it is idempotent, and a call that the
server explicitly refused for now (429, 503) always.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from msgspec import Struct

from aconnect.errors import (
    AconnectError,
    ApiError,
    CertificateError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    OutageError,
    ProxyRefusedError,
    ReadTimeoutError,
)

_TOO_MANY: Final = 429
_NOT_NOW: Final = frozenset({_TOO_MANY, 503})
_TRANSIENT: Final = frozenset({408, 425, 500, 502, 504})
# The wait of a single call that is refused again, in seconds: the second time, and at most.
_REFUSAL: Final = 0.25
_LONGEST_REFUSAL: Final = 5.0
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def is_refusal(error: BaseException) -> bool:
    """Return True if the server refused a call for now, without having carried it out."""
    if not isinstance(error, ApiError) or error.status not in _NOT_NOW:
        return False
    # What content can bear is not what the server can bear.
    return not error.from_content


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How failed attempts are repeated; times in seconds."""

    attempts: int = 5
    """How many attempts may fail; 1 disables retries.

    An attempt that is refused for now (429, 503) is not counted, because the server has not
    carried it out: a call is given up for its deadline, and not because the server is busy.
    """
    deadline: float | None = 300.0
    """For the whole call with all attempts and waits; None for no limit.

    A transfer (an upload, or a streamed response) may take longer, but no attempt starts later.
    """
    base: float = 0.25
    """The first wait is a random part of this, the next of twice this, and so on."""
    cap: float = 20.0
    """Upper bound of the waits chosen by the client."""
    max_retry_after: float = 120.0
    """If a server asks for a longer wait, its error is raised instead."""

    def __post_init__(self) -> None:
        for name in ("attempts", "base", "cap", "max_retry_after"):
            # Written so that NaN is refused too.
            if not getattr(self, name) >= (1 if name == "attempts" else 0):
                raise ValueError(f"RetryPolicy({name}={getattr(self, name)}) is too small")
        if self.deadline is not None and not self.deadline > 0:
            raise ValueError(f"RetryPolicy(deadline={self.deadline}) must be above 0, or None")


ONLY_ONCE: Final = "Not sent again: the source of the upload can be read only once."
"""The note of an error after which a call would be repeated, if its body could be read again."""

NO_RETRY: Final = RetryPolicy(attempts=1)
"""Every call is sent once."""


def is_retryable(
    error: BaseException,
    *,
    idempotent: bool,
    is_transient: Callable[[ApiError], bool | None] | None = None,
) -> bool:
    """Return True if repeating a call after this failure is safe and can help.

    `is_transient` is what the service's error codes say: True or False if a code says more than the
    status, None if it does not.
    """
    if isinstance(error, AconnectError) and error.signing_in:
        # Signing in is a call with its own retries.
        return False
    if isinstance(error, ConnectionFailedError | ConnectTimeoutError):
        # Another attempt would be refused as well; some proxies lock an account after a few.
        return not isinstance(error, CertificateError | OutageError | ProxyRefusedError)
    if isinstance(error, ConnectionLostError | ReadTimeoutError):
        return idempotent
    if isinstance(error, ApiError):
        # Content may have acted, whatever it says.
        if error.status in _NOT_NOW and (idempotent or not error.from_content):
            return True
        transient = is_transient(error) if is_transient is not None else None
        return idempotent and (error.status in _TRANSIENT if transient is None else transient)
    return False


def may_have_acted(error: BaseException) -> bool:
    """Return True if the server may have carried out a call, although it failed."""
    if isinstance(error, ApiError):
        return error.status >= 500 and not is_refusal(error)
    return isinstance(error, ConnectionLostError | ReadTimeoutError)


def retry_after(value: str | None, now: float, *, date: str | None = None) -> float | None:
    """Parse a `Retry-After` header: seconds or an HTTP date; None if it is neither.

    A date is compared with the `Date` header of the same response, because the clocks of the server
    and of this machine may differ, and with `now`, the time since the epoch, if there is none. RFC
    9110, 10.2.3; some servers send fractions of a second.
    """
    if value is None:
        return None
    value = value.strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    when = parse_http_date(value)
    if when is None:
        return None
    sent = parse_http_date(date) if date is not None else None
    try:
        return max(0.0, (when - (sent or datetime.fromtimestamp(now, UTC))).total_seconds())
    except (ValueError, OverflowError, OSError):
        return None


def parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date, which is in GMT unless it says otherwise; None if it is invalid."""
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def seconds_text(seconds: float) -> str:
    """Return a number of seconds for a message, with one decimal at most."""
    return f"{seconds:.1f}".removesuffix(".0") + " s"


def backoff_delay(
    policy: RetryPolicy, *, attempt: int, requested: float | None, random: Callable[[], float]
) -> float:
    """Return the seconds to wait after attempt number `attempt` failed.

    `requested` is the wait that the server asked for.
    """
    # Full jitter: clients that failed together do not return together.
    delay = random() * min(policy.cap, policy.base * 2.0 ** min(attempt - 1, 60))
    if requested is not None:
        # A little more than requested, spread, for the same reason; but no hammering if it is 0.
        delay = max(delay, requested + random() * min(policy.base, requested))
    return delay


def refusal_delay(*, refusals: int, random: Callable[[], float]) -> float:
    """Return the seconds that a call waits by itself after its `refusals`-th refusal.

    The first time there is no wait, because all calls of a client are held back together. A call
    that is refused again may be refused for a reason of its own, and must not be sent at each turn.
    """
    if refusals < 2:
        return 0.0
    return random() * min(_LONGEST_REFUSAL, _REFUSAL * 2.0 ** min(refusals - 2, 60))


def is_exhausted(
    policy: RetryPolicy, *, attempt: int, elapsed: float, delay: float, requested: float | None
) -> bool:
    """Return True if attempt number `attempt` was the last that the policy allows.

    A wait that would end after the deadline is not started. `elapsed` is the time since the call
    began, `requested` the wait that the server asked for, `delay` the wait chosen.
    """
    if attempt >= policy.attempts:
        return True
    if requested is not None and requested > policy.max_retry_after:
        return True
    return policy.deadline is not None and elapsed + delay >= policy.deadline
