"""What the bundles of all content take up on the server's disk; for administrators."""

from __future__ import annotations

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource


class ServerStorageBundles(Model, kw_only=True):
    """What all bundles take up, in bytes."""

    bytes_total: int | None = None
    bytes_active: int | None = None
    """Of those that content runs from."""
    bytes_inactive: int | None = None
    """Of the others, which may be deleted."""
    count: int | None = None
    content_count: int | None = None
    """How many content items they belong to."""


class ServerStorage(Model, kw_only=True):
    """What the server's content takes up."""

    bundles: ServerStorageBundles | None = None


class SystemStorage(ConnectResource, name="system.storage"):
    """What all content of the server takes up together."""

    @endpoint("GET", "/v1/system/storage", role="administrator", since="2026.06.0")
    async def get(self) -> ServerStorage:
        """Get what all bundles take up together."""
        ...
