"""Objects with behaviour: models that remember the client and the scope they came from.

How decoded values are bound is compiled once for each type. Objects inside an object are bound as
well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, get_args, get_origin

import msgspec
from msgspec import Struct

from aconnect._core.channel import Channel
from aconnect._core.completion import Completed
from aconnect._core.model import Model, union_members


class ChannelOwner(Protocol):
    """What a client is to its resources and objects; services narrow it to their client."""

    @property
    def channel(self) -> Channel: ...


Scope = Mapping[str, Any]
"""Path arguments by name, such as `{"guid": …}`."""

Origin = tuple[ChannelOwner, Scope]
"""The client and the scope that an object came from."""


class _OriginSlot(Completed):
    # A slot costs less than a dict for each object, and is no field of the model.
    __slots__ = ("bound_to",)
    _inner = ("bind", "bound_to", "origin")

    bound_to: Origin

    def bind(self, client: ChannelOwner, scope: Scope) -> Self:
        """Bind the object to a client and a scope, and return it."""
        self.bound_to = (client, scope)
        return self


class Bound(_OriginSlot, Model, kw_only=True):
    """A model with behaviour: it can make calls through the client it came from.

    Its methods raise the errors of the operations with the same names, and `InvalidArgumentError`
    if the object lacks what a call needs, such as its id.
    """

    @property
    def origin(self) -> Origin:
        """The client, and the path arguments of the call, that the object came from."""
        try:
            return self.bound_to
        except AttributeError:
            raise RuntimeError(
                f"this {type(self).__name__} did not come from a client, so it cannot make calls; "
                "get it from one"
            ) from None


Binder = Callable[[Any, Origin], object]
"""Binds a decoded value, or the values of a list."""


def binder_for(type_: Any) -> Binder | None:
    """Return what binds values of a type; None if there is nothing to bind."""
    members = [member for member in union_members(type_) if member is not type(None)]
    if len(members) != 1:
        return None
    if get_origin(members[0]) is list:
        return list_binder_for(*get_args(members[0]))
    return _binder(members[0], frozenset(), is_list=False)


def list_binder_for(item: Any) -> Binder | None:
    """Return what binds the items of a list; None if there is nothing to bind."""
    return _binder(item, frozenset(), is_list=True)


def _binder(type_: Any, around: frozenset[type], *, is_list: bool) -> Binder | None:
    """Return what binds one value or a list, with the parts; a type inside itself is bound once."""
    if not isinstance(type_, type) or not issubclass(type_, Struct) or type_ in around:
        return None
    parts: list[tuple[str, Binder]] = []
    for field in msgspec.structs.fields(type_):
        for member in union_members(field.type):
            many = get_origin(member) is list
            part = get_args(member)[0] if many else member
            bind = _binder(part, around | {type_}, is_list=many)
            if bind is not None:
                parts.append((field.name, bind))
    own = issubclass(type_, Bound)
    if not own and not parts:
        return None
    return _bind_list(own, parts) if is_list else _bind_one(own, parts)


def _bind_one(own: bool, parts: list[tuple[str, Binder]]) -> Binder:
    def bind(value: Any, origin: Origin) -> None:
        if own:
            value.bound_to = origin
        for name, bind_part in parts:
            part = getattr(value, name)
            if part is not None:
                bind_part(part, origin)

    return bind


def _bind_list(own: bool, parts: list[tuple[str, Binder]]) -> Binder:
    def bind(values: list[Any], origin: Origin) -> None:
        if own:
            for value in values:
                value.bound_to = origin
        for name, bind_part in parts:
            for value in values:
                part = getattr(value, name)
                if part is not None:
                    bind_part(part, origin)

    return bind
