"""The server's documentation, written by its administrators."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource


class SystemDocumentation(Model, kw_only=True):
    """The server's documentation, written by its administrators."""

    content: str = ""
    """Markdown."""
    created_time: datetime | None = None


class DocumentationParams(TypedDict):
    """The documentation to set."""

    content: str
    """Markdown, up to 500,000 characters."""


class CustomDocumentation(ConnectResource, name="system.documentation"):
    """The server's documentation; there is at most one."""

    @endpoint("GET", "/v1/system/documentation")
    async def get(self) -> SystemDocumentation:
        """Get the documentation; `NotFoundError` if there is none."""
        ...

    @endpoint("POST", "/v1/system/documentation", idempotent=True, role="administrator")
    async def put(self, **fields: Unpack[DocumentationParams]) -> None:
        """Set the documentation; replaces the current one."""
        ...

    @endpoint("DELETE", "/v1/system/documentation", role="administrator")
    async def delete(self) -> None:
        """Delete the documentation; `NotFoundError` if there is none."""
        ...
