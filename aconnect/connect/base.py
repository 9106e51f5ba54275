"""What all resources and models of Connect share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aconnect._core.endpoint import Resource
from aconnect._core.model import Bound

if TYPE_CHECKING:
    from aconnect.connect.client import Client


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
