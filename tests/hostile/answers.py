r"""The table of hostile answers. To add one, add one line: `answer("what it is", b"HTTP/1.1 ...")`.

What is sent is bytes; or a tuple of them, one for each request of a call, the last one from then
on; or a function that does what it likes with the connection. Repeat `KEY` and `SESSION` wherever
the client could show them.

`raises` are the only errors that calls may raise; without it, any typed error will do. `fails` is a
pattern of the calls that must raise, because no value they could return would be true; without it,
calls may also return something.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import re
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aconnect import errors
from aconnect._core.model import Model
from tests.hostile.server import KEY, SESSION, Exchange

Raw = bytes | tuple[bytes, ...] | Callable[[Exchange], Awaitable[None]]

LONG = 1000
LIMIT = 1 << 20
"""The largest body that the clients accept."""


@dataclass(frozen=True)
class Answer:
    """One hostile answer; see the module's docstring."""

    name: str
    raw: Raw
    raises: tuple[type[errors.AconnectError], ...] = (errors.AconnectError,)
    fails: str | None = None
    closes: bool = False
    """Whether the server closes the connection afterwards."""
    is_slow: bool = False
    """Whether only the client's own limits end the call, so that these must be short."""
    ignores_body: bool = False
    """Whether the server does not read the bodies of requests."""
    skips: str | None = None
    """A pattern of the calls that have no reason to mind it, and would wait for ever."""

    async def respond(self, exchange: Exchange) -> None:
        """Send it."""
        if callable(self.raw):
            await self.raw(exchange)
        elif isinstance(self.raw, tuple):
            await exchange.send(self.raw[min(exchange.number, len(self.raw)) - 1])
        else:
            await exchange.send(self.raw)

    def must_fail(self, call: str) -> bool:
        """Return True if a call must not return a value."""
        return self.fails is not None and re.search(self.fails, call) is not None


ANSWERS: dict[str, Answer] = {}


def answer(name: str, raw: Raw, *raises: type[errors.AconnectError], **options: Any) -> None:
    """Add an answer to the table."""
    assert name not in ANSWERS, f"{name!r} is in the table already"
    ANSWERS[name] = Answer(name, raw, raises or (errors.AconnectError,), **options)


def response(
    body: bytes | str = b"{}",
    *headers: bytes | str,
    status: str = "200 OK",
    type_: str | None = "application/json",
    length: bool = True,
) -> bytes:
    """Return the bytes of a response; with `length=False` its end is announced by `headers`."""
    lines = [f"HTTP/1.1 {status}".encode()]
    lines += [line.encode() if isinstance(line, str) else line for line in headers]
    content = body.encode() if isinstance(body, str) else body
    if type_ is not None:
        lines.append(f"Content-Type: {type_}".encode())
    if length:
        lines.append(b"Content-Length: %d" % len(content))
    return b"\r\n".join([*lines, b"", content])


# Every body and header repeats the credentials, and what could take over a terminal or a log.
ESCAPES = "\x1b]0;owned\x07\x1b[2J\r\nERROR forged \u202e\x00\x9b31m"
TEXT = f"Key {KEY} session={SESSION} {ESCAPES}"
ECHO = json.dumps({"code": 7, "error": TEXT, "message": TEXT, "detail": TEXT, "payload": [TEXT]})
PAGE = f"<!DOCTYPE html><html><title>{TEXT}</title><body>{TEXT}</body></html>"
HTML = "text/html; charset=utf-8"
NESTED = b"[" * 100_000
ALL = "^(?!connect outcomes|connect ContentItem.verify)"
"""The pattern of all calls, except the one that returns the errors of others, and the one that
takes errors of content for responses and reads no body."""


# What is not HTTP.
NOT_HTTP = (errors.ConnectionLostError, errors.DecodeError)
for name, raw in {
    "another protocol": f"SSH-2.0-OpenSSH_9.6 {KEY}\r\n{SESSION}\r\n".encode(),
    "bad status line": f"HTTP/1.1 fine {KEY}\r\n\r\n".encode(),
    "status of five digits": f"HTTP/1.1 99999 {KEY}\r\n\r\n".encode(),
    "header without a colon": response(b"{}", f"no colon {KEY}"),
    "length is no number": response(b"{}", f"Content-Length: {KEY}", length=False),
    "length is negative": response(b"{}", "Content-Length: -1", length=False),
    "length in 5000 digits": response(b"{}", f"Content-Length: {'9' * 5000}", length=False),
    "chunk size is no number": response(
        f"{KEY}\r\n{{}}\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False
    ),
}.items():
    answer(name, raw, *NOT_HTTP, fails=ALL, closes=True)

