"""Vanity URLs: paths of their own, below the server's address, at which users find content.

The server writes a path with a slash at both ends. It may have letters, digits, `-`, `_` and `/`,
must not lie below another vanity path, and must not be one of the server's own (code 52).
"""

from __future__ import annotations

from datetime import datetime
from typing import Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, resource
from aconnect.connect._base.resource import ConnectBound, ConnectResource, none_if_missing


class Vanity(ConnectBound, kw_only=True):
    """The path at which a content item is found."""

    path: str = ""
    content_guid: str | None = None
    created_time: datetime | None = None

    _vanity = resource(lambda: ContentVanity, guid="content_guid")

    async def delete(self) -> None:
        """Take the path from its content; the content stays."""
        await self._vanity.delete()


class VanityParams(TypedDict, total=False):
    """The path that content is to have; with `force` even if that takes it from other content."""

    path: Required[str]
    force: bool


class ContentVanity(ConnectResource, name="content.vanity", scope=("guid",), since="1.8.6"):
    """The vanity URL of one content item."""

    @endpoint("GET", "/v1/content/{guid}/vanity", role="viewer")
    async def get(self) -> Vanity:
        """Get the vanity URL; if there is none, it is a `NotFoundError`."""
        ...

    async def find_one(self) -> Vanity | None:
        """Get the vanity URL, or None; the server does not tell content without one from none."""
        return await none_if_missing(self.get())

    @endpoint("PUT", "/v1/content/{guid}/vanity", role="publisher")
    async def put(self, **fields: Unpack[VanityParams]) -> Vanity:
        """Return the content this path, instead of the one it has.

        A path in use is a `ConflictError` with code 51; `force=True` takes it from other content.
        """
        ...

    @endpoint("DELETE", "/v1/content/{guid}/vanity", role="publisher")
    async def delete(self) -> None:
        """Take the path from the content."""
        ...
