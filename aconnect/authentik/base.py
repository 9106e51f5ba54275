"""What all resources and models of authentik share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aconnect._core.endpoint import Resource
from aconnect._core.model import Bound

if TYPE_CHECKING:
    from aconnect.authentik.client import Client


class AuthentikResource(Resource):
    """A group of operations of authentik's API v3."""

    service = "authentik"
    _client: Client


class AuthentikBound(Bound, kw_only=True):
    """An authentik object that can make calls through the client it came from."""

    @property
    def client(self) -> Client:
        """The client this came from."""
        client: Client = self._context[0]
        return client

    def _part_of(self, whole: AuthentikBound) -> None:
        """Remember the object whose answer this came in; only that one is tied to the client."""
        self._whole = whole

    @property
    def _context(self) -> tuple[Any, Mapping[str, Any]]:
        whole: AuthentikBound | None = getattr(self, "_whole", None)
        return super()._context if whole is None else whole._context
