"""Servers and clients over real loopback sockets; retries do not sleep."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import pytest

from aconnect import Client
from aconnect.testing import FakeConnect, VirtualClock

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """A loopback server that sends the bytes of a test and counts connections."""

    def __init__(self, handler: Handler, **options: Any) -> None:
        self._handler = handler
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.heads: list[bytes] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, **self._options)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if 'ssl' in self._options else 'http'}://127.0.0.1:{self.port}"
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The test has ended, or the client has disconnected.
        finally:
            self._tasks.discard(task)
            writer.close()

    async def head(self, reader: asyncio.StreamReader) -> bytes:
        """Read and record the head of a request."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        return head

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()


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
