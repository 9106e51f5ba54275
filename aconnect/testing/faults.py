"""Faults of a server or of the network, as arguments of `FakeConnect.script`.

Decides what each fault does to one request. Which request it is applied to depends on the script.
Faults that do not need a response replace the operation, which is not performed. Faults that damage
a response (`reset_mid_body`, `truncated_json`, `stalled_body`, `repeated_cursor`) are applied after
the operation. With `after`, the other faults are also applied after the operation, so that only its
response is lost.
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from aconnect.testing.connect.paging import START, cursor_of
from aconnect.testing.wire import Response, http_date

Body: TypeAlias = "bytes | str | Mapping[str, object] | None"


class Exchange(Protocol):
    """One request, and the actions that a fault can take."""

    path: str
    query_string: str

    @property
    def elsewhere(self) -> str:
        """Another origin, in the form `http://host:port`."""
        ...

    @property
    def root(self) -> str:
        """The path of the API on any server, such as `/__api__`."""
        ...

    def now(self) -> datetime:
        """Return the time of the server."""
        ...

    async def response(self) -> Response:
        """Return the response of the operation, which is performed at most once."""
        ...

    async def send(self, response: Response) -> web.StreamResponse:
        """Send a complete response."""
        ...

    async def begin(self, response: Response, length: int) -> web.StreamResponse:
        """Send the headers of a response with a body of `length` bytes."""
        ...

    async def hold(self, seconds: float) -> None:
        """Wait for a number of seconds, or until the server stops or the connection is closed."""
        ...

    async def cut(self, raw: bytes = b"", *, reset: bool = True) -> web.StreamResponse:
        """Write raw bytes and close the connection, either with a TCP reset or normally."""
        ...


class Fault(Protocol):
    """A fault that can be scripted."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        """Respond, damage the response or close the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """Return a status instead of performing the operation."""

    code: int
    retry_after: float | str | None = None
    http_date: bool = False
    body: Body = None
    content_type: str | None = None

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        headers: dict[str, str] = {}
        if isinstance(self.retry_after, str):
            headers["Retry-After"] = self.retry_after
        elif self.retry_after is not None and self.http_date:
            # Rounded up, because an HTTP date has a resolution of one second.
            headers["Retry-After"] = http_date(
                math.ceil(exchange.now().timestamp() + self.retry_after)
            )
        elif self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        body, content_type = _encoded(self.code, self.body)
        content_type = self.content_type or content_type
        return await exchange.send(Response(body, self.code, content_type, headers))


def _encoded(code: int, body: Body) -> tuple[bytes, str]:
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if body is not None:
        return msgspec.json.encode(body), "application/json"
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = f"status {code}"
    return phrase.encode(), "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the connection before any header is sent."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.cut()


