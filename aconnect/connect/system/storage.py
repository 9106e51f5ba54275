"""Disk usage of the bundles of all content; for administrators."""

from __future__ import annotations

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource


class ServerStorageBundles(Model, kw_only=True):
    """The disk usage of all bundles, in bytes."""

    bytes_total: int | None = None
    bytes_active: int | None = None
    """Of the active bundles."""
    bytes_inactive: int | None = None
    """Of the others, which may be deleted."""
    count: int | None = None
    content_count: int | None = None
    """The number of content items they belong to."""


class ServerStorage(Model, kw_only=True):
    """The disk usage of the server's content."""

    bundles: ServerStorageBundles | None = None


class SystemStorage(ConnectResource, name="system.storage"):
    """The total disk usage of content."""

    @endpoint("GET", "/v1/system/storage", role="administrator", since="2026.06.0")
    async def get(self) -> ServerStorage:
        """Get the total disk usage of all bundles."""
        ...
