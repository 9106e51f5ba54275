"""The server of one hostile answer: every request of every call gets it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.raw import RawServer

if TYPE_CHECKING:
    from tests.hostile.answers import Answer

KEY = "hostile-key-4d1f0c96"
"""The credential of every client: API key, client secret, token."""
SESSION = "hostile-session-7be2a53d"
"""The credential that a sign-in returns."""
ARGUMENT = "hostile-argument-90c6e8f1"
"""The value of every argument that is secret, such as a password."""

CALL_HEADER = "X-Test-Call"
"""Each client sends its call's name in this header, so that the server can tell calls apart."""

LOGIN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Set-Cookie: session=%s\r\nSet-Cookie: XSRF-TOKEN=%s\r\n\r\n%s"
)
_LOGIN_BODY = b'{"access_token":"%s","expires_in":3600}' % SESSION.encode()
WELCOME = LOGIN % (len(_LOGIN_BODY), SESSION.encode(), SESSION.encode(), _LOGIN_BODY)
"""A good response to a sign-in, of Looker and of CloudEndure."""


@dataclass
class Exchange:
    """One request, and the way to respond to it."""

    server: HostileServer
    number: int
    """Counts the requests of one call, from 1."""
    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def path(self) -> bytes:
        """Path and query as sent."""
        return self.head.split(b" ", 2)[1]

    async def send(self, raw: bytes) -> None:
        """Send some bytes."""
        self.writer.write(raw)
        await self.writer.drain()

    async def disconnected(self) -> None:
        """Wait until the client closes the connection, without reading more than that needs."""
        while await self.reader.read(1 << 16):
            pass


class HostileServer(RawServer):
    """Sends one answer to every request; `welcomes` lets clients sign in first."""

    def __init__(self, answer: Answer, *, welcomes: bool) -> None:
        # A small buffer, so that what is not read stops the client soon.
        super().__init__(self._handle, limit=1 << 17)
        self.answer = answer
        self.welcomes = welcomes
        self.requests: Counter[str] = Counter()
        """How many requests each call has made, without those for a good sign-in."""

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await self.head(reader)
            if self.welcomes and head.startswith(b"POST ") and b"/login " in head[:200]:
                await _body(head, reader)
                writer.write(WELCOME)
                continue
            found = re.search(rb"(?i)\r\n%s: (.*?)\r\n" % CALL_HEADER.encode(), head)
            call = unquote(found[1].decode()) if found else "a call without a name"
            self.requests[call] += 1
            body = b"" if self.answer.ignores_body else await _body(head, reader)
            exchange = Exchange(self, self.requests[call], head, body, reader, writer)
            await self.answer.respond(exchange)
            if self.answer.closes:
                return


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """Read the body of a request; the clients always announce its length."""
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return await reader.readexactly(int(length[1])) if length else b""
