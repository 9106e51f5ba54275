"""A minimal client based on aiohttp, which tests the simulated server without the library."""

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
    """Sends requests to one server, each over a new connection and without retries."""

    def __init__(self, server: FakeConnect, session: aiohttp.ClientSession) -> None:
        self.server = server
        # aiohttp must not retry a failed request.
        session._retry_connection = False
        self.session = session

    async def __call__(self, method: str, path: str, **options: Any) -> Reply:
        """Send a request, by default with the key of the administrator, and return its reply."""
        options.setdefault("headers", {"Authorization": f"Key {self.server.api_key}"})
        if user := options.pop("user", None):
            options["headers"] = {"Authorization": f"Key {self.server.api_key_for(user)}"}
        url = f"{self.server.url}/__api__{path}"
        async with self.session.request(method, url, **options) as response:
            return Reply(response.status, response.headers, await response.read())

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """Send a request that must succeed, and return the decoded body of its reply."""
        reply = await self(method, path, **options)
        assert reply.status < 300, reply
        return reply.json()


@asynccontextmanager
async def calling(server: FakeConnect) -> AsyncIterator[Caller]:
    """Start a server and yield a caller for it."""
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
    """A function that starts a server with any arguments; all are stopped at the end."""
    async with AsyncExitStack() as stack:

        async def start(*args: Any, **kwargs: Any) -> Caller:
            return await stack.enter_async_context(calling(FakeConnect(*args, **kwargs)))

        yield start
