"""One request and its response on a connection, complete or damaged.

Decides how responses are sent and how connections are closed. The faults that damage a response are
in `faults`; the operation creates the response.
"""

import asyncio
import os
import socket
import struct
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web
from multidict import CIMultiDict

from aconnect.testing.faults import Fault
from aconnect.testing.wire import Call, Response, http_date

if TYPE_CHECKING:
    from aconnect.testing.base import FakeServer

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True, eq=False)
class ServedExchange:
    """One request and its connection."""

    host: "FakeServer[Any]"
    call: Call[Any]
    inside: bool
    path: str = ""
    query_string: str = ""
    _response: Response | None = None

    @property
    def elsewhere(self) -> str:
        return self.host.elsewhere

    def now(self) -> datetime:
        return self.host.now()

    @property
    def root(self) -> str:
        return self.host.root

    async def apply(self, fault: Fault) -> web.StreamResponse:
        """Apply a fault to this request."""
        self.path, self.query_string = self.call.path, self.call.query_string
        if self.call.record is not None:
            self.call.record.fault = type(fault).__name__
        return await fault.apply(self)

    async def _record_body(self) -> None:
        """Read and record the request body, if no operation has read it."""
        if self._response is None and not self.call.request.content.at_eof():
            await self.call.drain()

    async def response(self) -> Response:
        if self._response is None:
            self._response = await self.host.serve(self.call, inside=self.inside)
        return self._response

    def _headers(self, response: Response) -> MutableMapping[str, str]:
        headers: MutableMapping[str, str] = response.headers
        headers.setdefault("Date", http_date(int(self.now().timestamp())))
        if response.content_type is not None:
            headers["Content-Type"] = response.content_type
        if self.call.cookies:
            multiple = CIMultiDict(headers)
            for cookie in self.call.cookies:
                multiple.add("Set-Cookie", cookie)
            return multiple
        return headers

    async def send(self, response: Response) -> web.StreamResponse:
        if response.stream is not None:
            return await response.stream()
        await self._record_body()
        headers = self._headers(response)
        if response.pieces is None:
            return web.Response(body=response.body or None, status=response.status, headers=headers)
        if response.length is not None:
            headers["Content-Length"] = str(response.length)
        stream = web.StreamResponse(status=response.status, headers=headers)
        await stream.prepare(self.call.request)
        for piece in response.pieces:
            await stream.write(piece)
        return stream

    async def begin(self, response: Response, length: int) -> web.StreamResponse:
        headers = self._headers(response)
        headers["Content-Length"] = str(length)
        stream = web.StreamResponse(status=response.status, headers=headers)
        await stream.prepare(self.call.request)
        return stream

    async def hold(self, seconds: float) -> None:
        await self.host.hold(seconds)
        if self.host.stopping:
            # Close the connection without a response, as aiohttp does if a handler is too slow.
            raise asyncio.CancelledError

    async def cut(self, raw: bytes = b"", *, reset: bool = True) -> web.StreamResponse:
        await self._record_body()
        transport = self.call.request.transport
        if transport is not None:
            if raw:
                transport.write(raw)
            if reset:
                _arm_reset(transport)
                transport.abort()
            else:
                transport.close()
        return web.Response()


def _arm_reset(transport: asyncio.Transport) -> None:
    """Make the connection end with a TCP reset when it is closed."""
    # Use a duplicate, because the socket object of uvloop cannot set options.
    with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
