"""The retry policy as tenacity's strategies; the only module that imports tenacity.

The first attempt is made without any of this, because tenacity costs as much as a tenth of a whole
call. Its loop is resumed with the failure of that attempt.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from tenacity import AsyncRetrying, DoAttempt, DoSleep, RetryCallState
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.limits import RetryBudget
from aconnect._core.message import Request
from aconnect._core.retry import (
    RetryPolicy,
    backoff_delay,
    is_exhausted,
    is_retryable,
    retry_after,
)
from aconnect.errors import ApiError

T = TypeVar("T")

_NO_BUDGET: Final = "Not retried: the retry budget is exhausted."


class RetriedCall(Protocol):
    """What the strategies need of a call."""

    request: Request
    downgraded: bool
    """Whether the request was just replaced by one that the server supports.

    It is then sent at once, whatever the policy: the server did nothing.
    """

    @property
    def policy(self) -> RetryPolicy: ...

    @property
    def dialect(self) -> Dialect: ...

    @property
    def budget(self) -> RetryBudget: ...

    @property
    def clock(self) -> Clock: ...

    def elapsed(self) -> float: ...

    def schedule_retry(self, failure: BaseException, delay: float) -> None: ...


class RetryLoop(AsyncRetrying):
    """The retries of one call."""

    def __init__(self, call: RetriedCall) -> None:
        self._clock = call.clock
        super().__init__(
            retry=RetryIfSafe(call),
            wait=WaitBackoff(call),
            stop=StopIfExhausted(call) | StopIfOverBudget(call),
            before_sleep=lambda state: call.schedule_retry(_failure(state), state.upcoming_sleep),
            sleep=call.clock.sleep,
            reraise=True,
        )

    async def resume(self, failure: BaseException, attempt: Callable[[], Awaitable[T]]) -> T:
        """Continue a call after its first attempt failed; raise the last failure."""
        self.begin()
        state = RetryCallState(retry_object=self, fn=None, args=(), kwargs={})
        _set_failure(state, failure)
        while True:
            action = await self.iter(retry_state=state)
            if isinstance(action, DoAttempt):
                try:
                    state.set_result(await attempt())
                except BaseException as error:  # noqa: BLE001  the strategies decide
                    _set_failure(state, error)
            elif isinstance(action, DoSleep):
                state.prepare_for_next_attempt()
                await self._clock.sleep(action)
            else:
                result: T = action
                return result


class RetryIfSafe(retry_base):
    """Retry if that is safe and can help, or with a request that the server supports."""

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        outcome, call = retry_state.outcome, self._call
        if outcome is None or not outcome.failed:
            return False
        failure = _failure(retry_state)
        downgrade = None
        if isinstance(failure, ApiError):
            downgrade = call.dialect.downgrade(call.request, failure)
        call.downgraded = downgrade is not None
        if downgrade is not None:
            call.request = downgrade
            return True
        return is_retryable(
            failure, idempotent=call.request.idempotent, is_transient=call.dialect.is_transient
        )


class WaitBackoff(wait_base):
    """Wait with full jitter, and at least as long as the server asks for."""

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> float:
        if self._call.downgraded:
            return 0.0
        return backoff_delay(
            self._call.policy,
            attempt=retry_state.attempt_number,
            requested=_requested_wait(retry_state, self._call.clock),
            random=random.random,
        )


class StopIfExhausted(stop_base):
    """Stop at the policy's number of attempts, its deadline or its longest `Retry-After`."""

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        return not self._call.downgraded and is_exhausted(
            self._call.policy,
            attempt=retry_state.attempt_number,
            elapsed=self._call.elapsed(),
            delay=retry_state.upcoming_sleep,
            requested=_requested_wait(retry_state, self._call.clock),
        )


class StopIfOverBudget(stop_base):
    """Stop if the retry budget is exhausted; otherwise take one retry from it."""

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        call = self._call
        if call.downgraded or call.budget.spend(call.clock.monotonic()):
            return False
        _failure(retry_state).add_note(_NO_BUDGET)
        return True


def _requested_wait(state: RetryCallState, clock: Clock) -> float | None:
    """Return the wait that the server asked for, in seconds."""
    failure = _failure(state)
    return retry_after(failure.retry_after, clock.time()) if isinstance(failure, ApiError) else None


def _set_failure(state: RetryCallState, failure: BaseException) -> None:
    state.set_exception((type(failure), failure, failure.__traceback__))


def _failure(state: RetryCallState) -> BaseException:
    failure = state.outcome.exception() if state.outcome is not None else None
    assert failure is not None  # noqa: S101  the strategies run after failures only
    return failure
