"""The decorators that declare operations, and the resources that the operations belong to.

What a declaration means is the business of `operation`; here it becomes something to call, and what
follows from a declaration (`find_one` from `find`, `item.bundles` from `Bundles`) is derived.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import FunctionType, MappingProxyType
from typing import (
    Any,
    ClassVar,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    Unpack,
    cast,
    overload,
)

from aconnect._client.bound import ChannelOwner, Origin, Scope
from aconnect._client.lazy import LazySequence
from aconnect._client.operation import Method, Operation, OperationOptions, Role
from aconnect._client.paged import Paged
from aconnect._client.signature import Naming, as_written
from aconnect._core.channel import Channel
from aconnect._core.message import CallOptions
from aconnect._core.paging import PageStyle
from aconnect.errors import InvalidArgumentError

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R", bound="Resource")

_NO_SCOPE: Final[Scope] = MappingProxyType({})


class Resource:
    """A group of operations on one client, perhaps below one object.

    The class declares in `scope` which path arguments its signatures leave out, and an instance has
    their values: `item.bundles.get(id)` and `client.content.handle(guid).bundles.get(id)` are one
    declaration.
    """

    service: ClassVar[str] = ""
    """The service it belongs to; set once in a service's own base class."""
    naming: ClassVar[Naming] = staticmethod(as_written)
    """How the service writes the names of arguments and fields."""
    scope_names: ClassVar[tuple[str, ...]] = ()
    """The path arguments that its signatures leave out."""
    _name: ClassVar[str] = ""

    def __init__(self, client: ChannelOwner, scope: Scope = _NO_SCOPE) -> None:
        self.channel: Channel = client.channel
        """What its calls are made through."""
        self.scope: Scope = scope
        """The values of the path arguments that its signatures leave out."""
        self.origin: Origin = (client, scope)
        """The client and the scope, to which its values are bound."""

    def __init_subclass__(
        cls,
        name: str = "",
        *,
        scope: tuple[str, ...] | None = None,
        since: str | None = None,
        until: str | None = None,
        role: Role | None = None,
        **kwargs: Any,
    ) -> None:
        """Register the operations; `since`, `until` and `role` apply to all that declare none."""
        super().__init_subclass__(**kwargs)
        cls._name = name or cls.__name__.lower()
        if scope is not None:
            cls.scope_names = scope
        for attribute, value in list(vars(cls).items()):
            operation = getattr(value, "__operation__", None)
            if isinstance(operation, Operation):
                operation.since = operation.since or since
                operation.until = operation.until or until
                operation.role = operation.role or role
                operation.register(
                    cls.service, cls._name, attribute, naming=cls.naming, scope=cls.scope_names
                )

    @property
    def client(self) -> ChannelOwner:
        """The client; a service's base class narrows the type."""
        return self.origin[0]

    def __repr__(self) -> str:
        scope = ", ".join(f"{k}={v!r}" for k, v in self.scope.items())
        return f"<{type(self).__name__}{' of ' if scope else ''}{scope} at {self.client!r}>"


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


_signature: Final = functools.cache(inspect.signature)
"""Three methods derive from each `find`."""


class _Derived(Generic[P, T_co]):
    """A method that is derived from `find`."""

    def __init__(
        self,
        find: Callable[..., LazySequence[Any]],
        call: Callable[..., Coroutine[Any, Any, Any]],
        summary: str,
        returns: str,
    ) -> None:
        call.__doc__ = summary
        call.__module__ = find.__module__
        # What tools see: the arguments of `find`, and what this method returns.
        item = str(find.__annotations__.get("return", "")).partition("[")[2].removesuffix("]")
        returned = returns.format(item=item)
        call.__annotations__ = {**call.__annotations__, "return": returned}
        if not isinstance(self, _Matching):
            signature = _signature(find).replace(return_annotation=returned)
            cast("Any", call).__signature__ = signature
            call.__annotations__ = {**find.__annotations__, "return": returned}
        self._call = call

    def __set_name__(self, owner: type, name: str) -> None:
        self._call.__name__ = name
        self._call.__qualname__ = f"{owner.__qualname__}.{name}"
        # The function itself becomes the method, as if it were written in the class.
        setattr(owner, name, self._call)

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> Callable[P, Coroutine[Any, Any, T_co]]:
        raise NotImplementedError  # for type checkers: `__set_name__` replaces this object


