"""The base of the clients of all services."""

from __future__ import annotations

import os
import warnings
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Mapping,
)
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, ParamSpec, Self, TypeVar

import msgspec
from msgspec import Struct

from aconnect._client.endpoint import request_of
from aconnect._client.files import save
from aconnect._client.resource import Resource
from aconnect._core import decoding
from aconnect._core.channel import Channel
from aconnect._core.clock import Clock
from aconnect._core.completion import Completed
from aconnect._core.dialect import Dialect
from aconnect._core.events import Subscriber
from aconnect._core.message import Request, Response, StreamingResponse, is_idempotent
from aconnect._core.redaction import Secret, shown_headers
from aconnect._core.retry import RetryPolicy
from aconnect._core.url import (
    check_header,
    check_method,
    check_path,
    is_loopback,
    origin_of,
    query_string,
)
from aconnect._transport.options import Options, Timeout, as_timeout
from aconnect._transport.pipeline import Pipeline, record_responses
from aconnect._transport.signin import SignIn
from aconnect._version import __version__
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")


class ApiResponse(Struct, Generic[T], frozen=True):
    """A value together with the response it was decoded from."""

    value: T
    status: int
    headers: Mapping[str, str]
    attempts: int
    """How often the request was sent."""
    body: bytes
    """The response body; not printed, because it contains what the value does not print."""
    set_cookies: tuple[str, ...] = ()
    """The Set-Cookie headers, one by one; not printed."""

    def __repr__(self) -> str:
        return (
            f"ApiResponse(value={self.value!r}, status={self.status}, "
            f"headers={shown_headers(self.headers)}, attempts={self.attempts}, "
            f"body=<{len(self.body)} bytes>)"
        )

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [
            ("value", self.value),
            ("status", self.status),
            ("headers", shown_headers(self.headers)),
            ("attempts", self.attempts),
        ]


