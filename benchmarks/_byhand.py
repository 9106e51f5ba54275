"""The baseline: the loop that an experienced developer writes with aiohttp and msgspec.

One session, typed decoders, no retries, no limits, no handling of faults.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from aconnect._core.model import Id
from aconnect.connect import AccessType, ContentItem
from benchmarks._server import Server


class User(Struct):
    """A user as the simulated server sends it."""

    guid: str
    email: str | None = None
    username: str = ""
    first_name: str | None = None
    last_name: str | None = None
    user_role: str | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None
    active_time: datetime | None = None
    confirmed: bool | None = None
    locked: bool | None = None
    external_id: str | None = None


class Visit(Struct, frozen=True, gc=False):
    """A visit, as small as the library's own."""

    content_guid: str | None = None
    user_guid: str | None = None
    variant_key: str | None = None
    time: datetime | None = None
    rendering_id: str | int | None = None
    bundle_id: str | int | None = None
    path: str | None = None
    data_version: int | None = None
    user_agent: str | None = None
    id: str | int | None = None


class _Cursors(Struct):
    next: str | None = None


class _Paging(Struct):
    cursors: _Cursors


class _Visits(Struct):
    results: list[Visit]
    paging: _Paging


class _RawPage(Struct):
    results: list[msgspec.Raw]
    paging: _Paging


_PLAIN: dict[Any, Any] = {Id | None: str | None, AccessType | None: str | None}

PlainContent = msgspec.defstruct(
    "PlainContent",
    [
        (f.encode_name, _PLAIN.get(f.type, f.type), None)
        for f in msgspec.structs.fields(ContentItem)
    ],
)
"""The fields of a content item without anything that the library adds."""


class ByHand:
    """The calls of the benchmarks, hand-written."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self._session = session
        self._root = root
        self._user = msgspec.json.Decoder(User)
        self._visits = msgspec.json.Decoder(_Visits)
        self._raw_page = msgspec.json.Decoder(_RawPage)
        self.content = msgspec.json.Decoder(list[PlainContent])  # type: ignore[valid-type]

    async def get_user(self, guid: str) -> User:
        async with self._session.get(f"{self._root}/v1/users/{guid}") as response:
            return self._user.decode(await response.read())

    async def count_visits(self, to: str | None = None) -> int:
        """Follow the cursors and look at every row."""
        url = f"{self._root}/v1/instrumentation/content/visits"
        query = {"limit": "500"} if to is None else {"to": to, "limit": "500"}
        decode = self._visits.decode
        count = 0
        while True:
            async with self._session.get(url, params=query) as response:
                page = decode(await response.read())
            for _visit in page.results:
                count += 1
            if not page.paging.cursors.next:
                return count
            query["next"] = page.paging.cursors.next

    async def count_raw_visits(self, to: str | None = None) -> int:
        """Follow the cursors without creating objects for the rows."""
        query = {"limit": "500"} if to is None else {"to": to, "limit": "500"}
        return await self._count("/v1/instrumentation/content/visits", query)

    async def count_audit_logs(self, most: int) -> int:
        """Follow the cursors to some number of rows without creating objects for them."""
        return await self._count("/v1/audit_logs", {"limit": "500"}, most)

    async def _count(self, path: str, query: dict[str, str], most: float = math.inf) -> int:
        count = 0
        while True:
            async with self._session.get(self._root + path, params=query) as response:
                page = self._raw_page.decode(await response.read())
            count += len(page.results)
            if not page.paging.cursors.next or count >= most:
                return count
            query["next"] = page.paging.cursors.next

    async def body(self, path: str) -> bytes:
        async with self._session.get(self._root + path) as response:
            return await response.read()


@asynccontextmanager
async def by_hand(server: Server) -> AsyncIterator[ByHand]:
    """Open the session of the hand-written code."""
    headers = {"Authorization": f"Key {server.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield ByHand(session, f"{server.url}/__api__")
