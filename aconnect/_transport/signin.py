"""Credentials that have to be fetched and that expire.

All callers that need credentials share one sign-in and its outcome, each for as long as its own
deadline allows. The sign-in runs in a task of its own, so that a caller that gives up ends only its
own wait. Credentials that expire soon are still good, so they are renewed in the background.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import anyio
from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect.errors import (
    AconnectError,
    AuthenticationError,
    ClientClosedError,
    PermissionDeniedError,
)

_SIGN_OUT_TIMEOUT: Final = 5.0
# A bulk job with the wrong password must not lock the account, which many servers do after a few
# refusals. Who has corrected the password hardly notices the pause.
_REFUSAL_KEPT: Final = 5.0

Headers = Mapping[str, str]


class Credentials(Struct, frozen=True):
    """The result of signing in."""

    headers: Headers
    lifetime: float | None = None
    """In seconds from now; None if unknown."""

    def __repr__(self) -> str:
        return f"<Credentials for {self.lifetime} s>"


class SignIn:
    """Keeps credentials fresh; `sign_in` and `sign_out` are the service's own calls.

    `sign_out` gets the headers of the session to end, and must not sign in.
    """

    def __init__(
        self,
        sign_in: Callable[[], Awaitable[Credentials]],
        *,
        sign_out: Callable[[Headers], Awaitable[None]],
        early: float = 60.0,
        clock: Clock,
    ) -> None:
        self._sign_in = sign_in
        self._sign_out = sign_out
        self._early = early
        self._clock = clock
        self._headers: Headers | None = None
        self._expires: float | None = None
        self._renewal: float | None = None
        """When to renew the credentials, before they expire."""
        self._task: asyncio.Task[Headers | AconnectError] | None = None
        self._refused_until = 0.0
        self.closed: bool = False

    async def headers(self, remaining: float | None = None) -> Headers:
        """Return credentials, signing in if there are none that are good.

        Raises:
            TimeoutError: That takes longer than the `remaining` seconds.
            AconnectError: The sign-in failed, for all that waited for it.
        """
        current = self._current()
        if current is not None:
            if self._renewal is not None and self._clock.monotonic() >= self._renewal:
                self._shared()
            return current
        if self.closed:
            raise ClientClosedError("the client is closed; create another one")
        task = self._shared()
        await asyncio.wait({task}, timeout=remaining)
        if not task.done():
            raise TimeoutError("the sign-in takes longer than the call may")
        if task.cancelled():
            closed = ClientClosedError("the client was closed while it was signing in")
            closed.signing_in = True
            raise closed
        outcome = task.result()
        if isinstance(outcome, AconnectError):
            # A copy, because callers add tracebacks and notes to what they catch.
            error = copy.deepcopy(outcome)
            error.signing_in = True
            raise error from outcome
        return outcome

    def _shared(self) -> asyncio.Task[Headers | AconnectError]:
        """Return the sign-in that is running or was just refused, or begin one."""
        task = self._task
        if task is None or (task.done() and self._clock.monotonic() >= self._refused_until):
            task = self._task = asyncio.create_task(self._fetch(), name="aconnect sign-in")
        return task

    async def _fetch(self) -> Headers | AconnectError:
        try:
            fresh = await self._sign_in()
        except AconnectError as error:
            if isinstance(error, AuthenticationError | PermissionDeniedError):
                self._refused_until = self._clock.monotonic() + _REFUSAL_KEPT
            # One early attempt is enough: the next is made when it is needed.
            self._renewal = None
            return error
        self._headers = fresh.headers
        self._expires = self._renewal = None
        if fresh.lifetime is not None:
            self._expires = self._clock.monotonic() + fresh.lifetime
            # Half of a very short lifetime is used, or each call would sign in.
            self._renewal = self._expires - min(self._early, fresh.lifetime / 2)
        return fresh.headers

    def _current(self) -> Headers | None:
        if self._expires is not None and self._clock.monotonic() >= self._expires:
            return None
        return self._headers

    def forget(self, refused: Headers) -> None:
        """Drop credentials that the server refused, unless there are newer ones already."""
        if self._headers is refused:
            self._headers = None

    def forget_refusal(self) -> None:
        """Sign in again although that was just refused: the password or token has changed."""
        self._refused_until = 0.0

    async def close(self) -> None:
        """Sign out if signed in; a failure to do so is ignored."""
        self.closed = True
        task, self._task = self._task, None
        current, self._headers = self._current(), None
        with (
            anyio.CancelScope(shield=True),
            anyio.move_on_after(_SIGN_OUT_TIMEOUT),
            suppress(AconnectError),
        ):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
            if current is not None:
                await self._sign_out(current)
