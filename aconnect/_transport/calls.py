"""One call that is observed or has failed: the events of its life, and what follows a failure.

Whether and when there is another attempt is decided in `retrying`.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar, cast

from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.events import (
    AttemptFailed,
    CallFinished,
    CallStarted,
    Event,
    RetryScheduled,
)
from aconnect._core.limits import RetryBudget
from aconnect._core.message import Request, Response
from aconnect._core.redaction import shown_target
from aconnect._core.retry import RetryPolicy, is_refusal
from aconnect._core.text import one_line
from aconnect._transport.limiter import Limiter
from aconnect._transport.retrying import RetryLoop
from aconnect.errors import (
    AconnectError,
    ApiError,
    Attempt,
    ConnectionFailedError,
    ConnectTimeoutError,
    DeadlineExceededError,
)

T = TypeVar("T")

_CALLS: Final = itertools.count(1)
_KEPT: Final = 5
"""How many of the first and of the last failed attempts are kept."""


class Call(Generic[T]):
    """One call that is observed or has failed at least once."""

    def __init__(
        self,
        request: Request,
        attempt: Callable[[Request, float], Awaitable[T]],
        *,
        title: str,
        began: float,
        policy: RetryPolicy,
        is_transfer: bool,
        dialect: Dialect,
        budget: RetryBudget,
        limiter: Limiter,
        clock: Clock,
        notify: Callable[[Callable[[], Event]], None],
        redact: Callable[[str], str],
    ) -> None:
        self.request = request
        self.downgraded = False
        self.failures = 0
        """How many attempts have failed, without refusals."""
        self.refusals = 0
        """How many attempts the server has refused for now."""
        self.policy = policy
        self.dialect = dialect
        self.budget = budget
        self.limiter = limiter
        self.clock = clock
        self._attempt = attempt
        self._title = title
        self._began = began
        self._is_transfer = is_transfer
        self._notify = notify
        self._redact = redact
        self._number = next(_CALLS)
        self._failed: list[Attempt] = []
        self._keeps_place = True
        self._may_be_done = False
        """Whether the server may have carried out an earlier attempt."""

    @property
    def attempts(self) -> int:
        """How often the request was sent."""
        return self._failed[-1].number + 1 if self._failed else 1

    def elapsed(self) -> float:
        """Return the seconds since the call began."""
        return self.clock.monotonic() - self._began

    async def observed(self) -> T:
        """Make the call from its first attempt on; a failure ends it with an event."""
        request = self.request
        self._notify(
            lambda: CallStarted(
                operation=request.operation,
                call=self._number,
                method=request.method,
                # A path may have an id that is the key, if the server said so.
                target=self._redact(shown_target(request.target, self.dialect.shown_query)),
            )
        )
        try:
            try:
                return await self._attempt(request, self._began)
            except AconnectError as error:
                return await self.retry(error)
        except BaseException as error:
            self.finished(error.status if isinstance(error, ApiError) else None, summary(error))
            raise

    def finished(self, status: int | None, failure: str | None = None) -> None:
        """Notify the subscribers that the call has ended."""
        self._notify(
            lambda: CallFinished(
                operation=self.request.operation,
                call=self._number,
                attempts=self.attempts,
                elapsed=self.elapsed(),
                status=status,
                failure=failure,
            )
        )

    async def retry(self, failure: AconnectError) -> T:
        """Continue after the first attempt failed."""
        self._record_failure(failure)
        try:
            return await RetryLoop(self).resume(failure, self._next_attempt)
        except AconnectError as error:
            last = self._overdue(error)
            # The attempts of a sign-in that failed are kept.
            last.attempts = (*self._failed, *error.attempts)
            if last is error:
                raise
            raise last from error

    async def _next_attempt(self) -> T:
        # A refused call keeps its place in line. A failed one goes to the end, so that in an outage
        # the calls take turns in finding out whether it is over.
        place = self._began if self._keeps_place else self.clock.monotonic()
        try:
            return await self._attempt(self.request, place)
        except AconnectError as error:
            if (
                isinstance(error, ApiError)
                and self.request.deletes
                and self._may_be_done
                and not error.signing_in
                and self.dialect.is_gone(error)
            ):
                # An earlier attempt deleted it, and only its response was lost.
                return cast("T", Response(status=204, headers={}))
            self._record_failure(error)
            raise

    def _overdue(self, error: AconnectError) -> AconnectError:
        deadline = self.policy.deadline
        if (
            deadline is None
            or self._is_transfer
            or self.elapsed() < deadline
            or isinstance(error, ApiError | DeadlineExceededError)
        ):
            return error
        return DeadlineExceededError(
            f"{self._title}: not done within {deadline} s; the last attempt failed with: "
            f"{summary(error)}"
        )

    def _record_failure(self, failure: BaseException) -> None:
        self._keeps_place = refused = is_refusal(failure)
        if refused:
            self.refusals += 1
        else:
            self.failures += 1
            if not isinstance(failure, ConnectionFailedError | ConnectTimeoutError):
                self._may_be_done = True
        attempt, elapsed = self.attempts, self.elapsed()
        self._notify(
            lambda: AttemptFailed(
                operation=self.request.operation,
                call=self._number,
                attempt=attempt,
                elapsed=elapsed,
                failure=summary(failure),
                refused=refused,
            )
        )

    def schedule_retry(self, failure: BaseException, delay: float) -> None:
        """Record an attempt that is followed by another one."""
        if self._keeps_place:
            delay = max(delay, self.limiter.held_back)
        self._failed.append(
            Attempt(number=self.attempts, elapsed=self.elapsed(), failure=summary(failure))
        )
        if len(self._failed) > 2 * _KEPT:
            del self._failed[_KEPT]
        self._notify(
            lambda: RetryScheduled(
                operation=self.request.operation,
                call=self._number,
                attempt=self.attempts,
                delay=delay,
            )
        )


def summary(error: BaseException) -> str:
    """Return a failure in one line."""
    if isinstance(error, ApiError):
        code = f", code {error.code}" if error.code is not None else ""
        return one_line(f"{type(error).__name__} ({error.status}{code}): {error.message}")
    return one_line(f"{type(error).__name__}: {error}")
