"""Creating something exactly once, although the response to the request may be lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aconnect._core.clock import Clock
from aconnect._core.retry import may_have_acted
from aconnect.errors import AconnectError, ApiError, DeadlineExceededError, DecodeError

T = TypeVar("T")

_ATTEMPTS: Final = 3
_WAIT: Final = 1.0
"""Seconds before the first look-up; a server that failed may still be at work."""

_INSUFFICIENT_STORAGE: Final = 507


def is_uncertain(error: AconnectError) -> bool:
    """Return True if the server may have created what it was asked for, in spite of the error."""
    if isinstance(error, ApiError) and error.status == _INSUFFICIENT_STORAGE:
        return False
    if isinstance(error, DeadlineExceededError):
        # An attempt may have been under way when the time was over.
        error = error.__cause__ if isinstance(error.__cause__, AconnectError) else error
    # What cannot be read may be a response to what was done.
    return isinstance(error, DecodeError) or may_have_acted(error)


async def create_once(
    clock: Clock,
    create: Callable[[], Awaitable[T]],
    look_up: Callable[[], Awaitable[T | None]],
    *,
    is_complete: Callable[[T], bool],
    is_taken: Callable[[AconnectError], bool] = lambda _: False,
) -> T:
    """Create something; after an uncertain failure look it up first, and then try again.

    Args:
        clock: For the waits between attempts.
        create: Makes the request, which is not repeated by the retry policy.
        look_up: Returns what an earlier attempt has created, or None.
        is_complete: Whether a response says what was created. One that was damaged may not.
        is_taken: Whether an error says that it exists already, so that it is looked up as well.

    Raises:
        AconnectError: The last failure of `create`, if nothing was created.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        failure: AconnectError | None = None
        try:
            created = await create()
            if is_complete(created):
                return created
        except AconnectError as error:
            if not (is_uncertain(error) or is_taken(error)):
                raise
            failure = error
        taken = failure is not None and is_taken(failure)
        if not taken:
            # Before the look-up, which must find what is created meanwhile.
            await clock.sleep(_WAIT * attempt)
        found = await look_up()
        if found is not None:
            return found
        if failure is not None and (taken or attempt == _ATTEMPTS):
            raise failure
    raise DecodeError(
        "the server accepted the request, but neither its response nor a later one says what was "
        "created; look at the server before you try again"
    )
