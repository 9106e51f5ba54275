"""Vanity URLs: chosen paths below the server's address at which content is served.

The server adds a slash at both ends of a path. It can have letters, digits, `-`, `_` and `/`, must
not be below another vanity path, and must not be one of the server's own paths (code 52).
"""

from __future__ import annotations

from datetime import datetime
from typing import Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._client.resource import resource
from aconnect.connect._base.resource import ConnectBound, ConnectResource, none_if_missing


class Vanity(ConnectBound, kw_only=True):
    """The path at which a content item is served."""

    path: str = ""
    content_guid: str | None = None
    created_time: datetime | None = None

    _vanity = resource(lambda: ContentVanity, guid="content_guid")

    async def delete(self) -> None:
        """Remove the vanity URL; the content is kept."""
        await self._vanity.delete()


class VanityParams(TypedDict, total=False):
    """The path of the content; with `force` it is taken from other content."""

    path: Required[str]
    """Letters, digits, `-`, `_` and `/`; the server adds a slash at both ends."""
    force: bool
    """Whether to take the path from other content that has it."""


class ContentVanity(ConnectResource, name="content.vanity", scope=("guid",), since="1.8.6"):
    """The vanity URL of one content item."""

    @endpoint("GET", "/v1/content/{guid}/vanity", role="viewer")
    async def get(self) -> Vanity:
        """Get the vanity URL; `NotFoundError` if there is none."""
        ...

    async def find_one(self) -> Vanity | None:
        """Get the vanity URL, or None; None as well if the content does not exist."""
        return await none_if_missing(self.get())

    @endpoint("PUT", "/v1/content/{guid}/vanity", role="publisher")
    async def put(self, **fields: Unpack[VanityParams]) -> Vanity:
        """Set the path of the content; replaces the current one.

        `ConflictError` with code 51 if the path is in use; `force=True` takes it from other
        content.
        """
        ...

    @endpoint("DELETE", "/v1/content/{guid}/vanity", role="publisher")
    async def delete(self) -> None:
        """Remove the vanity URL."""
        ...
