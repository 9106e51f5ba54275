"""The decorators that declare operations, and the way from a bound method back to its operation.

What a declaration means is decided in `operation`; here it becomes a method.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar, Unpack, cast

from msgspec import UNSET

from aconnect._client.operation import Method, Operation, OperationOptions
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource
from aconnect._core.channel import Channel
from aconnect._core.message import NO_OPTIONS, CallOptions, Request, Response
from aconnect._core.paging import PageStyle, Position
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Resource)


def endpoint(
    method: Method, template: str, **options: Unpack[OperationOptions]
) -> Callable[
    [Callable[Concatenate[R, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
]:
    """Declare an operation; see `OperationOptions`."""

    def declare(
        function: Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
        operation = Operation(function, method, template, **options)

        @functools.wraps(function)
        async def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            value: T = await operation.call(self, args, kwargs)
            return value

        call.__operation__ = operation  # type: ignore[attr-defined]
        return call

    return declare


def paged(
    template: str, *, by: PageStyle, method: Method = "GET", **options: Unpack[OperationOptions]
) -> Callable[
    [Callable[Concatenate[R, P], Paged[T]]],
    Callable[Concatenate[R, P], Paged[T]],
]:
    """Declare an operation whose response is a page of items."""

    def declare(
        function: Callable[Concatenate[R, P], Paged[T]],
    ) -> Callable[Concatenate[R, P], Paged[T]]:
        operation = Operation(function, method, template, style=by, **options)

        @functools.wraps(function)
        def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Paged[T]:
            request, scope = operation.bind(self.scope, args, kwargs)
            signature = operation.signature
            return Paged(
                self.channel,
                request,
                by,
                signature.response_type,
                signature.bind,
                (self.origin[0], scope),
                start=_start(operation, kwargs) if signature.window else None,
            )

        call.__operation__ = operation  # type: ignore[attr-defined]
        return call

    return declare


def _start(operation: Operation, kwargs: Mapping[str, Any]) -> Position:
    """Return the position of the first item that the caller wants, and how many it wants."""
    start: Position = {}
    for name in operation.signature.window:
        value = kwargs.get(name)
        if value is None or value is UNSET:
            continue
        least = 0 if name == "offset" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InvalidArgumentError(
                f"{name}={value!r} of {operation.name}() must be a whole number, {least} or more"
            )
        start[name] = value
    return start


def operation_of(method: Callable[..., Any]) -> tuple[Operation, Resource]:
    """Return the operation and the resource of a bound method such as `client.users.get`.

    A method that only makes an operation more convenient stands for that operation.
    """
    owner = getattr(method, "__self__", None)
    name = getattr(method, "__name__", "")
    operation = getattr(method, "__operation__", None) or getattr(
        getattr(owner, f"_{name}", None), "__operation__", None
    )
    if not isinstance(operation, Operation) or not isinstance(owner, Resource):
        raise InvalidArgumentError(
            f"{method!r} is not an operation; pass one without calling it, such as client.users.get"
        )
    if operation.style is not None:
        raise InvalidArgumentError(
            f"{operation.name} returns pages; use {operation.name}(...).pages(), or .raw()"
        )
    return operation, owner


async def call_with(
    options: CallOptions,
    method: Callable[P, Awaitable[T]],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Call an operation, given as a bound method, with options for this call."""
    operation, owner = operation_of(method)
    if hasattr(method, "__operation__"):
        value: T = await operation.call(owner, args, kwargs, options)
        return value

    async def send(request: Request) -> Response:
        return await owner.channel.send(request, options)

    return await _call_through(operation, owner, method, args, kwargs, send)


async def request_of(
    method: Callable[P, Awaitable[Any]], /, *args: P.args, **kwargs: P.kwargs
) -> tuple[Operation, Resource, Request]:
    """Return the operation, the resource and the request of a call, without sending it."""
    operation, owner = operation_of(method)
    if hasattr(method, "__operation__"):
        request, _ = operation.bind(owner.scope, args, kwargs)
        return operation, owner, request
    try:
        await _call_through(operation, owner, method, args, kwargs, _intercept)
    except _Intercepted as intercepted:
        return operation, owner, intercepted.request
    raise InvalidArgumentError(f"{method!r} made no request")


class _Intercepted(Exception):  # noqa: N818  no error
    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


async def _intercept(request: Request) -> NoReturn:
    raise _Intercepted(request)


Send = Callable[[Request], Awaitable[Response]]


class _Through:
    """A channel that sends the requests of one operation in another way."""

    def __init__(self, channel: Channel, operation: str, send: Send) -> None:
        self._channel = channel
        self._operation = operation
        self._send = send

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def send(self, request: Request, options: CallOptions = NO_OPTIONS, /) -> Response:
        if request.operation == self._operation:
            return await self._send(request)
        return await self._channel.send(request, options)


async def _call_through(
    operation: Operation,
    owner: Resource,
    method: Callable[..., Awaitable[T]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    send: Send,
) -> T:
    """Call a method that makes an operation more convenient, by its own signature."""
    resource = copy.copy(owner)
    resource.channel = cast("Channel", _Through(owner.channel, operation.name, send))
    value: T = await cast("Any", method).__func__(resource, *args, **kwargs)
    return value