# aiohttp's own limits are 8190 bytes and 128 headers; where ours are higher, it is still an error.
answer("header of 70,000 bytes", response(b"{}", f"X-A: {KEY * 3500}"), *NOT_HTTP, fails=ALL)
answer(
    "1100 headers", response(b"{}", *(f"X-{n}: {KEY}" for n in range(1100))), *NOT_HTTP, fails=ALL
)
answer("two lengths", response(b"{}", "Content-Length: 9"), closes=True)
answer("length and chunks", response(b"0\r\n\r\n", "Transfer-Encoding: chunked"), closes=True)
answer(
    "switching protocols",
    response(b"", "Upgrade: websocket", "Connection: Upgrade", status="101 Switching Protocols"),
    *NOT_HTTP,
    fails=ALL,
)
answer("200 early hints", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200 + response())

# Bodies that end too early, or cannot be decompressed.
CHUNKED = "Transfer-Encoding: chunked"
PLAIN = json.dumps({"name": KEY, "filler": "x" * 5000}).encode()
for name, raw in {
    "cut by the length": response(b"{}", "Content-Length: 900", length=False),
    "cut chunk": response(b'ff\r\n{"a', CHUNKED, length=False),
    "no last chunk": response(b"2\r\n{}\r\n", CHUNKED, length=False),
    "second chunk size is no number": response(
        f"2\r\n{{}}\r\n{KEY}\r\n{{}}\r\n0\r\n\r\n", CHUNKED, length=False
    ),
    "cut gzip": response(gzip.compress(PLAIN)[:-9], "Content-Encoding: gzip"),
    "half of gzip": response(gzip.compress(PLAIN)[:40], "Content-Encoding: gzip"),
    "cut deflate": response(zlib.compress(PLAIN)[:-9], "Content-Encoding: deflate"),
}.items():
    answer(name, raw, errors.ConnectionLostError, fails=ALL, closes=True)
for name, raw in {
    "brotli": response(b"\x0b\x07\x80", "Content-Encoding: br"),
    "unknown coding": response(b"{}", f"Content-Encoding: {KEY}"),
    "gzip that is plain": response(PLAIN, "Content-Encoding: gzip"),
    "gzip twice": response(gzip.compress(gzip.compress(PLAIN)), "Content-Encoding: gzip, gzip"),
    "gzip with a wrong checksum": response(
        gzip.compress(PLAIN)[:-8] + bytes(8), "Content-Encoding: gzip"
    ),
}.items():
    answer(name, raw, errors.DecodeError, fails=ALL)
