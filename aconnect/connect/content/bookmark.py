"""Bookmarks of the owner of the key.

`include="bookmarked"` returns the same for many content items at once.
"""

from __future__ import annotations

from datetime import datetime

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Model
from aconnect.connect._base.resource import ConnectResource, none_if_missing


class Bookmark(Model, kw_only=True):
    """A bookmark of the owner of the key."""

    created_time: datetime | None = None


class ContentBookmark(ConnectResource, name="content.bookmark", scope=("guid",), role="viewer"):
    """The bookmark that the owner of the key has on one content item."""

    @endpoint("GET", "/v1/content/{guid}/bookmark")
    async def get(self) -> Bookmark:
        """Get the bookmark; `NotFoundError` if there is none."""
        ...

    async def find_one(self) -> Bookmark | None:
        """Get the bookmark, or None; None as well if the content does not exist."""
        return await none_if_missing(self.get())

    @endpoint("POST", "/v1/content/{guid}/bookmark")
    async def create(self) -> None:
        """Bookmark the content; a second bookmark is refused (code 267)."""
        ...

    @endpoint("DELETE", "/v1/content/{guid}/bookmark")
    async def delete(self) -> None:
        """Remove the bookmark."""
        ...
