"""Credentials that have to be fetched and that end: one caller signs in, the others wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

import anyio
from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect.errors import AconnectError

_LEAVING: Final = 5.0


class Credentials(Struct, frozen=True):
    """What a sign-in gives."""

    headers: Mapping[str, str]
    lifetime: float | None = None
    """In seconds from now; None where that is not known."""

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
        self._end: float | None = None
        self._turn = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """Give credentials that will last for a call, signing in where that is needed."""
        known = self._known()
        if known is not None:
            return known
        async with self._turn:
            known = self._known()
            if known is None:
                fresh = await self._sign_in()
                known = self._headers = fresh.headers
                self._end = None
                if fresh.lifetime is not None:
                    # Of a very short life, half is used: else each call would sign in.
                    spare = min(self._early, fresh.lifetime / 2)
                    self._end = self._clock.monotonic() + fresh.lifetime - spare
            return known

    def _known(self) -> Mapping[str, str] | None:
        if self._end is not None and self._clock.monotonic() >= self._end:
            return None
        return self._headers

    def forget(self, refused: Mapping[str, str]) -> None:
        """Drop credentials that the server did not take, unless newer ones are there already."""
        if self._headers is refused:
            self._headers = None

    async def close(self) -> None:
        """Sign out, where somebody is signed in; what goes wrong with that is of no consequence."""
        signed_in, self._headers = self._known(), None
        if signed_in is None or self._sign_out is None:
            return
        self._headers = signed_in
        with anyio.CancelScope(shield=True), anyio.move_on_after(_LEAVING), suppress(AconnectError):
            await self._sign_out()
        self._headers = None
