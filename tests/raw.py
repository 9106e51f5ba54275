"""A server that sends whatever bytes a test wants, valid HTTP or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

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
