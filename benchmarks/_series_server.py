"""A canned server of usage and audit logs: rows encoded once, a page is one slice of them.

It takes so little time that figures against it are about the client. It runs in a process of its
own, with a specification as JSON as its argument, and prints one line with its address. How many
requests for rows it has served is returned by `/counts`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
import urllib.request
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, ClassVar, cast
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from benchmarks._series import SESSION, Kind, Rows, Shape, times
from benchmarks._server import ROOT, Server

_SESSION = int(SESSION.total_seconds()) * 10**9
_BLOCK = 25
"""How many rows are compressed together, once. The rows at the edges of a page, fewer than two
blocks, are compressed for each page."""
_PIECE = 64 * 1024


class Spec(Struct, frozen=True, kw_only=True):
    """What the server has, and how it behaves."""

    rows: int
    kind: Kind = "visits"
    shape: Shape = "uniform"
    latency: float = 0.0
    """Seconds before each response with rows."""
    gzip: bool = False
    search: bool = True
    """Whether audit logs can be searched, as on newer servers."""


class SeriesServer(Server):
    """The address of a running series server."""

    def requests(self) -> int:
        """Return the number of requests for rows so far."""
        with urllib.request.urlopen(f"{self.url}/counts") as response:  # noqa: S310  our own server
            return int(response.read())


@contextmanager
def series_server(spec: Spec) -> Iterator[SeriesServer]:
    """Run a server for the block; its rows are encoded when it begins."""
    command = [sys.executable, "-m", "benchmarks._series_server"]
    command.append(msgspec.json.encode(spec).decode())
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the series server did not start; its error is above")
            yield SeriesServer(f"http://127.0.0.1:{int(line)}", "fake")
        finally:
            process.terminate()


Query = dict[str, str]


class _Series:
    """The rows of a specification, in the orders in which they are requested."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._times = times(spec.shape, spec.rows)
        self._orders: dict[bool, Rows] = {}
        self._blocks: dict[bool, list[bytes]] = {}
        self._ranges: dict[tuple[str | None, str | None], tuple[int, int]] = {}
        # The orders that the collector and a simple loop ask for.
        orders = {"visits": (True,), "hits": (True,), "shiny_usage": (True, False)}
        for ascending in orders.get(spec.kind, (True, False)):
            rows = Rows(spec.kind, self._times, ascending=ascending)
            self._orders[ascending] = rows
            if spec.gzip:
                self._blocks[ascending] = _compressed(rows)

    def window(self, start: str | None, end: str | None) -> tuple[int, int]:
        """Return the numbers of the first row of a window and of that after it."""
        key = (start, end)
        if key not in self._ranges:
            low, high = 0, len(self._times)
            if start:
                # Sessions match if they overlap the window.
                earlier = _SESSION if self.spec.kind == "shiny_usage" else 0
                low = bisect_left(self._times, _nanoseconds(start) - earlier)
            if end:
                high = bisect_right(self._times, _nanoseconds(end))
            self._ranges[key] = low, max(low, high)
        return self._ranges[key]

    def rows(self, begin: int, end: int, *, ascending: bool) -> memoryview:
        """Return rows by their number in ascending order."""
        count = len(self._times)
        places = (begin, end) if ascending else (count - end, count - begin)
        return self._orders[ascending].slice(*places)

    def page(self, head: bytes, begin: int, end: int, tail: bytes, *, ascending: bool) -> bytes:
        """Return the body of a page."""
        if not self.spec.gzip:
            return b"".join((head, self.rows(begin, end, ascending=ascending), tail))
        count = len(self._times)
        if not ascending:
            begin, end = count - end, count - begin
        rows, blocks = self._orders[ascending], self._blocks[ascending]
        # The last row must lose its comma, so its block is not taken as it is.
        first, last = -(-begin // _BLOCK), max(0, end - 1) // _BLOCK
        if first >= last:
            middle, parts = (begin, begin), []
        else:
            middle, parts = (first * _BLOCK, last * _BLOCK), blocks[first:last]
        before = b"" if middle[0] == begin else bytes(rows.slice(begin, middle[0])) + b","
        after = rows.slice(middle[1], end)
        checksum = 0
        inside = rows.slice(*middle)
        comma = b"," if len(inside) else b""
        for part in (head, before, inside, comma, after, tail):
            checksum = zlib.crc32(part, checksum)
        size = sum(map(len, (head, before, inside, comma, after, tail)))
        return b"".join(
            (
                _GZIP_HEADER,
                _deflated(head + before),
                *parts,
                _deflated(bytes(after) + tail),
                b"\x03\x00",  # an empty last block
                checksum.to_bytes(4, "little"),
                size.to_bytes(4, "little"),
            )
        )


_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"


def _deflated(data: bytes | memoryview, level: int = 1) -> bytes:
    """Compress data so that it can be joined with other such data."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)


def _compressed(rows: Rows) -> list[bytes]:
    """Return the compressed blocks of rows, each with the comma at its end."""
    return [
        _deflated(bytes(rows.slice(begin, min(begin + _BLOCK, len(rows)))) + b",", level=6)
        for begin in range(0, len(rows), _BLOCK)
    ]


def _nanoseconds(text: str) -> int:
    """Parse an RFC 3339 time."""
    text = text.replace("Z", "+00:00")
    point = text.find(".")
    digits = ""
    if point >= 0:
        end = point + 1
        while text[end].isdigit():
            end += 1
        digits, text = text[point + 1 : end], text[:point] + text[end:]
    time = datetime.fromisoformat(text)
    whole = int((time - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * 10**9 + int(digits.ljust(9, "0"))


class _Response(Struct):
    body: bytes = b""
    status: str = "200 OK"
    content_type: str = "application/json"
    encoding: str = ""
    rows: memoryview | None = None
    """An array that is sent in pieces."""

    def head(self) -> bytes:
        size = "Transfer-Encoding: chunked" if self.rows else f"Content-Length: {len(self.body)}"
        return (
            f"HTTP/1.1 {self.status}\r\nDate: {formatdate(usegmt=True)}\r\n{self.encoding}"
            f"Content-Type: {self.content_type}\r\n{size}\r\n\r\n"
        ).encode()


class _Routes:
    """The operations, by path."""

    def __init__(self, series: _Series) -> None:
        self._series = series
        self.spec = series.spec
        self.served = 0
        self._encoding = "Content-Encoding: gzip\r\n" if self.spec.gzip else ""
        usage = "/__api__/v1/instrumentation"
        rows: dict[Kind, dict[str, Callable[[Query], _Response]]] = {
            "visits": {f"{usage}/content/visits": self._visits},
            "shiny_usage": {f"{usage}/shiny/usage": self._visits},
            "hits": {f"{usage}/content/hits": self._hits},
            "audit_logs": {"/__api__/v1/audit_logs": self._audit_logs},
        }
        self.rows = rows[self.spec.kind]
        if self.spec.kind == "audit_logs" and self.spec.search:
            self.rows["/__api__/v1/search/auditlogs"] = self._search

    def respond(self, path: str, query: Query) -> _Response:
        """Return the response to a request."""
        if path in self.rows:
            self.served += 1
            return self.rows[path](query)
        if path == "/__api__/server_settings":
            return _Response(b'{"version":"2026.01.0"}')
        if path == "/counts":
            return _Response(str(self.served).encode())
        return _Response(b"404 page not found\n", "404 Not Found", "text/plain; charset=utf-8")

    def _visits(self, query: Query) -> _Response:
        low, high = self._series.window(query.get("from"), query.get("to"))
        return self._keyset(query, low, high, ascending=query.get("asc_order") != "false")

    def _audit_logs(self, query: Query) -> _Response:
        low, high = self._series.window(None, None)
        return self._keyset(query, low, high, ascending=query.get("ascOrder") == "true")

    def _keyset(self, query: Query, low: int, high: int, *, ascending: bool) -> _Response:
        limit, cursor = int(query.get("limit", 20)), query.get("next")
        if ascending:
            low = int(cursor) if cursor else low
            begin, end = low, min(high, low + limit)
            following = str(end) if end < high else None
        else:
            high = int(cursor) if cursor else high
            begin, end = max(low, high - limit), high
            following = str(begin) if begin > low else None
        cursors = json.dumps({"previous": None, "next": following})
        tail = f'],"paging":{{"first":null,"next":null,"cursors":{cursors}}}}}'.encode()
        body = self._series.page(b'{"results":[', begin, end, tail, ascending=ascending)
        return _Response(body, encoding=self._encoding)

    def _search(self, query: Query) -> _Response:
        words = dict(word.split(":", 1) for word in query.get("q", "").split())
        low, high = self._series.window(words.get("from"), words.get("to"))
        ascending = query.get("order") == "asc"
        size, number = int(query.get("page_size", 20)), int(query.get("page_number", 1))
        if ascending:
            begin = min(high, low + (number - 1) * size)
            end = min(high, begin + size)
        else:
            end = max(low, high - (number - 1) * size)
            begin = max(low, end - size)
        head = f'{{"total":{high - low},"results":['.encode()
        body = self._series.page(head, begin, end, b"]}", ascending=ascending)
        return _Response(body, encoding=self._encoding)

    def _hits(self, query: Query) -> _Response:
        low, high = self._series.window(query.get("from"), query.get("to"))
        rows = self._series.rows(low, high, ascending=True)
        return _Response(rows=rows) if len(rows) else _Response(b"[]")


class _Connection(asyncio.Protocol):
    """One connection; its requests come one after the other."""

    routes: ClassVar[_Routes]

    def __init__(self) -> None:
        self._received = b""
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _, self._received = self._received.partition(b"\r\n\r\n")
            target = request.split(b" ", 2)[1].decode()
            path, _, query = target.partition("?")
            response = self.routes.respond(path, _parsed(query))
            delay = self.routes.spec.latency if path in self.routes.rows else 0.0
            if delay:
                asyncio.get_running_loop().call_later(delay, self._send, response)
            else:
                self._send(response)

    def _send(self, response: _Response) -> None:
        if response.rows is None:
            self._transport.write(response.head() + response.body)
        else:
            self._sending = asyncio.ensure_future(self._stream(response))

    async def _stream(self, response: _Response) -> None:
        self._transport.write(response.head() + b"1\r\n[\r\n")
        rows = response.rows or memoryview(b"")
        for begin in range(0, len(rows), _PIECE):
            piece = rows[begin : begin + _PIECE]
            self._transport.write(b"".join((b"%x\r\n" % len(piece), piece, b"\r\n")))
            await self._may_write.wait()
        self._transport.write(b"1\r\n]\r\n0\r\n\r\n")


def _parsed(query: str) -> Query:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: unquote_plus(value) for name, _, value in pairs}


async def _serve(spec: Spec) -> None:
    _Connection.routes = _Routes(_Series(spec))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def _main() -> None:
    try:
        factory: Any = importlib.import_module("uvloop").new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(msgspec.json.decode(sys.argv[1], type=Spec)))


if __name__ == "__main__":
    _main()
