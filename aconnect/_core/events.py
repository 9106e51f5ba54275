"""What happens during a call, as frozen values for subscribers: logs, traces, progress bars.

Nothing is built while nobody has subscribed. No event holds a header, a body or a query value that
could be a secret.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

__all__ = [
    "AttemptFailed",
    "CallFinished",
    "CallStarted",
    "Event",
    "PageFetched",
    "RetryScheduled",
    "Subscriber",
    "TaskProgress",
]


class Event(Struct, frozen=True, kw_only=True):
    """Base of all events."""

    operation: str
    """The declared operation, such as `users.get`; the method and path for a raw request."""


class CallStarted(Event, frozen=True, kw_only=True):
    """A call begins; `call` is the same number in all its events."""

    call: int
    method: str
    target: str
    """Path and query below the API root, with values hidden that may be secret."""


class AttemptFailed(Event, frozen=True, kw_only=True):
    """One attempt did not succeed."""

    call: int
    attempt: int
    elapsed: float
    """Seconds since the call began."""
    failure: str


class RetryScheduled(Event, frozen=True, kw_only=True):
    """The call will be tried again."""

    call: int
    attempt: int
    """The number of the attempt to come."""
    delay: float
    """Seconds until then."""


class CallFinished(Event, frozen=True, kw_only=True):
    """A call ended: `status` of the last answer, or `failure`."""

    call: int
    attempts: int
    elapsed: float
    status: int | None = None
    failure: str | None = None


class PageFetched(Event, frozen=True, kw_only=True):
    """A page of rows has come."""

    number: int
    """Counted from 1 since the iteration began."""
    rows: int


class TaskProgress(Event, frozen=True, kw_only=True):
    """A task said something new."""

    task: str
    lines: tuple[str, ...]
    finished: bool


Subscriber = Callable[[Event], None]
"""Called in the event loop, so it must not block; what it raises goes to the caller of the call."""
