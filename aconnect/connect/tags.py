"""Tags: a tree of names to sort content by.

A tag without a parent is a category, and cannot be put on content. Putting a tag on content adds
its ancestors, taking it off takes off its descendants.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Required, TypedDict, Unpack

from aconnect._core.endpoint import endpoint, paged
from aconnect._core.model import Id
from aconnect._core.paging import Paged
from aconnect._core.styles import Whole
from aconnect.connect.base import ConnectBound, ConnectResource
from aconnect.errors import InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.content import ContentItem


class Tag(ConnectBound, kw_only=True):
    """A name to sort content by."""

    id: Id = ""
    name: str = ""
    parent_id: Id | None = None
    """None for a category."""
    created_time: datetime | None = None
    updated_time: datetime | None = None

    @property
    def content(self) -> Paged[ContentItem]:
        """The content with this tag."""
        return self.client.tags.content(self.id)

    async def update(self, **fields: Unpack[TagUpdate]) -> Tag:
        """Change name or parent and give the tag as it is then."""
        return await self.client.tags.update(self.id, **fields)

    async def delete(self) -> None:
        """Delete the tag and its descendants."""
        await self.client.tags.delete(self.id)


class TagCreate(TypedDict, total=False):
    """Fields of a new tag; without a parent it is a category."""

    name: Required[str]
    parent_id: str | None


class TagUpdate(TypedDict, total=False):
    """Fields of a tag that can be changed."""

    name: str | None
    parent_id: str | None


class ContentTag(TypedDict):
    """Which tag is put on content."""

    tag_id: str


class ContentTags(ConnectResource, name="content.tags"):
    """The tags of one content item."""

    @paged("/v1/content/{guid}/tags", by=Whole())
    def find(self) -> Paged[Tag]:
        """Find the tags."""
        ...

    async def add(self, tag: Tag | str) -> list[Tag]:
        """Put a tag on, with its ancestors, and give all tags."""
        return await self._add(tag_id=tag.id if isinstance(tag, Tag) else tag)

    @endpoint("POST", "/v1/content/{guid}/tags", idempotent=True)
    async def _add(self, **fields: Unpack[ContentTag]) -> list[Tag]: ...

    async def delete(self, tag: Tag | str) -> None:
        """Take a tag off, with its descendants."""
        await self._delete(tag.id if isinstance(tag, Tag) else tag)

    @endpoint("DELETE", "/v1/content/{guid}/tags/{id}")
    async def _delete(self, id: str) -> None: ...  # noqa: A002  the vendor's noun


class Tags(ConnectResource, name="tags"):
    """All tags of the server."""

    @paged("/v1/tags", by=Whole())
    def find(self, *, name: str | None = None, parent_id: str | None = None) -> Paged[Tag]:
        """Find tags by name or parent."""
        ...

    @endpoint("GET", "/v1/tags/{id}")
    async def get(self, id: str) -> Tag:  # noqa: A002  the vendor's noun
        """Get one tag by its id, or by its names from the category down, joined by commas."""
        ...

    async def get_by_path(self, names: Sequence[str]) -> Tag:
        """Get one tag by its names, from the category down."""
        if not names or any("," in name for name in names):
            raise InvalidArgumentError(
                f"{list(names)} is no path of tag names: it needs one name or more, without commas"
            )
        return await self.get(",".join(names))

    @endpoint("POST", "/v1/tags")
    async def create(self, **fields: Unpack[TagCreate]) -> Tag:
        """Create a tag, or a category where there is no `parent_id`."""
        ...

    @endpoint("PATCH", "/v1/tags/{id}", idempotent=True)
    async def update(
        self,
        id: str,  # noqa: A002  as above
        **fields: Unpack[TagUpdate],
    ) -> Tag:
        """Change name or parent of a tag."""
        ...

    @endpoint("DELETE", "/v1/tags/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a tag and its descendants."""
        ...

    @paged("/v1/tags/{id}/content", by=Whole())
    def content(self, id: str) -> Paged[ContentItem]:  # noqa: A002  as above
        """Find the content with a tag."""
        ...
