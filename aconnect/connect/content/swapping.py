"""Exchanging the vanity URLs of two content items, which the API has no request for.

Decides the order of the requests, and what is put back after a failure. `force` takes a path from
whatever content has it, so it is used only just after the other of the two was found to have it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from aconnect._client.lazy import wait_for_end
from aconnect._client.once import create_once
from aconnect._core.retry import NO_RETRY
from aconnect.errors import AconnectError, InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.client import Client
    from aconnect.connect.content.vanity import Vanity

Paths = tuple[str | None, str | None]


class _Side:
    """One of the two content items."""

    def __init__(self, client: Client, guid: str) -> None:
        self._client = client
        self._vanity = client.content.handle(guid).vanity
        self.guid = guid
        self.path: str | None = None
        """The path that it has before anything is changed."""

    async def read(self) -> str | None:
        """Return the path that it has now."""
        found = await self._vanity.find_one()
        return None if found is None else found.path

    async def put(self, path: str) -> None:
        """Give it a path that no other content has."""
        await self._vanity.put(path=path)

    async def take(self, path: str) -> None:
        """Give it a path that the other of the two has.

        It is looked up before the request is repeated: others may have been given the path since.
        """
        vanity = self._client.with_options(retry=NO_RETRY).content.handle(self.guid).vanity

        async def has_it() -> Vanity | None:
            found = await self._vanity.find_one()
            return found if found is not None and found.path == path else None

        await create_once(
            self._client.clock,
            lambda: vanity.put(path=path, force=True),
            has_it,
            is_complete=lambda _: True,
        )

    async def left(self) -> str:
        """Say which path it has now, and how it gets back the one that it had."""
        try:
            path = await self.read()
        except AconnectError:
            sentence = f"which vanity URL content {self.guid} has now could not be read"
        else:
            sentence = f"content {self.guid} has {_shown(path)} now"
            if path == self.path:
                return f"{sentence}, as before"
        call = "delete()" if self.path is None else f"put(path={self.path!r})"
        return (
            f"{sentence}; it had {_shown(self.path)}: "
            f"await client.content.handle({self.guid!r}).vanity.{call}"
        )


async def swap_paths(client: Client, one: str, other: str) -> Paths:
    """Exchange the paths of two content items; return the paths that they have then."""
    if one == other:
        raise InvalidArgumentError(f"both are content {one}; pass two different items")
    sides = first, second = _Side(client, one), _Side(client, other)
    for side in sides:
        side.path = await side.read()
    if second.path is None:
        first, second = second, first
    if second.path is None:
        for side in sides:
            # Content that does not exist has no vanity URL either.
            await client.content.get(side.guid, include=None)
        raise InvalidArgumentError(
            f"neither {one} nor {other} has a vanity URL; set one with vanity.put(path=...)"
        )
    after = sides[1].path, sides[0].path
    swap = _Swap(first, second, second.path)
    running = asyncio.create_task(swap.run())
    with anyio.CancelScope(shield=True):
        try:
            await wait_for_end([running])
        except asyncio.CancelledError:
            failure = None if running.cancelled() else running.exception()
            if failure is not None and not swap.is_put_back:
                # It says what is left, which must not be lost.
                raise failure from None
            raise
    await running
    return after


class _Swap:
    """Gives the path of the second to the first, and that of the first, if any, to the second."""

    def __init__(self, first: _Side, second: _Side, path: str) -> None:
        self._first = first
        self._second = second
        self._path = path
        self.is_put_back = True
        """Whether, after a failure, both have what they had before."""

    async def run(self) -> None:
        """Make the changes; after a failure, put them back and raise it."""
        try:
            # Without effect: a key that may not change it is refused before anything has changed.
            await self._second.put(self._path)
            await self._first.take(self._path)
            if self._first.path is not None:
                await self._second.put(self._first.path)
        except AconnectError as error:
            self.is_put_back = False
            if not await self._is_done_after_all(error):
                raise

    async def _is_done_after_all(self, error: AconnectError) -> bool:
        """Return True if only the last response was lost; otherwise put back what was changed."""
        first, second = self._first, self._second
        before, reason = (first.path, self._path), "others have changed a vanity URL meanwhile"
        try:
            now = await first.read(), await second.read()
            if now == (self._path, first.path):
                return True
            if now[0] == self._path:
                await second.take(self._path)
                if first.path is not None:
                    await first.put(first.path)
                now = before
            self.is_put_back = now == before
        except AconnectError as failure:
            reason = f"what was changed could not be put back: {failure}"
        if not self.is_put_back:
            error.add_note(". ".join([reason, await first.left(), await second.left()]))
        return False


def _shown(path: str | None) -> str:
    return "no vanity URL" if path is None else f"the vanity URL {path}"
