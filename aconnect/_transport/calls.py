"""One call that is observed or has failed: what subscribers hear of it, and what follows a failure.

Whether and when there is another attempt is decided in `_core.retry`, and by the service's dialect.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

import msgspec

from aconnect._core.events import AttemptFailed, CallFinished, CallStarted, RetryScheduled
from aconnect._core.message import Request, Response, StreamingResponse
from aconnect._core.redaction import shown_target
from aconnect._core.retry import backoff_delay, is_retryable, retry_after
from aconnect._transport.retrying import again
from aconnect.errors import AconnectError, ApiError, Attempt, DeadlineExceededError

if TYPE_CHECKING:
    from aconnect._transport.pipeline import Pipeline

T = TypeVar("T", bound="Response | tuple[AsyncExitStack, StreamingResponse]")

_CALLS: Final = itertools.count(1)


class Call(Generic[T]):
    """One call that is observed or has failed at least once."""

    def __init__(
        self,
        pipeline: Pipeline,
        request: Request,
        attempt: Callable[[Request, float], Awaitable[T]],
        began: float,
    ) -> None:
        self._pipeline = pipeline
        self._request = request
        self._attempt = attempt
        self._began = began
        self._number = next(_CALLS)
        self._failed: list[Attempt] = []

    async def observed(self) -> T:
        """Make the call from its first attempt on, telling the subscribers."""
        request, pipeline = self._request, self._pipeline
        pipeline.notify(
            lambda: CallStarted(
                operation=request.operation,
                call=self._number,
                method=request.method,
                target=shown_target(request.target, pipeline.dialect.harmless_query),
            )
        )
        try:
            try:
                result = await self._attempt(request, self._began)
            except AconnectError as error:
                result = await self.go_on(error)
        except BaseException as error:
            status = error.status if isinstance(error, ApiError) else None
            self._finished(status, _line(error))
            raise
        if isinstance(result, Response):
            self._finished(result.status, None)
        else:
            stack, stream = result
            async with stack:
                self._finished(stream.status, None)
                # Nobody was kept from taking it over.
                stack = stack.pop_all()
            result = cast("T", (stack, stream))
        return result

    def _finished(self, status: int | None, failure: str | None) -> None:
        self._pipeline.notify(
            lambda: CallFinished(
                operation=self._request.operation,
                call=self._number,
                attempts=len(self._failed) + 1,
                elapsed=self._elapsed(),
                status=status,
                failure=failure,
            )
        )

    async def go_on(self, failure: AconnectError) -> T:
        """Go on after the first attempt has failed."""
        try:
            result = await again(
                self._next_attempt,
                failure,
                decide=self._decide,
                sleep=self._pipeline.options.clock.sleep,
            )
        except AconnectError as error:
            last = self._overdue(error)
            last.attempts = tuple(self._failed)
            if last is error:
                raise
            raise last from error
        if isinstance(result, Response):
            result.attempts = len(self._failed) + 1
        return result

    async def _next_attempt(self) -> T:
        try:
            return await self._attempt(self._request, self._began)
        except ApiError as error:
            if not (self._request.removes and self._pipeline.dialect.gone(error)):
                raise
            # An earlier attempt has done it, and only its answer was lost.
            return cast("T", Response(status=204, headers={}))

    def _overdue(self, error: AconnectError) -> AconnectError:
        deadline = self._pipeline.deadline(self._request)
        if (
            deadline is None
            or self._elapsed() < deadline
            or isinstance(error, ApiError | DeadlineExceededError)
        ):
            return error
        return DeadlineExceededError(
            f"{self._pipeline.describe(self._request)}: not done within {deadline} s; the last "
            f"attempt said: {_line(error)}"
        )

    def _decide(self, failure: Exception, number: int) -> float | None:
        pipeline, request = self._pipeline, self._request
        options = pipeline.options
        elapsed = self._elapsed()
        pipeline.notify(
            lambda: AttemptFailed(
                operation=request.operation,
                call=self._number,
                attempt=number,
                elapsed=elapsed,
                failure=_line(failure),
            )
        )
        downgrade = (
            pipeline.dialect.downgrade(request, failure) if isinstance(failure, ApiError) else None
        )
        if downgrade is not None:
            self._request = downgrade
            return self._noted(failure, number, elapsed, delay=0.0)
        transient = pipeline.dialect.transient
        if not is_retryable(failure, idempotent=request.idempotent, transient=transient):
            return None
        asked = None
        if isinstance(failure, ApiError):
            asked = retry_after(failure.retry_after, options.clock.time())
        policy = msgspec.structs.replace(options.retry, deadline=pipeline.deadline(request))
        delay = backoff_delay(
            policy, attempt=number, elapsed=elapsed, asked=asked, random=random.random
        )
        if delay is None:
            return None
        if not pipeline.budget.spend(options.clock.monotonic()):
            failure.add_note("Not tried again: too many calls to this server fail at the moment.")
            return None
        return self._noted(failure, number, elapsed, delay=delay)

    def _noted(self, failure: Exception, number: int, elapsed: float, *, delay: float) -> float:
        """Note an attempt that is followed by another."""
        self._failed.append(Attempt(number=number, elapsed=elapsed, failure=_line(failure)))
        self._pipeline.notify(
            lambda: RetryScheduled(
                operation=self._request.operation,
                call=self._number,
                attempt=number + 1,
                delay=delay,
            )
        )
        return delay

    def _elapsed(self) -> float:
        return self._pipeline.options.clock.monotonic() - self._began


def _line(error: BaseException) -> str:
    if isinstance(error, ApiError):
        code = f", code {error.code}" if error.code is not None else ""
        return f"{type(error).__name__} ({error.status}{code}): {error.message}"
    return f"{type(error).__name__}: {error}"