class BaseClient(Completed):
    """A client of one server; a service's client adds its resources.

    Connections are opened on first use, and closed by `async with` or by `aclose()`. They belong to
    the event loop of the first call: create a client in each `asyncio.run`, or let synchronous
    callers share one through an `aconnect.Portal`.
    """

    _address: ClassVar[tuple[str, str]] = ("", "")
    """The environment variable of the server's address, and the part of `api_root` it omits."""
    _inner: ClassVar[Collection[str]] = (
        *("channel", "clock", "closed", "origin"),
        *("redact_also", "sign_in", "with_sign_in"),
    )

    def __init__(
        self,
        api_root: str,
        *,
        credentials: Mapping[str, str],
        dialect: Dialect,
        secrets: tuple[Secret, ...],
        options: Options,
        auth: SignIn | None = None,
    ) -> None:
        origin = origin_of(api_root)
        if secrets and origin.startswith("http:") and not is_loopback(origin):
            warnings.warn(
                f"credentials are sent to {origin} without encryption; use https",
                UserWarning,
                stacklevel=3,
            )
        agent = f"{options.user_agent} aconnect/{__version__}".strip()
        headers = {"accept": "application/json, */*;q=0.5", "user-agent": agent}
        for name, value in {**options.headers, **credentials}.items():
            # The last one wins, regardless of case.
            headers[name.lower()] = value
        for name, value in headers.items():
            check_header(name, value)
        if options.proxy_authorization is not None:
            check_header("Proxy-Authorization", options.proxy_authorization.reveal())
        self._pipeline = Pipeline(api_root, headers, options, dialect, secrets, auth)
        variable, api = self._address
        self._pipeline.session.variable = variable
        self._pipeline.session.server = api_root.removesuffix(api)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Sign out if signed in, and close all connections; unfinished calls fail.

        Raises:
            EventLoopError: They belong to another event loop, which has not ended.
        """
        await self._pipeline.close()

    def __repr__(self) -> str:
        package = type(self).__module__.split("._")[0]
        return f"<{package}.{type(self).__name__} {self.api_root}>"

    @property
    def api_root(self) -> str:
        """The address that the paths of the API begin with."""
        return self._pipeline.api_root

    @property
    def channel(self) -> Channel:
        """What the resources, pages and tasks of this client make their calls through."""
        return self._pipeline

    @property
    def clock(self) -> Clock:
        """The client's source of time."""
        return self._pipeline.clock

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._pipeline.closed

    @property
    def in_flight(self) -> int:
        """The number of calls in flight, of all clients that `with_options` made of one."""
        return self._pipeline.in_flight

    @property
    def max_in_flight(self) -> int:
        """How many calls may be in flight; adapts to the server within `Limits`."""
        return self._pipeline.limit

    @property
    def refusals(self) -> int:
        """How often the server has refused a call for now, such as with 429; it is repeated."""
        return self._pipeline.refusals

    @property
    def seconds_held_back(self) -> float:
        """For how many seconds calls were held back, because the server refused some, in all."""
        return self._pipeline.seconds_held_back

    @property
    def origin(self) -> tuple[Self, Mapping[str, Any]]:
        """This client and an empty scope: what its resources are bound to."""
        return self, {}

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call a function with every event from now on; call the returned function to stop."""
        subscribers = self._pipeline.subscribers
        subscribers.append(subscriber)

        def stop() -> None:
            if subscriber in subscribers:
                subscribers.remove(subscriber)

        return stop

    def with_options(
        self,
        *,
        timeout: Timeout | float | None = None,
        retry: RetryPolicy | None = None,
        max_body: int | None = None,
    ) -> Self:
        """Return this client with other options; connections and limits are shared.

        Raises:
            InvalidArgumentError: A timeout is invalid.
        """
        options = self._pipeline.options
        if timeout is not None:
            options = msgspec.structs.replace(options, timeout=as_timeout(timeout))
        if retry is not None:
            options = msgspec.structs.replace(options, retry=retry)
        if max_body is not None:
            options = msgspec.structs.replace(options, max_body=max_body)
        return self._with_pipeline(self._pipeline.with_options(options))

    def _with_pipeline(self, pipeline: Pipeline) -> Self:
        """Return this client with another pipeline."""
        other = object.__new__(type(self))
        # Resources keep their client, so the other client creates its own.
        vars(other).update({k: v for k, v in vars(self).items() if not isinstance(v, Resource)})
        vars(other)["_pipeline"] = pipeline
        return other

    def with_sign_in(self, auth: SignIn, dialect: Dialect | None = None) -> Self:
        """Return this client with other credentials; connections and limits are shared.

        Closing it ends what it has signed in to, and nothing else.
        """
        return self._with_pipeline(self._pipeline.with_sign_in(auth, dialect))

    async def sign_in(self) -> None:
        """Sign in now, if the client has to, and not with the first call."""
        self._pipeline.check_loop()
        if self._pipeline.auth is not None:
            await self._pipeline.auth.headers()

    def redact_also(self, secret: Secret, *, replaces: Secret | None) -> None:
        """Redact a further secret from now on, in place of one that has become invalid."""
        self._pipeline.add_secret(secret, replaces=replaces)

    async def with_response(
        self, call: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> ApiResponse[T]:
        """Call any method of the client, of a resource or of an object; return value and response.

        The response is that of the last request if the method makes several. The body of a
        download is empty here, because it was streamed into the file.

        Raises:
            InvalidArgumentError: The method made no request.
        """
        with record_responses() as responses:
            value = await call(*args, **kwargs)
        if not responses:
            raise InvalidArgumentError(f"{call!r} made no request, so there is no response")
        response = responses[-1]
        return ApiResponse(
            value,
            response.status,
            response.headers,
            response.attempts,
            response.body,
            response.set_cookies,
        )

    @asynccontextmanager
    async def stream(
        self, call: Callable[P, Coroutine[Any, Any, Any]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Call an operation and read the response body chunk by chunk, whatever its size.

        Use it with `async with`; the rest of the body is not fetched at the end of the block.

        Raises:
            InvalidArgumentError: It is not an operation, or returns pages; no request was made.
            AconnectError: As the operation, until the response begins.
            TransportError: The body was interrupted; it is not retried.
        """
        operation, owner, request = await request_of(call, *args, **kwargs)
        async with owner.channel.stream(request) as stream:
            decoding.refuse_page(stream.content_type, operation.title(self.channel))
            yield stream

    async def download(
        self,
        path: str | Path,
        call: Callable[P, Coroutine[Any, Any, bytes | None]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Path:
        """Stream the response of an operation into a file, which is written atomically.

        Raises:
            AconnectError: As the operation. The file is then unchanged.
            InvalidArgumentError: The file cannot be written.
        """
        return await save(self.stream(call, *args, **kwargs), path)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Any = None,
        idempotent: bool | None = None,
    ) -> Response:
        """Send any request below the API root, with retries, limits and events.

        `path` is sent unchanged, after a slash if it has none: percent-encode what you insert into
        it.

        Raises:
            InvalidArgumentError: The method or the path is invalid; no request was made.
            ApiError: The server refused the request.
            TransportError: The request could not be sent, or its response was lost or late.
        """
        path = check_path(path)
        method = check_method(method)
        query = query_string(params or {})
        joint = "&" if "?" in path else "?"
        operation = f"{method} {path.partition('?')[0]}"
        request = Request(
            operation=operation,
            method=method,
            target=f"{path}{joint}{query}" if query else path,
            body=None if json is None else decoding.encode_body(json, operation),
            headers=None if json is None else {"Content-Type": "application/json"},
            idempotent=is_idempotent(method) if idempotent is None else idempotent,
        )
        return await self.channel.send(request)


def setting(value: str | None, variable: str, argument: str) -> str:
    """Return what was passed, or else the environment variable; raise if there is neither."""
    text = (value if value is not None else os.environ.get(variable, "")).strip()
    if not text:
        what = argument.replace("_", " ").replace("api", "API").replace("url", "server address")
        raise InvalidArgumentError(f"no {what}: pass {argument}= or set {variable}")
    return text
