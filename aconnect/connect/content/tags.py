"""The tags of one content item."""

from __future__ import annotations

from typing import Final, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource, required
from aconnect.connect.tags import Tag


class ContentTagParams(TypedDict):
    """The tag to add to content."""

    tag_id: str


class ContentTags(ConnectResource, name="content.tags", scope=("guid",), since="1.8.6"):
    """The tags of one content item."""

    @paged("/v1/content/{guid}/tags", by=Unpaged(), role="content viewer")
    def find(self) -> Paged[Tag]:
        """List the tags."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, tag: Tag | str) -> list[Tag]:
        """Add a tag, with its ancestors, and return all tags.

        Args:
            tag: The tag, or its id; a category cannot be added.
        """
        return await self._add(tag_id=required("id", tag.id if isinstance(tag, Tag) else tag))

    @endpoint("POST", "/v1/content/{guid}/tags", idempotent=True, role="collaborator")
    async def _add(self, **fields: Unpack[ContentTagParams]) -> list[Tag]: ...

    async def delete(self, tag: Tag | str) -> None:
        """Remove a tag, with its descendants.

        Args:
            tag: The tag, or its id.
        """
        await self._delete(tag.id if isinstance(tag, Tag) else tag)

    @endpoint("DELETE", "/v1/content/{guid}/tags/{id}", role="collaborator")
    async def _delete(self, id: str) -> None: ...  # noqa: A002  the vendor's noun
