"""What all resources and models of Connect share."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast
from uuid import UUID

from aconnect._client.bound import Bound
from aconnect._client.derived import name_hint
from aconnect._client.resource import Resource
from aconnect._core.arguments import canonical_guid
from aconnect.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T")


class ConnectResource(Resource):
    """A group of operations of the Connect Server API."""

    service: ClassVar[str] = "connect"

    @property
    def client(self) -> Client:
        """The client."""
        return cast("Client", self.origin[0])


class ConnectBound(Bound, kw_only=True):
    """A Connect object that can make calls through the client it came from."""

    @property
    def client(self) -> Client:
        """The client that this object came from."""
        return cast("Client", self.origin[0])


class _HasGuid(Protocol):
    @property
    def guid(self) -> str: ...


def _guid(item: _HasGuid | str | UUID) -> str | UUID | None:
    """Return the guid of an object, or the guid itself; None of anything else."""
    return item if isinstance(item, str | UUID) else getattr(item, "guid", None)


def guid_of(item: _HasGuid | str | UUID | None, guid: str | None, choice: str) -> str:
    """Return the guid of an object, or the guid passed instead; `choice` names both for errors."""
    value = guid if item is None else _guid(item)
    if not value or (item is not None and guid is not None):
        raise InvalidArgumentError(f"pass either {choice}")
    text: str = canonical_guid("guid", value)
    return text


def own_guid(item: _HasGuid | str | UUID) -> str:
    """Return the guid of an object, or the guid passed instead of one; refuse an empty one."""
    return required("guid", canonical_guid("guid", _guid(item)))


def required(name: str, value: str | None) -> str:
    """Return an id that is not part of a path; refuse an empty one, which has another meaning."""
    if not value:
        raise InvalidArgumentError(
            f"{name} is {value!r}, which would stand for something else; pass its real value"
        )
    return value


def check_fields(call: str, fields: Mapping[str, object], params: type, *required: str) -> None:
    """Raise TypeError for fields that a call does not take or misses, as a Python call does."""
    for name in required:
        if name not in fields:
            raise TypeError(f"{call}() missing required argument: {name!r}")
    for name in fields:
        if name not in params.__annotations__:
            hint = name_hint(name, list(params.__annotations__))
            raise TypeError(f"{call}() got an unexpected keyword argument {name!r}; {hint}")


async def none_if_missing(call: Coroutine[Any, Any, T]) -> T | None:
    """Return what a call returns, or None if Connect responds that there is no such object."""
    try:
        return await call
    except NotFoundError as error:
        # Without a code it is a proxy's response, which knows nothing about objects.
        if error.code is None:
            raise
        return None
