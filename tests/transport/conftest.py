"""Servers and clients over real loopback sockets; retries do not sleep."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aconnect import Client
from aconnect.testing import FakeConnect, VirtualClock
from tests.raw import Handler, RawServer


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Let the event loop run until a condition is true."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110  servers do not tell
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Closes what a test opened, in the right order."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def raw_server(stack: AsyncExitStack) -> Callable[..., Awaitable[RawServer]]:
    """Start servers that send raw bytes."""

    async def start(handler: Handler, **options: Any) -> RawServer:
        return await stack.enter_async_context(RawServer(handler, **options))

    return start


@pytest.fixture
def connect(
    stack: AsyncExitStack, server: FakeConnect, clock: VirtualClock
) -> Callable[..., Awaitable[Client]]:
    """Create clients of the simulated server, or of another address, with any options."""

    async def make(url: str | None = None, **options: Any) -> Client:
        options = {"api_key": server.api_key, "clock": clock, **options}
        return await stack.enter_async_context(Client(url or server.url, **options))

    return make


@pytest.fixture
async def client(connect: Callable[..., Awaitable[Client]]) -> Client:
    """A client of the simulated server with default options and the virtual clock."""
    return await connect()
