"""Resources: groups of operations, and how they hang on clients, resources and bound objects."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar, cast, overload

from aconnect._client.bound import ChannelOwner, Origin, Scope
from aconnect._client.operation import Operation, Role
from aconnect._client.signature import Naming, as_written
from aconnect._core.channel import Channel
from aconnect._core.completion import Completed
from aconnect.errors import InvalidArgumentError

R = TypeVar("R", bound="Resource")

_NO_SCOPE: Final[Scope] = MappingProxyType({})


class Resource(Completed):
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
    _inner = ("channel", "naming", "origin", "scope", "scope_names", "service")

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
                # A private operation has a public method that makes it more convenient.
                method = vars(cls).get(attribute.lstrip("_"), value)
                method.__doc__ = operation.docstring(method.__doc__ or "")

    @property
    def client(self) -> ChannelOwner:
        """The client; a service's base class narrows the type."""
        return self.origin[0]

    def __repr__(self) -> str:
        scope = ", ".join(f"{k}={v!r}" for k, v in self.scope.items())
        return f"<{type(self).__name__}{' of ' if scope else ''}{scope} at {self.client!r}>"


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

    def __repr__(self) -> str:
        return f"<resource {self.kind.__name__}>"

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
