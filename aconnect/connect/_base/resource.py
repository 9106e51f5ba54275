"""What all resources and models of Connect share."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from aconnect._client.endpoint import Resource
from aconnect._core.model import Bound
from aconnect.errors import InvalidArgumentError, NotFoundError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T")
R = TypeVar("R", bound="ConnectResource")


class ConnectResource(Resource):
    """A group of operations of the Connect Server API."""

    service = "connect"
    _client: Client


class ConnectBound(Bound, kw_only=True):
    """A Connect object that can make calls through the client it came from."""

    @property
    def client(self) -> Client:
        """The client this came from."""
        client: Client = self._context[0]
        return client

    def _below(self, kind: type[R], **scope: str) -> R:
        """Give a group of operations below this object."""
        return kind(self._context[0], scope)

    def _scoped(self, name: str, told: str | None = None) -> str:
        """Give what the answer told of the object this is below, or else the call it came from."""
        found: str | None = told or self._context[1].get(name)
        if not found:
            raise InvalidArgumentError(
                f"this {type(self).__name__} does not say what it belongs to: the server left that "
                "out; get it from the object that it belongs to"
            )
        return found


class _WithGuid(Protocol):
    @property
    def guid(self) -> str: ...


def guid_of(thing: _WithGuid | str | None, guid: str | None, choice: str) -> str:
    """Give the guid of what is passed as itself, or else by its guid; `choice` names both ways."""
    found = thing if isinstance(thing, str) else thing.guid if thing is not None else guid
    if not found or (thing is not None and guid is not None):
        raise InvalidArgumentError(f"pass either {choice}")
    return found


def known(name: str, value: str | None) -> str:
    """Give an id that does not go into a path; refuse an empty one, which would mean another."""
    if not value:
        raise InvalidArgumentError(
            f"{name} is {value!r}, which would stand for something else; pass its real value"
        )
    return value


async def if_any(call: Coroutine[Any, Any, T]) -> T | None:
    """Give what a call gets, or None where Connect says that there is no such thing."""
    try:
        return await call
    except NotFoundError as error:
        # Without a code it is a proxy's answer, which knows nothing of what there is.
        if error.code is None:
            raise
        return None