def first_of(find: Callable[Concatenate[R, P], LazySequence[T]]) -> _Derived[P, T | None]:
    """Derive `find_one` from `find`, with its arguments."""

    async def find_one(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        return await find(self, *args, **kwargs).first()

    summary = "Return the first item that `find` returns, or None."
    return _Derived(find, find_one, summary, "{item} | None")


def total_of(find: Callable[Concatenate[R, P], LazySequence[Any]]) -> _Derived[P, int]:
    """Derive `count` from `find`, with its arguments."""

    async def count(self: R, /, *args: P.args, **kwargs: P.kwargs) -> int:
        return await find(self, *args, **kwargs).total()

    summary = "Return the number of items that `find` returns; the server may have to list them."
    return _Derived(find, count, summary, "int")


class _ByFields(Protocol[T_co]):
    def __call__(self, **fields: object) -> Coroutine[Any, Any, T_co]: ...


class _Matching(_Derived[..., T_co]):
    def __get__(self, instance: object, owner: type | None = None) -> _ByFields[T_co]:
        raise NotImplementedError  # as above


def match_of(find: Callable[Concatenate[R, P], LazySequence[T]]) -> _Matching[T | None]:
    """Derive `find_by` from `find`: the first item whose attributes have the given values.

    A text is also passed to `find` if that has an argument of the same name, so that the server
    returns fewer items.
    """
    code = cast("FunctionType", inspect.unwrap(find)).__code__
    names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]

    async def find_by(self: R, /, **fields: object) -> T | None:
        _check_fields(find, fields)
        arguments = {k: v for k, v in fields.items() if k in names and isinstance(v, str)}
        items = cast("Callable[..., LazySequence[T]]", find)(self, **arguments)
        return await items.first_match(fields)

    summary = "Return the first item whose attributes have these values, or None."
    return _Matching(find, find_by, summary, "{item} | None")


def _check_fields(find: Callable[..., Any], fields: Mapping[str, object]) -> None:
    operation = getattr(find, "__operation__", None)
    if not isinstance(operation, Operation):
        return
    item = operation.signature.response_type
    for name in fields:
        # A misspelt name would otherwise look like no match.
        if name.startswith("_") or not hasattr(item, name):
            raise TypeError(f"find_by() got {name!r}, which is not a field of {item.__name__}")


class HasOrigin(Protocol):
    """What resources hang on: a client, another resource, or a bound object."""

    @property
    def origin(self) -> tuple[Any, Scope]: ...


class ResourceBelow(Generic[R]):
    """A resource as an attribute of a client, of another resource or of a bound object."""

    def __init__(
        self, kind: type[R] | Callable[[], type[R]], attributes: Mapping[str, str]
    ) -> None:
        self._kind = kind
        self._attributes = attributes
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @functools.cached_property
    def kind(self) -> type[R]:
        """The class of the resource."""
        kind = self._kind
        return cast("type[R]", kind if isinstance(kind, type) else kind())

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...

    @overload
    def __get__(self, instance: HasOrigin, owner: type | None = None) -> R: ...

    def __get__(self, instance: HasOrigin | None, owner: type | None = None) -> Self | R:
        if instance is None:
            return self
        client, inherited = instance.origin
        scope = {name: self._value(instance, name, inherited) for name in self.kind.scope_names}
        made = self.kind(client, scope or _NO_SCOPE)
        attributes = getattr(instance, "__dict__", None)
        if attributes is not None:
            # Later accesses find it there. Models have no such dict, and can change.
            attributes[self._name] = made
        return made

    def _value(self, instance: HasOrigin, name: str, inherited: Scope) -> Any:
        """Return a path argument: of the object itself, or else of the call it came from."""
        attribute = self._attributes.get(name, name)
        value = getattr(instance, attribute, None) or inherited.get(name)
        if not value:
            raise InvalidArgumentError(
                f"this {type(instance).__name__} does not say what it belongs to: the server did "
                f"not return its {attribute}; get it from the object that it belongs to"
            )
        return value


def resource(kind: type[R] | Callable[[], type[R]], **attributes: str) -> ResourceBelow[R]:
    """Attach a resource to a client, to another resource or to a bound object.

    The resource's scope is filled from the attributes of the object that have the same names, or
    the names in `attributes`, and otherwise from the object's own scope. A class that is defined
    later is passed as `lambda: Class`.
    """
    return ResourceBelow(kind, attributes)
