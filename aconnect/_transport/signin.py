"""Credentials that have to be fetched and that expire: one caller signs in, the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import anyio
from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect.errors import AconnectError

_SIGN_OUT_TIMEOUT: Final = 5.0


class Credentials(Struct, frozen=True):
    """The result of signing in."""

    headers: Mapping[str, str]
    lifetime: float | None = None
    """In seconds from now; None if unknown."""

    def __repr__(self) -> str:
        return f"<Credentials for {self.lifetime} s>"


class SignIn:
    """Keeps credentials fresh; `sign_in` and `sign_out` are the service's own calls."""

    def __init__(
        self,
        sign_in: Callable[[], Awaitable[Credentials]],
        *,
        sign_out: Callable[[], Awaitable[None]] | None = None,
        early: float = 60.0,
        clock: Clock,
    ) -> None:
        self._sign_in = sign_in
        self._sign_out = sign_out
        self._early = early
        self._clock = clock
        self._headers: Mapping[str, str] | None = None
        self._expires: float | None = None
        self._turn = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Return credentials that will last for a call, signing in if necessary."""
        current = self._current()
        if current is not None:
            return current
        async with self._turn:
            current = self._current()
            if current is None:
                fresh = await self._sign_in()
                current = self._headers = fresh.headers
                self._expires = None
                if fresh.lifetime is not None:
                    # Half of a very short lifetime is used, or each call would sign in.
                    margin = min(self._early, fresh.lifetime / 2)
                    self._expires = self._clock.monotonic() + fresh.lifetime - margin
            return current

    def _current(self) -> Mapping[str, str] | None:
        if self._expires is not None and self._clock.monotonic() >= self._expires:
            return None
        return self._headers

    def forget(self, refused: Mapping[str, str]) -> None:
        """Drop credentials that the server refused, unless there are newer ones already."""
        if self._headers is refused:
            self._headers = None

    async def close(self) -> None:
        """Sign out if signed in; a failure to do so is ignored."""
        current, self._headers = self._current(), None
        if current is None or self._sign_out is None:
            return
        self._headers = current
        with (
            anyio.CancelScope(shield=True),
            anyio.move_on_after(_SIGN_OUT_TIMEOUT),
            suppress(AconnectError),
        ):
            await self._sign_out()
        self._headers = None
