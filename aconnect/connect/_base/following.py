"""Following what runs on the server to its end, under the client's polling policy.

It decides how long, and which error ends the wait too early. What is asked, and when it is over, is
the business of whoever follows: a task, a job, a run of checks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, TypedDict, TypeVar

import msgspec

from aconnect._client.polling import Overdue, Unknown, poll
from aconnect.errors import PollTimeoutError, TaskLostError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T")


class Known(TypedDict, total=False):
    """What an error tells besides its message, so that the wait can go on later."""

    token: str
    lines: tuple[str, ...]


async def follow(
    client: Client,
    what: str,
    fetch: Callable[[float, float | None], Awaitable[T]],
    progress: Callable[[T], tuple[bool, bool]],
    *,
    timeout: float | None,
    held: bool = False,
    lost: str = "",
    late: str = "",
    known: Callable[[], Known] = Known,
) -> AsyncGenerator[T, None]:
    """Yield each answer of `fetch`, the finished one last; `fetch` and `progress` as in `poll`.

    Args:
        client: Whose polling policy and clock count.
        what: What is followed, for the message of an error.
        fetch: Asks once.
        progress: Says of an answer whether it is the last, and whether it holds anything new.
        timeout: In seconds; by default the policy says.
        held: Whether the server can hold an answer back while there is nothing new.
        lost: What to add to the message of `TaskLostError`.
        late: What to add to the message of `PollTimeoutError`.
        known: Gives what such an error carries.
    """
    policy = client.polling
    if timeout is not None:
        policy = msgspec.structs.replace(policy, timeout=timeout)
    if not held:
        policy = msgspec.structs.replace(policy, hold=0.0)
    transient = client._pipeline.dialect.transient
    try:
        responses = poll(
            fetch, progress=progress, policy=policy, clock=client.clock, transient=transient
        )
        async with aclosing(responses):
            async for response in responses:
                yield response
    except Unknown as error:
        more = f"; {lost}" if lost else ""
        raise TaskLostError(
            f"the server does not know {what} (any more){more}", **known()
        ) from error
    except Overdue as error:
        more = f"; {late}" if late else ""
        raise PollTimeoutError(
            f"{what} was still running after {policy.timeout:g} s{more}", **known()
        ) from error
