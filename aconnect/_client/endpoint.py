"""The decorators that declare operations, and the groups that the operations stand in.

What a declaration means is the business of `declaration`; here it becomes something to call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Final,
    ParamSpec,
    TypeVar,
)

from aconnect._client.operation import Endpoint
from aconnect._client.paged import Paged
from aconnect._client.signature import Naming, as_written
from aconnect._core.paging import PageStyle
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound="Resource")

_NO_SCOPE: Final[Mapping[str, Any]] = MappingProxyType({})


class Resource:
    """A group of endpoints on one client, perhaps below one object (its `scope`).

    The arguments of `scope` fill the template's names that a signature leaves out:
    `item.bundles.get(id)` and `client.content.handle(guid).bundles.get(id)` are one declaration.
    """

    service: str = ""
    """The service it belongs to; a service's own base class says it once."""
    naming: ClassVar[Naming] = staticmethod(as_written)
    """How the service writes the names of arguments and fields."""
    _name: str = ""

    def __init__(self, client: Any, scope: Mapping[str, Any] = _NO_SCOPE) -> None:
        self._client = client
        self._scope = scope

    def __init_subclass__(
        cls,
        name: str = "",
        *,
        since: str | None = None,
        until: str | None = None,
        role: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Enter the operations; `since`, `until` and `role` are those of all that say no other."""
        super().__init_subclass__(**kwargs)
        cls._name = name or cls.__name__.lower()
        for attribute, value in vars(cls).items():
            declared = getattr(value, "__endpoint__", None)
            if isinstance(declared, Endpoint):
                declared.since = declared.since or since
                declared.until = declared.until or until
                declared.role = declared.role or role
                declared.register(cls.service, cls._name, attribute, cls.naming)

    def __repr__(self) -> str:
        scope = ", ".join(f"{k}={v!r}" for k, v in self._scope.items())
        return f"<{type(self).__name__}{' of ' if scope else ''}{scope} at {self._client!r}>"


def endpoint(
    method: str, template: str, **options: Any
) -> Callable[
    [Callable[Concatenate[R, P], Coroutine[Any, Any, T]]],
    Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
]:
    """Declare an operation; see `Endpoint` for the options."""

    def declare(
        function: Callable[Concatenate[R, P], Coroutine[Any, Any, T]],
    ) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
        declared = Endpoint(function, method, template, **options)

        @functools.wraps(function)
        async def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
            request, scope = declared.bind(self._scope, args, kwargs)
            client = self._client
            response = await client._answer(request)
            result: T = declared.decode(response, client, scope, request.secrets)
            return result

        call.__endpoint__ = declared  # type: ignore[attr-defined]
        return call

    return declare


def paged(
    template: str, *, by: PageStyle, method: str = "GET", **options: Any
) -> Callable[
    [Callable[Concatenate[R, P], Paged[T]]],
    Callable[Concatenate[R, P], Paged[T]],
]:
    """Declare an operation that answers in pages."""

    def declare(
        function: Callable[Concatenate[R, P], Paged[T]],
    ) -> Callable[Concatenate[R, P], Paged[T]]:
        declared = Endpoint(function, method, template, style=by, **options)

        @functools.wraps(function)
        def call(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Paged[T]:
            request, scope = declared.bind(self._scope, args, kwargs)
            plan = declared.plan
            return Paged(self._client, request, by, plan.wire, plan.bind, scope)

        call.__endpoint__ = declared  # type: ignore[attr-defined]
        return call

    return declare


def declared_by(call: Any) -> tuple[Endpoint, Resource]:
    """Find the declaration and the resource behind a bound method such as `client.users.get`.

    A method that only makes an operation handier stands for that operation, with its own arguments.
    """
    resource = getattr(call, "__self__", None)
    name = getattr(call, "__name__", "")
    declared = getattr(call, "__endpoint__", None) or getattr(
        getattr(resource, f"_{name}", None), "__endpoint__", None
    )
    if not isinstance(declared, Endpoint) or not isinstance(resource, Resource):
        raise InvalidArgumentError(
            f"{call!r} is not an operation; pass one without calling it, such as client.users.get"
        )
    if declared.style is not None:
        raise InvalidArgumentError(
            f"{declared.name} answers in pages; use {declared.name}(...).pages(), or .raw()"
        )
    return declared, resource
