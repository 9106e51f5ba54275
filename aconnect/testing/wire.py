"""The vocabulary of a simulated operation: routes, calls, answers, errors and records of requests.

Decides how handlers are declared and what they see and return. It does not know sockets, faults or
any operation: `server` moves bytes, `routes` holds the operations.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from aconnect.testing.versions import Features

if TYPE_CHECKING:
    from aconnect.testing.state import State

Row: TypeAlias = dict[str, Any]
"""One object as it goes over the wire."""

KEPT_BODY = 1 << 20
"""How many bytes of a request's body a record keeps."""

MAX_JSON = 16 << 20

ROLES = {"viewer": 0, "publisher": 1, "administrator": 2}


class ApiFault(Exception):  # noqa: N818 - it is an answer, not a failure
    """An answer of the API's error form, raised by a handler."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str, code: int = 3) -> ApiFault:
    """Refuse what was sent; 3 is this simulation's code for any invalid value."""
    return ApiFault(400, code, message)


def not_found(what: str = "The requested object") -> ApiFault:
    """Say that an object does not exist."""
    return ApiFault(404, 4, f"{what} does not exist.")


def already_gone(what: str) -> ApiFault:
    """Say that what is to be deleted was deleted before."""
    return ApiFault(404, 17, f"{what} has already been deleted.")


def forbidden() -> ApiFault:
    """Refuse an operation to this caller."""
    return ApiFault(403, 22, "You don't have permission to perform this operation.")


@dataclass(slots=True)
class Answer:
    """What a handler answers: a whole body, or pieces of a long one."""

    body: bytes = b""
    status: int = 200
    content_type: str | None = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    pieces: Iterator[bytes] | None = None
    length: int | None = None
    """Size of all pieces, when known."""

    def whole(self) -> bytes:
        """Return the complete body, joining the pieces."""
        if self.pieces is not None:
            self.body = b"".join(self.pieces)
            self.pieces = None
        return self.body


_encode = msgspec.json.Encoder().encode


def ok(value: object, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(_encode(value), status)


def empty(status: int = 204) -> Answer:
    """Answer without a body."""
    return Answer(b"", status, None)


def error(status: int, code: int, message: str) -> Answer:
    """Answer in the API's error form."""
    return ok({"code": code, "error": message, "payload": None}, status)


def text(body: str, status: int) -> Answer:
    """Answer with plain text."""
    return Answer(body.encode(), status, "text/plain; charset=utf-8")


@dataclass(slots=True)
class Recorded:
    """One request that arrived."""

    number: int
    method: str
    path: str
    """Below `/__api__`, percent-encoded as it came."""
    query_string: str
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes = b""
    """The first MiB of what was read of the body."""
    size: int = 0
    """How many bytes of the body were read."""
    fault: str | None = None
    """Name of the scripted fault that answered it."""

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def cookies(self) -> dict[str, str]:
        jar = SimpleCookie(self.headers.get("Cookie", ""))
        return {name: morsel.value for name, morsel in jar.items()}

    def json(self) -> Any:
        """Decode the body."""
        return msgspec.json.decode(self.body)


class Host(Protocol):
    """What a call may ask of its server."""

    @property
    def state(self) -> "State": ...
    @property
    def features(self) -> Features: ...
    @property
    def version(self) -> str | None: ...
    @property
    def url(self) -> str: ...
    async def hold(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        ...


class Call:
    """One authenticated request on its way to a handler."""

    __slots__ = (
        "_query",
        "args",
        "host",
        "node",
        "path",
        "query_string",
        "record",
        "request",
        "user",
    )

    def __init__(
        self, host: Host, request: web.BaseRequest, path: str, query_string: str, node: int
    ) -> None:
        self.host: Host = host
        self.request: web.BaseRequest = request
        self.path: str = path
        self.query_string: str = query_string
        self.node: int = node
        self.record: Recorded | None = None
        self.args: dict[str, str] = {}
        self.user: Row = {}
        self._query: dict[str, list[str]] | None = None

    @property
    def state(self) -> "State":
        return self.host.state

    @property
    def features(self) -> Features:
        return self.host.features

    @property
    def is_admin(self) -> bool:
        return bool(self.user["user_role"] == "administrator")

    def needs(self, role: str) -> None:
        """Refuse callers below `role`."""
        if ROLES[self.user["user_role"]] < ROLES[role]:
            raise forbidden()

    def value(self, name: str) -> str | None:
        """Return a query parameter; of a repeated one only the first counts."""
        if self._query is None:
            self._query = parse_qs(self.query_string, keep_blank_values=True)
        values = self._query.get(name)
        return values[0] if values else None

    def integer(self, name: str, default: int, low: int = 0, high: int | None = None) -> int:
        """Return a query parameter as a number within bounds."""
        given = self.value(name)
        if given is None or given == "":
            return default
        try:
            number = int(given)
        except ValueError:
            raise bad_request(f"{name} must be an integer; got {given!r}.") from None
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            raise bad_request(f"{name} must be {bounds}; got {number}.")
        return number

    def flag(self, name: str, default: bool) -> bool:
        """Return a query boolean, which must be lower-case."""
        given = self.value(name)
        if given is None:
            return default
        if given not in {"true", "false"}:
            raise bad_request(f"{name} must be true or false; got {given!r}.")
        return given == "true"

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, recording its beginning and size."""
        request = self.request
        if not request.can_read_body:
            return
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async for chunk in request.content.iter_any():
            if self.record is not None:
                room = KEPT_BODY - len(self.record.body)
                if room > 0:
                    self.record.body += chunk[:room]
                self.record.size += len(chunk)
            yield chunk

    async def drain(self) -> None:
        """Read the body away, for its record."""
        async for _ in self.chunks():
            pass

    async def json(self) -> Any:
        """Decode the JSON body."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            size += len(chunk)
            if size > MAX_JSON:
                raise ApiFault(413, 3, "The request body is too large.")
            parts.append(chunk)
        try:
            return msgspec.json.decode(b"".join(parts))
        except msgspec.DecodeError as cause:
            raise bad_request(f"The request body is not valid JSON: {cause}.", 2) from cause

    async def fields(self, *required: str) -> Row:
        """Decode a JSON object whose required members are texts, none of them empty."""
        found = await self.json()
        if not isinstance(found, dict):
            raise bad_request("The request body must be a JSON object.", 2)
        body = cast("Row", found)
        for name in required:
            if not body.get(name) or not isinstance(body[name], str):
                raise bad_request(f"The field {name} is required and must be text.")
        return body


Handler: TypeAlias = Callable[[Call], Answer] | Callable[[Call], Awaitable[Answer]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Route:
    """One simulated operation."""

    method: str
    template: str
    handler: Callable[[Call], Any]
    waits: bool
    role: str
    since: tuple[int, int, int]
    public: bool
    names: tuple[str, ...]


ROUTES: list[Route] = []


def route(
    method: str,
    template: str,
    *,
    role: str = "viewer",
    since: tuple[int, int, int] = (0, 0, 0),
    public: bool = False,
) -> Callable[[H], H]:
    """Declare the handler of an operation.

    Args:
        method: HTTP method.
        template: Path below `/__api__`, with `{name}` segments that arrive in `Call.args`.
        role: The least role that may call it.
        since: First version that has the operation.
        public: No key is needed.
    """
    names = tuple(part[1:-1] for part in template.split("/") if part.startswith("{"))

    def declare(handler: H) -> H:
        waits = inspect.iscoroutinefunction(handler)
        ROUTES.append(Route(method, template, handler, waits, role, since, public, names))
        return handler

    return declare