@dataclass(frozen=True, slots=True)
class ResetMidBody:
    """Send the headers and half of the body, then reset the connection."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        response = await exchange.response()
        body = response.complete_body()
        stream = await exchange.begin(response, max(2, len(body)))
        await stream.write(body[: len(body) // 2] or b" ")
        # Without a pause, the client may receive the reset before it has read the data.
        await exchange.hold(0.01)
        await exchange.cut()
        return stream


@dataclass(frozen=True, slots=True)
class TruncatedJson:
    """Send a complete HTTP response whose JSON is truncated."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        response = await exchange.response()
        body = response.complete_body()
        response.body = body[: max(1, len(body) // 2)]
        return await exchange.send(response)


@dataclass(frozen=True, slots=True)
class LoginPage:
    """Return the HTML of a login page with status 200, as a proxy does."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        page = b"<!DOCTYPE html><html><title>Sign in</title><body><form></form></body></html>"
        return await exchange.send(Response(page, 200, "text/html; charset=utf-8"))


@dataclass(frozen=True, slots=True)
class SlowHeaders:
    """Wait, then perform the operation and respond as usual."""

    seconds: float

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.hold(self.seconds)
        return await exchange.send(await exchange.response())


@dataclass(frozen=True, slots=True)
class StalledBody:
    """Send the headers and half of the body, pause, then send the rest of the body."""

    seconds: float

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        response = await exchange.response()
        body = response.complete_body()
        stream = await exchange.begin(response, len(body))
        half = len(body) // 2
        await stream.write(body[:half])
        await exchange.hold(self.seconds)
        await stream.write(body[half:])
        await stream.write_eof()
        return stream


@dataclass(frozen=True, slots=True)
class GzipBomb:
    """Return a small gzip body that decompresses to `size` bytes of whitespace and `{}`."""

    size: int

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        headers = {"Content-Encoding": "gzip"}
        return await exchange.send(Response(_bomb(self.size), 200, "application/json", headers))


@lru_cache(maxsize=4)
def _bomb(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * (1 << 20)
    parts = [packer.compress(block) for _ in range(size >> 20)]
    parts += [packer.compress(b" " * (size % (1 << 20))), packer.compress(b"{}"), packer.flush()]
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Redirect, by default to the same path on another origin."""

    location: str | None = None
    code: int = 302

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        query = f"?{exchange.query_string}" if exchange.query_string else ""
        target = self.location or f"{exchange.elsewhere}{exchange.root}{exchange.path}{query}"
        return await exchange.send(Response(b"", self.code, None, {"Location": target}))


@dataclass(frozen=True, slots=True)
class RepeatedCursor:
    """Return a keyset page whose next cursor is the requested cursor."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        response = await exchange.response()
        page: dict[str, Any] = msgspec.json.decode(response.complete_body())
        requested = parse_qs(exchange.query_string).get("next")
        # The request for the first page has no cursor: return one for the first page.
        cursor = requested[0] if requested else cursor_of(START)
        page["paging"]["cursors"]["next"] = cursor
        response.body = msgspec.json.encode(page)
        return await exchange.send(response)


@dataclass(frozen=True, slots=True)
class Vanish:
    """Respond as a cluster node that does not have the task."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        body = (
            b'{"code":141,"error":"The task does not exist, or not on this node.","payload":null}'
        )
        return await exchange.send(Response(body, 404))


@dataclass(frozen=True, slots=True)
class Garbage:
    """Return bytes that are not HTTP and close the connection."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.cut(b"!! this is not HTTP at all\r\n\r\n", reset=False)


@dataclass(frozen=True, slots=True)
class After:
    """Perform the operation, then apply a fault instead of sending the response."""

    fault: Fault

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        await exchange.response()
        return await self.fault.apply(exchange)


def status(
    code: int,
    *,
    retry_after: float | str | None = None,
    http_date: bool = False,
    body: Body = None,
    content_type: str | None = None,
) -> Status:
    """Return a status instead of performing the operation.

    `retry_after` is a number of seconds, which is sent as a date if `http_date` is true, or a
    string, which is sent unchanged.
    """
    return Status(code, retry_after, http_date, body, content_type)


def error(code: int, api_code: int, message: str = "A scripted error.") -> Status:
    """Return a status and an error body in the format of the API."""
    return Status(code, body={"code": api_code, "error": message, "payload": None})


def reset() -> Reset:
    """Reset the TCP connection before any header is sent."""
    return Reset()


def reset_mid_body() -> ResetMidBody:
    """Send the headers and half of the body, then reset the connection."""
    return ResetMidBody()


def truncated_json() -> TruncatedJson:
    """Return a complete HTTP response whose JSON is truncated."""
    return TruncatedJson()


def login_page() -> LoginPage:
    """Return an HTML login page with status 200, as a proxy does."""
    return LoginPage()


def slow_headers(seconds: float) -> SlowHeaders:
    """Wait, then perform the operation and respond as usual."""
    return SlowHeaders(seconds)


def stalled_body(seconds: float) -> StalledBody:
    """Send the headers and half of the body, pause, then send the rest of the body."""
    return StalledBody(seconds)


def gzip_bomb(size: int = 200 << 20) -> GzipBomb:
    """Return a small gzip body that decompresses to about `size` bytes of valid JSON."""
    return GzipBomb(size)


def redirect(location: str | None = None, code: int = 302) -> Redirect:
    """Redirect, by default to `FakeConnect.elsewhere`, which records its requests."""
    return Redirect(location, code)


def repeated_cursor() -> RepeatedCursor:
    """Return a keyset page whose next cursor is that of the requested page."""
    return RepeatedCursor()


def vanish() -> Vanish:
    """Return 404 with code 141, as a cluster node does if it does not have the task."""
    return Vanish()


def garbage() -> Garbage:
    """Return bytes that are not HTTP and close the connection."""
    return Garbage()


def after(fault: Fault) -> After:
    """Perform the operation before applying `fault`, so that only the response is lost."""
    return After(fault)
