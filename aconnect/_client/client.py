"""What the clients of all services have in common."""

from __future__ import annotations

import asyncio
import functools
import os
import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

import msgspec
from msgspec import Struct

from aconnect._client.endpoint import Resource, declared_by
from aconnect._core import decoding
from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.events import Event, Subscriber
from aconnect._core.message import Request, Response, StreamingResponse, is_idempotent
from aconnect._core.redaction import Secret, redact, shown_headers
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
from aconnect._transport.pipeline import Pipeline
from aconnect._transport.signin import SignIn
from aconnect._version import __version__
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Resource)


class ApiResponse(Struct, Generic[T], frozen=True):
    """A value together with the answer it came in."""

    value: T
    status: int
    headers: Mapping[str, str]
    attempts: int
    """How often the request was sent."""
    body: bytes
    """The answer as it came; not printed, for it has what the value does not print."""

    def __repr__(self) -> str:
        return (
            f"Detailed(value={self.value!r}, status={self.status}, "
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


def resource(kind: type[R]) -> functools.cached_property[R]:
    """Declare a group of endpoints on a client; it is made on first use."""
    return functools.cached_property(kind)


class BaseClient:
    """A client of one server; a service's client says which resources there are.

    Connections are opened on first use and closed by `async with`, or by `aclose()`.
    """

    def __init__(
        self,
        root: str,
        *,
        credentials: Mapping[str, str],
        dialect: Dialect,
        secrets: tuple[Secret, ...],
        options: Options,
        auth: SignIn | None = None,
    ) -> None:
        origin = origin_of(root)
        if secrets and origin.startswith("http:") and not is_loopback(origin):
            warnings.warn(
                f"credentials go to {origin} without encryption; use https",
                UserWarning,
                stacklevel=3,
            )
        agent = f"{options.user_agent} aconnect/{__version__}".strip()
        own = {"accept": "application/json, */*;q=0.5", "user-agent": agent}
        for name, value in {**options.headers, **credentials}.items():
            # The later wins, whatever the case of its letters.
            own[name.lower()] = value
        for name, value in own.items():
            check_header(name, value)
        if options.proxy_authorization is not None:
            check_header("Proxy-Authorization", options.proxy_authorization.reveal())
        self._pipeline = Pipeline(root, own, options, dialect, secrets, auth)

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
        """Sign out where that is due, and close all connections; calls under way fail."""
        if self._pipeline.auth is not None:
            await self._pipeline.auth.close()
        await self._pipeline.session.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__.split('._')[0]}.{type(self).__name__} {self._origin}>"

    @property
    def clock(self) -> Clock:
        """Where the client takes its time from."""
        return self._pipeline.options.clock

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have every event told to a function from now on; call what it returns to stop that."""
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
        """Give this client under other options; connections and limits stay shared."""
        options = self._pipeline.options
        if timeout is not None:
            options = msgspec.structs.replace(options, timeout=as_timeout(timeout))
        if retry is not None:
            options = msgspec.structs.replace(options, retry=retry)
        if max_body is not None:
            options = msgspec.structs.replace(options, max_body=max_body)
        other = object.__new__(type(self))
        # Resources hold on to their client, so the other client makes its own.
        other.__dict__.update(
            {k: v for k, v in self.__dict__.items() if not isinstance(v, Resource)}
        )
        other._pipeline = self._pipeline.with_options(options)
        return other

    async def with_response(
        self, call: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> ApiResponse[T]:
        """Carry out an operation and give its value with status, headers and raw body."""
        declared, owner = declared_by(call)
        request, scope = declared.bind(owner._scope, args, kwargs)
        response = await self._answer(request)
        value: T = declared.decode(response, self, scope, request.secrets)
        return ApiResponse(
            value, response.status, response.headers, response.attempts, response.body
        )

    @asynccontextmanager
    async def stream(
        self, call: Callable[P, Coroutine[Any, Any, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Carry out an operation and read the body piece by piece, in any size.

        Use it with `async with`; what is not read by its end is not fetched.
        """
        declared, owner = declared_by(call)
        request, _ = declared.bind(owner._scope, args, kwargs)
        async with self._pipeline.stream(request) as stream:
            decoding.refuse_page(stream.content_type, declared.title(self))
            yield stream

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Any = None,
        idempotent: bool | None = None,
    ) -> Response:
        """Send a request of your own below the API root, with all the machinery of the others.

        `path` is taken as it is: quote what you put into it.
        """
        check_path(path)
        method = check_method(method)
        query = query_string(params or {})
        joint = "&" if "?" in path else "?"
        request = Request(
            operation=f"{method} {path.partition('?')[0]}",
            method=method,
            target=f"{path}{joint}{query}" if query else path,
            idempotent=is_idempotent(method) if idempotent is None else idempotent,
        )
        if json is not None:
            request.body = decoding.encode(json)
            request.headers = {"Content-Type": "application/json"}
        return await self._answer(request)

    @property
    def _answer(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Send a request, and give the answer once it is a success."""
        return self._pipeline.send

    def _notify(self, make: Callable[[], Event]) -> None:
        self._pipeline.notify(make)

    def _hide(self, text: str) -> str:
        return redact(text, self._pipeline.secrets)

    @property
    def _origin(self) -> str:
        return self._pipeline.root

    def _ahead(self, items: AsyncGenerator[T, None], most: int) -> AsyncGenerator[T, None]:
        return ahead(items, most)


async def ahead(items: AsyncGenerator[T, None], most: int) -> AsyncGenerator[T, None]:
    """Yield the same items, with up to `most` of them fetched while the consumer works.

    A plain task and not a task group, because a generator must not be suspended inside one; it
    ends with the generator, whichever way that ends.
    """
    ready: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
    places = asyncio.Semaphore(most)

    async def work() -> None:
        try:
            await places.acquire()
            async for item in items:
                ready.put_nowait(item)
                await places.acquire()
        except Exception as error:  # noqa: BLE001  raised again where the items are consumed
            ready.put_nowait(error)
        else:
            ready.put_nowait(None)
        finally:
            await items.aclose()

    worker = asyncio.create_task(work(), name="aconnect prefetch")
    try:
        while (item := await ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            places.release()
            yield item
    finally:
        worker.cancel()
        # Not `await worker`: its cancellation would be mistaken for our own.
        await asyncio.wait({worker})


def setting(value: str | None, variable: str, argument: str) -> str:
    """Give what was passed, or else what the environment says; refuse having neither."""
    found = (value if value is not None else os.environ.get(variable, "")).strip()
    if not found:
        what = argument.replace("_", " ").replace("api", "API").replace("url", "server address")
        raise InvalidArgumentError(f"no {what}: pass {argument}= or set {variable}")
    return found
