"""aiohttp's pooled connections, without three of their faults.

A connection could be used again with unread bytes, and the reader of a body was not told that it is
damaged, or that the client was closed.
"""

from __future__ import annotations

import asyncio
import select

from aiohttp import ClientConnectionError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError


class Connection(ResponseHandler):
    """A connection that is not used again with unread bytes, and whose damage is noticed."""

    _unread: select.poll | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to look for bytes that the event loop has not read yet."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and hasattr(select, "poll"):
            self._unread = select.poll()
            self._unread.register(sock, select.POLLIN)

    def is_connected(self) -> bool:
        """Return True if it can be used again; aiohttp's connector asks when it takes it.

        Bytes that arrived since the last response belong to no request. They would be taken for the
        response to the next one. If the server has closed the connection, this notices it even if
        the program has blocked the event loop ever since.
        """
        # Without `super()`, which costs as much as the system call: this runs for every request.
        transport = self.transport
        return (
            transport is not None
            and not transport.is_closing()
            and not self.should_close
            and (self._unread is None or not self._unread.poll(0))
        )

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        """Fail the reading of a body as well if what follows its head is not HTTP.

        aiohttp reports that to those only who wait for a head, so that the body would end at the
        read timeout.
        """
        cause = () if exc_cause is None else (exc_cause,)
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError):
            self._fail_body(exc, *cause)

    def close(self) -> None:
        """Close the connection, and fail the reading of a body that is not complete."""
        self._fail_body(ClientConnectionError("Connection closed"))
        super().close()

    def abort(self) -> None:
        """Abort the connection, and fail the reading of a body that is not complete."""
        self._fail_body(ClientConnectionError("Connection closed"))
        super().abort()

    def _fail_body(self, exc: BaseException, *cause: BaseException) -> None:
        body = self._payload
        if body is not None and not body.is_eof():
            body.set_exception(exc, *cause)
