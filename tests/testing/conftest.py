"""A thin client over plain aiohttp, so that the simulated server is tested without the library."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest

from aconnect.testing import FakeConnect


class Reply(NamedTuple):
    """A complete response."""

    status: int
    headers: Any
    body: bytes

    def json(self):
        return msgspec.json.decode(self.body)

    @property
    def code(self):
        return self.json()["code"]


class Caller:
    """Calls one server with one key over new connections, so that aiohttp retries nothing."""

    def __init__(self, server: FakeConnect, session: aiohttp.ClientSession) -> None:
        self.server = server
        # aiohttp must not retry a failed request.
        session._retry_connection = False
        self.session = session

    async def __call__(self, method: str, path: str, **more: Any) -> Reply:
        more.setdefault("headers", {"Authorization": f"Key {self.server.api_key}"})
        if user := more.pop("user", None):
            more["headers"] = {"Authorization": f"Key {self.server.api_key_for(user)}"}
        url = f"{self.server.url}/__api__{path}"
        async with self.session.request(method, url, **more) as response:
            return Reply(response.status, response.headers, await response.read())

    async def json(self, method: str, path: str, **more: Any) -> Any:
        reply = await self(method, path, **more)
        assert reply.status < 300, reply
        return reply.json()


@asynccontextmanager
async def calling(server: FakeConnect) -> AsyncIterator[Caller]:
    """Start a server and return a caller for it."""
    jar = aiohttp.DummyCookieJar()
    async with (
        server,
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), cookie_jar=jar
        ) as session,
    ):
        yield Caller(server, session)


@pytest.fixture
async def call() -> AsyncIterator[Caller]:
    async with calling(FakeConnect()) as caller:
        yield caller


@pytest.fixture
async def old() -> AsyncIterator[Caller]:
    async with calling(FakeConnect(version="2023.09.0")) as caller:
        yield caller


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Any]]:
    """Start servers with any arguments, and stop them at the end."""
    async with AsyncExitStack() as stack:

        async def start(*arguments: Any, **named: Any) -> Caller:
            return await stack.enter_async_context(calling(FakeConnect(*arguments, **named)))

        yield start
