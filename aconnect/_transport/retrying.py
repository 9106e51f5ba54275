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
    ONLY_ONCE,
    RetryPolicy,
    backoff_delay,
    is_exhausted,
    is_refusal,
    is_retryable,
    refusal_delay,
    seconds_text,
)
from aconnect._transport.limiter import Limiter
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
    failures: int
    """How many attempts have failed, without refusals."""
    refusals: int
    """How many attempts the server has refused for now."""

    @property
    def policy(self) -> RetryPolicy: ...

    @property
    def dialect(self) -> Dialect: ...

    @property
    def budget(self) -> RetryBudget: ...

    @property
    def limiter(self) -> Limiter: ...

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
                if action > 0:
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
        if not self._is_retryable(failure := _failure(retry_state)):
            return False
        if call.request.is_used_up:
            failure.add_note(ONLY_ONCE)
            return False
        return True

    def _is_retryable(self, failure: BaseException) -> bool:
        call, downgrade = self._call, None
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
    """Wait with full jitter, and at least as long as the server asks for.

    A refused call waits in line instead, where the server's request holds all calls back.
    """

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> float:
        call = self._call
        if call.downgraded:
            return 0.0
        failure, requested = _failure(retry_state), _requested_wait(retry_state)
        if is_refusal(failure):
            refusals = 0 if requested else call.refusals
            return refusal_delay(refusals=refusals, random=random.random)
        return backoff_delay(
            call.policy, attempt=call.failures, requested=requested, random=random.random
        )


class StopIfExhausted(stop_base):
    """Stop at the policy's number of attempts, its deadline or its longest `Retry-After`."""

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        call = self._call
        if call.downgraded:
            return False
        failure, requested = _failure(retry_state), _requested_wait(retry_state)
        stops = is_exhausted(
            call.policy,
            # Refusals are not counted, unless there is only one attempt.
            attempt=1 if is_refusal(failure) else call.failures,
            elapsed=call.elapsed(),
            delay=max(retry_state.upcoming_sleep, requested or 0.0),
            requested=requested,
        )
        if stops and requested and isinstance(failure, ApiError):
            failure.hint = _explain_wait(call.policy, requested, failure.hint)
        return stops


class StopIfOverBudget(stop_base):
    """Stop if the retry budget is exhausted; otherwise take one retry from it.

    It guards against amplifying failures. A call that was refused for now is sent again at a pace
    that the server accepts, and in an outage one call at a time is sent, so both are free.
    """

    def __init__(self, call: RetriedCall) -> None:
        self._call = call

    def __call__(self, retry_state: RetryCallState) -> bool:
        call = self._call
        if call.downgraded or is_refusal(_failure(retry_state)) or call.limiter.is_outage:
            return False
        if call.budget.spend(call.clock.monotonic()):
            return False
        _failure(retry_state).add_note(_NO_BUDGET)
        return True


def _explain_wait(policy: RetryPolicy, requested: float, hint: str) -> str:
    """Return the hint of an error, with the wait that the server asked for."""
    wait = f"the server asks to wait {seconds_text(requested)}"
    if wait in hint:
        return hint
    if requested > policy.max_retry_after:
        most = seconds_text(policy.max_retry_after)
        wait += f", longer than the limit of {most} (RetryPolicy.max_retry_after)"
    elif policy.deadline is not None:
        wait += f", and the deadline is {seconds_text(policy.deadline)} after the call began"
    return f"{hint}; {wait}" if hint else wait


def _requested_wait(state: RetryCallState) -> float | None:
    """Return the wait that the server asked for, in seconds."""
    failure = _failure(state)
    return failure.retry_after_seconds if isinstance(failure, ApiError) else None


def _set_failure(state: RetryCallState, failure: BaseException) -> None:
    state.set_exception((type(failure), failure, failure.__traceback__))


def _failure(state: RetryCallState) -> BaseException:
    failure = state.outcome.exception() if state.outcome is not None else None
    assert failure is not None  # noqa: S101  the strategies run after failures only
    return failure
