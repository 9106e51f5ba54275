"""Following something that runs on the server until it ends, with a deadline and some patience.

One failed poll does not end the wait: the server may be restarting, or a cluster may have routed
the poll to a node that does not know the task (yet).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect._core.retry import is_retryable
from aconnect.errors import ApiError, DeadlineExceededError, NotFoundError, TransportError

T = TypeVar("T")


class PollPolicy(Struct, frozen=True, kw_only=True):
    """How something running is followed; times in seconds."""

    timeout: float | None = 3600.0
    """How long it may run; None for no limit."""
    hold: float = 20.0
    """How long the server is asked to hold an answer back while there is nothing new."""
    interval: float = 0.1
    """The first pause between polls; each is 1.5 times the one before while nothing is new."""
    max_interval: float = 5.0
    """No pause is longer."""
    patience: int = 5
    """How many polls in a row may fail by fault of the server or the network."""
    grace: float = 30.0
    """How long "no such task" is taken for a routing matter."""


class Unknown(Exception):  # noqa: N818  a verdict, not an error: poll() turns it into the caller's
    """The server does not know what is being followed, and the grace has passed."""


class Overdue(Exception):  # noqa: N818  as above
    """The deadline has passed."""


async def poll(
    fetch: Callable[[float, float | None], Awaitable[T]],
    *,
    progress: Callable[[T], tuple[bool, bool]],
    policy: PollPolicy,
    clock: Clock,
    transient: Callable[[ApiError], bool | None] | None = None,
) -> AsyncGenerator[T, None]:
    """Yield each answer of `fetch`, the finished one last.

    `fetch` is given the seconds the server may hold the answer, and those that are left in all, or
    None; `progress` says of an answer
    whether it is the last, and whether it holds anything new. `transient` is the service's
    knowledge of its error codes, as in `is_retryable`. Raises `Unknown` or `Overdue`.
    """
    began = last_known = clock.monotonic()
    failures = 0
    pause = policy.interval
    while True:
        left = None if policy.timeout is None else began + policy.timeout - clock.monotonic()
        if left is not None and left <= 0:
            raise Overdue
        hold = policy.hold if left is None else min(policy.hold, left)
        asked = clock.monotonic()
        try:
            response = await fetch(hold, left)
        except NotFoundError as error:
            if clock.monotonic() - last_known >= policy.grace:
                raise Unknown from error
            new = False
        except (ApiError, TransportError) as error:
            failures += 1
            # The call itself has been repeated; here the question is only whether waiting helps.
            passing = is_retryable(error, idempotent=True, transient=transient)
            if failures > policy.patience or not (
                passing or isinstance(error, DeadlineExceededError)
            ):
                raise
            new = False
        else:
            failures = 0
            last_known = clock.monotonic()
            finished, new = progress(response)
            yield response
            if finished:
                return
        # A server that held the answer back has already paused for us.
        held = hold > 0 and clock.monotonic() - asked >= hold / 2
        pause = policy.interval if new or held else min(pause * 1.5, policy.max_interval)
        if left is not None:
            pause = min(pause, max(left, 0.0))
        await clock.sleep(pause)
