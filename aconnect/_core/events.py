"""What happens during a call, as frozen values for subscribers: logs, traces, progress bars.

No event is built while there are no subscribers. No event contains a header, a body or a query
value that could be a secret.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

__all__ = [
    "AttemptFailed",
    "CallFinished",
    "CallStarted",
    "CallsHeldBack",
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
    """A call starts; `call` is the same number in all its events."""

    call: int
    method: str
    target: str
    """Path and query below the API root; values that may be secret are hidden."""


class AttemptFailed(Event, frozen=True, kw_only=True):
    """One attempt failed."""

    call: int
    attempt: int
    elapsed: float
    """Seconds since the call began."""
    failure: str
    refused: bool = False
    """Whether the server refused it for now (429, 503): all calls are then sent more slowly."""


class RetryScheduled(Event, frozen=True, kw_only=True):
    """The call will be retried."""

    call: int
    attempt: int
    """The number of the next attempt."""
    delay: float
    """Seconds until the next attempt."""


class CallsHeldBack(Event, frozen=True, kw_only=True):
    """All calls of the client wait; `operation` is the one whose failure caused this."""

    seconds: float
    requested: bool
    """Whether the server asked for it (`Retry-After`); otherwise no call got through."""


class CallFinished(Event, frozen=True, kw_only=True):
    """A call ended: `status` of the last response, or `failure`."""

    call: int
    attempts: int
    elapsed: float
    status: int | None = None
    failure: str | None = None


class PageFetched(Event, frozen=True, kw_only=True):
    """A page of items was received."""

    number: int
    """Counted from 1 since the iteration began."""
    rows: int


class TaskProgress(Event, frozen=True, kw_only=True):
    """A task has new output."""

    task: str
    lines: tuple[str, ...]
    finished: bool


Subscriber = Callable[[Event], None]
"""Called in the event loop, so it must not block; its exceptions propagate to the caller."""
