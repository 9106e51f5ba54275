"""The decorators that declare operations, and the way from a bound method back to its operation.

What a declaration means is decided in `operation`; here it becomes a method.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack

from aconnect._client.operation import Method, Operation, OperationOptions
from aconnect._client.paged import Paged
from aconnect._client.resource import Resource
from aconnect._core.message import CallOptions
from aconnect._core.paging import PageStyle
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
            )

        call.__operation__ = operation  # type: ignore[attr-defined]
        return call

    return declare


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
    value: T = await operation.call(owner, args, kwargs, options)
    return value
