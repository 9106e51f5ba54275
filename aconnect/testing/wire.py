"""The types of a simulated operation: routes, calls, responses, errors and recorded requests.

Decides how handlers are declared, what they receive and what they return. Sockets and faults are in
`base`. Each service has its own state, table of routes and error format; those of Connect are in
`connect.dialect`.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http.cookies import SimpleCookie
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, parse_qsl

import msgspec
from aiohttp import web

Row: TypeAlias = dict[str, Any]
"""A JSON object in the form in which it is sent."""

MAX_RECORDED_BODY = 1 << 20
"""The maximum number of bytes of a request body that are recorded."""

MAX_JSON = 16 << 20
"""The maximum size of a request body that is read into memory, in bytes."""

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
C = TypeVar("C", bound="Call[Any]")
R = TypeVar("R", bound="Response | Awaitable[Response]")


class ServiceFault(Exception):  # noqa: N818 - it represents a response
    """An error response in the service's format, raised by a handler or while parsing a request.

    Args:
        status: HTTP status.
        message: The error message.
        code: The error code of the service, if it uses codes.
        details: Additional data for the error body of the service.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int | str | None = None,
        details: object = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.details = details


class MalformedFault(ServiceFault):
    """The request body does not match its content type, or is not a JSON object."""


@dataclass(slots=True)
class Response:
    """The response of a handler, with a complete body or an iterator of pieces of a long body."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    pieces: Iterator[bytes] | None = None
    length: int | None = None
    """The total size of the pieces, if it is known."""
    stream: Callable[[], Awaitable[web.StreamResponse]] | None = None
    """Sends the response by itself, in place of all other fields."""

    def complete_body(self) -> bytes:
        """Return the complete body; join the pieces if necessary."""
        if self.pieces is not None:
            self.body = b"".join(self.pieces)
            self.pieces = None
        return self.body


_encode = msgspec.json.Encoder().encode


def ok(value: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(_encode(value), status)


def empty(status: int = 204) -> Response:
    """Return a response without a body."""
    return Response(b"", status, None)


def text(body: str, status: int) -> Response:
    """Return a plain text response."""
    return Response(body.encode(), status, "text/plain; charset=utf-8")


@lru_cache(maxsize=16)
def http_date(seconds: int) -> str:
    """Return a time, in seconds since 1970, in the format of HTTP headers."""
    return formatdate(seconds, usegmt=True)


@dataclass(slots=True)
class Recorded:
    """A recorded request."""

    number: int
    method: str
    path: str
    """The path below the root of the API, percent-encoded as received."""
    query_string: str
    headers: Mapping[str, str]
    """The names are case-insensitive."""
    body: bytes = b""
    """The first MiB of the body that the server has read."""
    size: int = 0
    """The number of bytes of the body that the server has read."""
    fault: str | None = None
    """The class name of the scripted fault that was applied to the request."""

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def cookies(self) -> dict[str, str]:
        jar = SimpleCookie(self.headers.get("Cookie", ""))
        return {name: morsel.value for name, morsel in jar.items()}

    def json(self) -> Any:
        """Decode the body as JSON."""
        return msgspec.json.decode(self.body)


class Host(Protocol[S_co]):
    """The interface of a server that a call requires."""

    @property
    def state(self) -> S_co: ...
    @property
    def url(self) -> str: ...
    async def hold(self, seconds: float) -> None:
        """Wait for a number of seconds, or until the server stops."""
        ...


class Call(Generic[S]):
    """A request to a handler of a service whose state has the type `S`."""

    __slots__ = (
        "_query",
        "args",
        "cookies",
        "host",
        "path",
        "query_string",
        "record",
        "request",
        "user",
    )

    def __init__(
        self, host: Host[S], request: web.BaseRequest, path: str, query_string: str
    ) -> None:
        self.host: Host[S] = host
        self.request: web.BaseRequest = request
        self.path: str = path
        self.query_string: str = query_string
        self.record: Recorded | None = None
        self.args: dict[str, str] = {}
        self.user: Row = {}
        self.cookies: tuple[str, ...] = ()
        self._query: dict[str, list[str]] | None = None

    @property
    def state(self) -> S:
        return self.host.state

    def set_cookie(self, cookie: str) -> None:
        """Set a cookie, even if the response is an error; the format is `name=value; Path=/`."""
        self.cookies = (*self.cookies, cookie)

    def values(self, name: str) -> list[str]:
        """Return all values of a query parameter."""
        if self._query is None:
            self._query = parse_qs(self.query_string, keep_blank_values=True)
        return self._query.get(name, [])

    def value(self, name: str) -> str | None:
        """Return the first value of a query parameter, or None."""
        values = self.values(name)
        return values[0] if values else None

    def integer(self, name: str, default: int, low: int = 0, high: int | None = None) -> int:
        """Return an integer query parameter; raise a fault if it is out of bounds."""
        value = self.value(name)
        if value is None or value == "":
            return default
        try:
            number = int(value)
        except ValueError:
            raise ServiceFault(400, f"{name} must be an integer; got {value!r}.") from None
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ServiceFault(400, f"{name} must be {bounds}; got {number}.")
        return number

    def flag(self, name: str, default: bool) -> bool:
        """Return a boolean query parameter, which must be `true` or `false` in lower case."""
        value = self.value(name)
        if value is None:
            return default
        if value not in {"true", "false"}:
            raise ServiceFault(400, f"{name} must be true or false; got {value!r}.")
        return value == "true"

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the body, and record its first MiB and its size."""
        request = self.request
        if not request.can_read_body:
            return
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for chunk in request.content.iter_any():
            if self.record is not None:
                remaining = MAX_RECORDED_BODY - len(self.record.body)
                if remaining > 0:
                    self.record.body += chunk[:remaining]
                self.record.size += len(chunk)
            yield chunk

    async def drain(self) -> None:
        """Read and record the body."""
        async for _ in self.chunks():
            pass

    async def read(self) -> bytes:
        """Read the complete body; raise a fault if it is larger than `MAX_JSON`."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > MAX_JSON:
                raise ServiceFault(413, "The request body is too large.")
            parts.append(chunk)
        return b"".join(parts)

    async def json(self) -> Any:
        """Decode the body as JSON."""
        body = await self.read()
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError) as cause:
            raise MalformedFault(400, f"The request body is not valid JSON: {cause}.") from cause

    async def fields(self, *required: str) -> Row:
        """Decode a JSON object whose required members must be non-empty strings."""
        value = await self.json()
        if not isinstance(value, dict):
            raise MalformedFault(400, "The request body must be a JSON object.")
        body = cast("Row", value)
        for name in required:
            if not body.get(name) or not isinstance(body[name], str):
                raise ServiceFault(400, f"The field {name} is required and must be text.")
        return body

    async def form(self) -> dict[str, str]:
        """Decode an `application/x-www-form-urlencoded` body; the last value of a field counts."""
        body = await self.read()
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True))
        except UnicodeDecodeError as cause:
            raise MalformedFault(400, f"The request body is not UTF-8: {cause}.") from cause


@dataclass(frozen=True, slots=True)
class Route:
    """A simulated operation; see the arguments of `RouteTable.route`."""

    method: str
    template: str
    handler: Callable[[Any], Any]
    is_coroutine: bool
    role: str
    since: tuple[int, int, int]
    until: tuple[int, int, int] | None
    public: bool
    names: tuple[str, ...]
    headers: Mapping[str, str]

    def is_in(self, version: tuple[int, int, int]) -> bool:
        """Return True if a version of the service has the operation."""
        return self.since <= version and (self.until is None or version < self.until)


class RouteTable(Generic[C]):
    """The operations of a service whose handlers take an argument of type `C`.

    Args:
        role: The default for the `role` of a route.
    """

    def __init__(self, *, role: str = "") -> None:
        self.entries: list[Route] = []
        self._role = role

    def route(
        self,
        method: str,
        template: str,
        *,
        role: str | None = None,
        since: tuple[int, int, int] = (0, 0, 0),
        until: tuple[int, int, int] | None = None,
        public: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Callable[[Callable[[C], R]], Callable[[C], R]]:
        """Declare the handler of an operation.

        Args:
            method: HTTP method.
            template: Path below the root. The values of `{name}` segments are in `Call.args`; a
                final `{name...}` matches all remaining segments.
            role: The lowest role that may call the operation, which `admit` of the service checks.
            since: The first version that has the operation.
            until: The first version that no longer has the operation.
            public: Whether the operation can be called without credentials.
            headers: Headers of every successful response.
        """
        parts = [part for part in template.split("/") if part.startswith("{")]
        names = tuple(part[1:-1].removesuffix("...") for part in parts)
        required_role = self._role if role is None else role

        def declare(handler: Callable[[C], R]) -> Callable[[C], R]:
            self.entries.append(
                Route(
                    method=method,
                    template=template,
                    handler=handler,
                    is_coroutine=inspect.iscoroutinefunction(handler),
                    role=required_role,
                    since=since,
                    until=until,
                    public=public,
                    names=names,
                    headers=headers or {},
                )
            )
            return handler

        return declare