answer("gzip under its old name", response(gzip.compress(b"{}"), "Content-Encoding: x-gzip"))
BOMB = gzip.compress(b'"' + bytes(4 * LIMIT))
answer("gzip bomb", response(BOMB, "Content-Encoding: gzip"), errors.DecodeError)
answer(
    "gzip bomb as an error",
    response(BOMB, "Content-Encoding: gzip", status="400 Bad Request"),
    errors.AconnectError,
    fails=ALL,
)
OBJECTS = gzip.compress(b"[" + b"{}," * (LIMIT // 64) + b"{}]")
answer("gzip of 16,000 empty objects", response(OBJECTS, "Content-Encoding: gzip"))

# Success, with another body than the API's.
answer("no content, labelled as a page", response(b"", status="204 No Content", type_=HTML))
answer("empty page", response(b"", type_=HTML))
answer("login page", response(PAGE, type_=HTML), errors.DecodeError)
answer("login page with the label of JSON", response(PAGE))
answer("JSON with the label of a page", response(b"{}", type_=HTML), errors.DecodeError)
for body in ("true", "[]", "{}", "null", "0", '""', '{"results":null}', "[null]", '[[],{},1,"x"]'):
    answer(f"JSON {body}", response(body))
answer("plain OK", response(f"OK {TEXT}", type_="text/plain"))
answer("unknown charset", response(TEXT, type_=f"text/plain; charset={KEY}"))
answer("damaged content type", response(b"{}", type_=";;=/\x7f, " + KEY))
answer("text where JSON is meant", response(TEXT))
answer("cut JSON", response(f'{{"guid": "{KEY}", "results": [{{"guid'))
answer("JSON nested 100,000 deep", response(NESTED))
answer("closed JSON nested 100,000 deep", response(NESTED + b"]" * len(NESTED)))
answer("not UTF-8", response(b'{"guid": "\xff\xfe' + KEY.encode() + b'"}'))
answer("UTF-16", response('{"guid": "x"}'.encode("utf-16")))


def models(model: type[Model] = Model) -> set[type[Model]]:
    """Return all models of all services."""
    return {model}.union(*(models(derived) for derived in model.__subclasses__()))


@functools.cache
def fields(value: str) -> str:
    """Return an object in which every field of every model has this value, or lists of such."""
    import tests.calls  # noqa: F401  imports all services, and so the models

    names = sorted({name for model in models() for name in model.__struct_encode_fields__})
    if len(value) > LONG:
        # So many such values are just a body that is too large.
        names = [name for name in names if name in {"id", "code", "total", "finished", "status"}]
    row = ",".join(f'"{name}":{value}' for name in names)
    # A list of rows below each name that a page, or an object with parts, has.
    lists = ("results", "items", "entries", "applications", "logs", "tags", "output", "data")
    parts = ",".join(f'"{name}":[{{{row}}}]' for name in lists)
    return f"{{{row},{parts}}}"


def _sending(pattern: str, value: str) -> Raw:
    """Send such an object; the fields are known only when all models are imported."""

    async def send(exchange: Exchange) -> None:
        await exchange.send(response(pattern.replace("{}", fields(value))))

    return send


for name, value in {
    "1e999": "1e999",
    "10 ** 4000": "1" + "0" * 4000,
    "-1": "-1",
    "1.0": "1.0",
    "true": "true",
    "a lone surrogate": r'"\ud800"',
    "control characters": json.dumps(TEXT),
    "the year 1": '"0001-01-01T00:00:00Z"',
    "the year 9999 in the west": '"9999-12-31T23:59:59-23:59"',
    "nanoseconds": '"2026-01-01T00:00:00.123456789Z"',
    "objects": json.dumps({"guid": TEXT, TEXT: TEXT}),
    "lists": json.dumps([TEXT, None, {}]),
}.items():
    answer(f"all fields are {name}", _sending("{}", value))
    answer(f"all fields of rows are {name}", _sending("[{}]", value))


# Redirects.
REFUSED = (errors.RedirectRefusedError,)


async def _elsewhere(exchange: Exchange) -> None:
    await exchange.send(
        response(b"", f"Location: http://localhost:{exchange.server.port}/{KEY}?key={KEY}",
                 status="302 Found")
    )  # fmt: skip


async def _loop(exchange: Exchange) -> None:
    await exchange.send(
        response(b"", b"Location: " + exchange.path, status="307 Temporary Redirect")
    )


answer("redirect elsewhere", _elsewhere, *REFUSED, fails=ALL)
answer("redirect to itself", _loop, *REFUSED, fails=ALL)
for name, location in {
    "elsewhere for the login": f"//{KEY}.example.com/api/v9/login",
    "to a host that is the key": f"https://user:{KEY}@{KEY}:{SESSION}/",
    "to no address": f"http://[{KEY}",
    "to a script": f"javascript:{KEY}",
    "to control characters": f"/\x0b{KEY}\u202e",
    "to nowhere": "",
}.items():
    head = response(b"", f"Location: {location}", status="307 Temporary Redirect")
    answer(f"redirect {name}", head, errors.TransportError, errors.DecodeError, fails=ALL)
answer("redirect without a location", response(b"", status="302 Found"), *REFUSED, fails=ALL)
answer("not modified", response(b"", status="304 Not Modified"), fails=ALL)
answer("multiple choices", response(ECHO, status="300 Multiple Choices"), fails=ALL)

# Errors of the server, with hostile bodies.
CLASSES: dict[int, tuple[type[errors.AconnectError], ...]] = {
    400: (errors.BadRequestError,),
    401: (errors.AuthenticationError,),
    403: (errors.PermissionDeniedError,),
    404: (errors.NotFoundError, errors.EndpointMissingError, errors.TaskLostError),
    409: (errors.ConflictError,),
    422: (errors.UnprocessableError,),
    # Refused "for now", so these are repeated until the deadline.
    429: (errors.RateLimitedError, errors.TransportError),
    499: (errors.ApiError,),
    500: (errors.ServerError,),
    503: (errors.ServerError, errors.TransportError),
    999: (errors.ApiError,),
}
BODIES: dict[str, tuple[str | bytes, str]] = {
    "that repeats everything": (ECHO, "application/json"),
    "in HTML": (PAGE, HTML),
    "nested 5,000 deep": (NESTED[:5_000], "application/json"),
    "of other types": (f'{{"code":"{KEY}","error":["{KEY}"],"message":1e999}}', "application/json"),
    "without text": ("", "application/json"),
    "that is not UTF-8": (b"\xff\xfe\x00" + KEY.encode() + b"\xff", "text/plain"),
    "of half a megabyte": (f"{KEY} " * (LIMIT // 2 // 21), "text/plain"),
}
# Each status with one body, and each body with an error, and with what may be a missing object,
# which is an ordinary value of some calls. 503 is repeated, which takes its time.
PAIRS = [(status, "that repeats everything") for status in CLASSES]
PAIRS += [(status, name) for status in (400, 404) for name in BODIES]
PAIRS += [(503, "in HTML"), (503, "nested 5,000 deep")]
for status, name in dict.fromkeys(PAIRS):
    content, label = BODIES[name]
    head = response(content, f"X-Deprecated-Endpoint: {KEY}", status=f"{status} {KEY}", type_=label)
    answer(f"{status} {name}", head, *CLASSES[status], fails=None if status == 404 else ALL)
answer("reason with controls", response(b"", status=f"500 \x9b{KEY}"), *CLASSES[500], fails=ALL)


async def _echo(exchange: Exchange) -> None:
    """Repeat the whole request, as debugging proxies do."""
    text = f"{exchange.head.decode('latin-1')}{exchange.body[:10_000].decode('latin-1')}"
    body = json.dumps({"code": 7, "error": text, "message": text, "detail": text})
    await exchange.send(response(body, status="400 Bad Request"))


answer("400 nested 100,000 deep", response(NESTED, status="400 Bad Request"), fails=ALL)
answer("the request as an error", _echo, *CLASSES[400], fails=ALL)
for name, delay in {
    "NaN": "NaN",
    "1e999": "1e999",
    "in 5000 digits": "9" * 5000,
    "years": "Fri, 31 Dec 9999 23:59:59 GMT",
    "year 0": "Mon, 00 Jan 0000 00:00:00 GMT",
    "the key": KEY,
}.items():
    head = response(ECHO, f"Retry-After: {delay}", status="429 Too Many Requests")
    answer(f"Retry-After: {name}", head, *CLASSES[429], fails=ALL)
answer(
    "a proxy's 404 after its 502",
    (
        response("bad gateway", status="502 Bad Gateway", type_="text/plain"),
        response("404 page not found", status="404 Not Found", type_="text/plain"),
    ),
    errors.ApiError,
    errors.TaskLostError,
    fails=r"\.(delete|kill|logout)$|ensure_deleted",
)

# Headers of good responses.
for name, header in {
    "cookie with control characters": f"Set-Cookie: a=\x0b{SESSION}\x1b[2J; Path=/",
    "cookie of JSON": f'Set-Cookie: k[1]={{"a": "{SESSION}"}}; Max-Age=junk; Expires={KEY}',
    "cookie without a name": f"Set-Cookie: ={SESSION}; ;; =",
    "deprecation": f"X-Deprecated-Endpoint: /{KEY}\x9b2J",
    "date": f"Date: {KEY}",
    "control character": f"X-A: \x01{KEY}",
    "bytes": f"X-Request-Id: \udcff\udcfe{KEY}",
}.items():
    answer(f"header: {name}", response(b"{}", header.encode("utf-8", "surrogateescape")))

# Tasks: nothing but these fields decides whether it has ended, and how.
FOLLOWED = r"Task\.(result|wait|output)| results$|task of"
for name, decides in {
    "code 1.0": '"finished":true,"code":1.5,"error":""',
    "code true": '"finished":true,"code":true,"error":""',
    "code in words": '"finished":true,"code":"failed","error":""',
    "error of another type": '"finished":true,"code":0,"error":{"a":"b"}',
    "finished 1": '"finished":1,"code":0,"error":""',
    "finished missing": '"code":0,"error":""',
    "health page": '"status":"ok"',
}.items():
    task = f'{{"id":"t","task_id":"t",{decides},"output":[{json.dumps(TEXT)},1],"last":-1}}'
    answer(f"task: {name}", response(task), fails=FOLLOWED)
FAILED = json.dumps({"id": "t", "finished": True, "code": 1, "error": TEXT, "output": [TEXT] * 9})
answer("task: failed", response(FAILED), fails=r"Task\.result|task of")

# Sign-ins.
SIGN_IN = "sign-in"
answer("login: no token", response(b'{"token_type":"Bearer"}'), fails=SIGN_IN)
answer("login: line break", response(b'{"access_token":"a\\r\\nX: y"}'), fails=SIGN_IN)
answer("login: not a text", response(b'{"access_token":{"a":1}}'), fails=SIGN_IN)
answer("login: not ASCII", response('{"access_token":"\u202e\U0001f600"}'), fails=SIGN_IN)
answer(
    "login: lives for ever",
    response(b'{"access_token":"abc","expires_in":1e999}', "Set-Cookie: session=abc"),
)
answer(
    "login: lives for no time",
    response(b'{"access_token":"abc","expires_in":-1}', "Set-Cookie: session="),
)

# Connections.
LATE = (errors.TransportError,)


async def _silence(exchange: Exchange) -> None:
    await exchange.disconnected()


async def _drip(exchange: Exchange, head: bytes, drop: bytes) -> None:
    await exchange.send(head)
    while not exchange.reader.at_eof():
        await exchange.send(drop)
        await asyncio.sleep(0.01)


async def _reset(exchange: Exchange) -> None:
    sock: socket.socket = exchange.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()


async def _half_close(exchange: Exchange) -> None:
    exchange.writer.write_eof()
    await exchange.disconnected()


async def _half_close_in_the_body(exchange: Exchange) -> None:
    await exchange.send(response(b"{", "Content-Length: 9", length=False))
    await _half_close(exchange)


async def _stop_reading(exchange: Exchange) -> None:
    exchange.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(60)


answer("nothing", _silence, *LATE, fails=ALL, is_slow=True)
answer(
    "a head that drips",
    lambda it: _drip(it, b"HTTP/1.1 200 OK\r\nX: ", b"x"), *LATE, fails=ALL, is_slow=True
)  # fmt: skip
answer(
    "interim responses without end",
    lambda it: _drip(it, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), *LATE, fails=ALL, is_slow=True
)  # fmt: skip
UNENDING = response(b'{"a":"', "Content-Length: 900000", length=False)
answer(
    "a body that drips",
    lambda it: _drip(it, UNENDING, b"x"),
    *LATE,
    fails=ALL,
    is_slow=True,
    # A transfer may take as long as something comes.
    skips=r"stream|connect download|(Bundle|Job)\.download$",
)
answer(
    "an error that drips",
    lambda it: _drip(it, UNENDING.replace(b"200 OK", b"400 Bad Request"), b"x"),
    errors.TransportError,
    errors.BadRequestError,
    fails=ALL,
    is_slow=True,
)
answer(
    "a server that stops reading",
    _stop_reading,
    *LATE,
    fails=ALL,
    is_slow=True,
    ignores_body=True,
)
answer("reset", _reset, *LATE, fails=ALL, closes=True)
answer("half-closed", _half_close, *LATE, fails=ALL, closes=True)
answer("half-closed in the body", _half_close_in_the_body, *LATE, fails=ALL, closes=True)
answer("closed without a response", b"", *LATE, fails=ALL, closes=True)
answer(
    "a second response that nobody asked for",
    response(b"{}") + response(TEXT, status="500 Internal Server Error"),
)
answer("a response without an end", response(b"{}", length=False), closes=True)
