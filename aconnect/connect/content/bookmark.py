"""Bookmarks: what the owner of the key has marked to find it again.

`include="bookmarked"` tells the same of many content items at once.
"""

from __future__ import annotations

from datetime import datetime

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource, none_if_missing


class Bookmark(Model, kw_only=True):
    """A mark that the owner of the key put on content."""

    created_time: datetime | None = None


class ContentBookmark(ConnectResource, name="content.bookmark", scope=("guid",), role="viewer"):
    """The bookmark of one content item, of the owner of the key and nobody else."""

    @endpoint("GET", "/v1/content/{guid}/bookmark")
    async def get(self) -> Bookmark:
        """Get the bookmark; if there is none, it is a `NotFoundError`."""
        ...

    async def find_one(self) -> Bookmark | None:
        """Get the bookmark, or None; the server does not tell content without one from none."""
        return await none_if_missing(self.get())

    @endpoint("POST", "/v1/content/{guid}/bookmark")
    async def create(self) -> None:
        """Put a bookmark on the content; a second one is refused (code 267)."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}/bookmark")
    async def delete(self) -> None:
        """Take the bookmark off the content."""
        ...
