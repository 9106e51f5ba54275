"""What all resources and models of authentik share."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from aconnect._client.bound import Bound
from aconnect._client.resource import Resource

if TYPE_CHECKING:
    from aconnect.authentik.client import Client


class AuthentikResource(Resource):
    """A group of operations of authentik's API v3."""

    service: ClassVar[str] = "authentik"

    @property
    def client(self) -> Client:
        """The client."""
        return cast("Client", self.origin[0])


class AuthentikBound(Bound, kw_only=True):
    """An authentik object that can make calls through the client it came from."""

    @property
    def client(self) -> Client:
        """The client that this object came from."""
        return cast("Client", self.origin[0])
