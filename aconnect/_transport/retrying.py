"""The retry loop; the only place that knows tenacity.

What to do after a failure is decided elsewhere; here it is only carried out. The first attempt is
made without any of this, because tenacity costs as much as a tenth of a whole call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState
from tenacity.stop import stop_never

T = TypeVar("T")


async def again(
    attempt: Callable[[], Awaitable[T]],
    first_failure: BaseException,
    *,
    decide: Callable[[Exception, int], float | None],
    sleep: Callable[[float], Awaitable[None]],
) -> T:
    """Go on with a call whose first attempt has failed, until it succeeds or `decide` gives None.

    `decide` is told the failure and the attempt's number, and gives the seconds to wait. What is
    raised is the last failure.
    """
    delay: float | None = None
    number = 0

    async def next_attempt() -> T:
        nonlocal number
        number += 1
        if number == 1:
            raise first_failure
        return await attempt()

    def retry(state: RetryCallState) -> bool:
        nonlocal delay
        outcome = state.outcome
        failure = outcome.exception() if outcome is not None else None
        delay = decide(failure, number) if isinstance(failure, Exception) else None
        return delay is not None

    def wait(_: RetryCallState) -> float:
        return delay or 0.0

    loop = AsyncRetrying(stop=stop_never, wait=wait, retry=retry, sleep=sleep, reraise=True)
    return await loop(next_attempt)
