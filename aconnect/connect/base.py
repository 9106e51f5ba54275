"""What all resources and models of Connect share."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from aconnect._core.endpoint import Resource
from aconnect._core.model import Bound
from aconnect.errors import NotFoundError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T")


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

    def _scoped(self, name: str) -> Any:
        """Give a path argument of the call this came from."""
        return self._context[1][name]


async def if_any(call: Coroutine[Any, Any, T]) -> T | None:
    """Give what a call gets, or None where Connect says that there is no such thing."""
    try:
        return await call
    except NotFoundError as error:
        # Without a code it is a proxy's answer, which knows nothing of what there is.
        if error.code is None:
            raise
        return None
