"""Tags: a tree of names to organize content by.

A tag without a parent is a category, which content cannot have. Adding a tag to content adds its
ancestors, removing it removes its descendants.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.lazy import LazySequence
from aconnect._client.once import create_once
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.model import Id
from aconnect._core.paging import Unpaged
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.resource import ConnectBound, ConnectResource
from aconnect.errors import ApiError, DecodeError, InvalidArgumentError

if TYPE_CHECKING:
    from aconnect.connect.content.content import ContentItem
    from aconnect.connect.tag_tree import TagTree

# A sibling has this name: the code for tags, and the one for names of any type.
_NAME_TAKEN: Final = frozenset({ApiErrorCode.NO_DUPLICATE_TAG_NAMES, ApiErrorCode.DUPLICATE_NAME})


class Tag(ConnectBound, kw_only=True):
    """A name to organize content by."""

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

    async def refresh(self) -> Tag:
        """Reload the tag."""
        return await self.client.tags.get(self.id)

    async def parent_tag(self) -> Tag | None:
        """Get the parent tag; None for a category."""
        return None if self.parent_id is None else await self.client.tags.get(self.parent_id)

    child_tags: ClassVar[ResourceBelow[ChildTags]] = resource(lambda: ChildTags)

    descendant_tags: ClassVar[ResourceBelow[DescendantTags]] = resource(lambda: DescendantTags)

    async def update(self, **fields: Unpack[TagUpdateParams]) -> Tag:
        """Change name or parent and return the updated tag."""
        return await self.client.tags.update(self.id, **fields)

    async def delete(self) -> None:
        """Delete the tag and its descendants."""
        await self.client.tags.delete(self.id)


class ChildTags(ConnectResource, name="tags.child_tags", scope=("id",)):
    """The children of one tag."""

    def find(self) -> Paged[Tag]:
        """List them."""
        return self.client.tags.find(parent_id=self.scope["id"])

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class DescendantTags(ConnectResource, name="tags.descendant_tags", scope=("id",)):
    """All descendants of one tag."""

    def find(self) -> LazySequence[Tag]:
        """List them, each after its parent; requests all tags once."""

        async def rows() -> AsyncGenerator[Tag, None]:
            node = (await self.client.tags.tree()).by_id(self.scope["id"])
            for each in node or ():
                if each is not node:
                    yield each.tag

        return LazySequence(rows)

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


class TagCreateParams(TypedDict, total=False):
    """Fields of a new tag; without a parent it is a category."""

    name: Required[str]
    parent_id: str | None
    """The id of the parent."""


class TagUpdateParams(TypedDict, total=False):
    """Fields of a tag that can be changed."""

    name: str | None
    parent_id: str | None
    """The id of the new parent."""


class Tags(ConnectResource, name="tags", since="1.8.6"):
    """All tags of the server."""

    @paged("/v1/tags", by=Unpaged(), role="viewer")
    def find(self, *, name: str | None = None, parent_id: str | None = None) -> Paged[Tag]:
        """List tags by name or parent.

        Args:
            name: The exact name.
            parent_id: Only children of this tag.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/tags/{id}", role="viewer")
    async def get(self, id: str) -> Tag:  # noqa: A002  the vendor's noun
        """Get one tag by its id, or by its names from the category down, joined by commas."""
        ...

    async def get_by_path(self, path: str | Sequence[str]) -> Tag:
        """Get one tag by its path, such as "Department/Finance", which begins with a category.

        Pass names that contain a slash as a list.
        """
        names = names_of(path)
        if any("," in name for name in names):
            raise InvalidArgumentError(
                f"{path!r} has a comma in a name, which cannot be looked up; use find(name=...)"
            )
        return await self.get(",".join(names))

    async def tree(self) -> TagTree:
        """Return all tags as a tree, in one request.

        A tag whose parent is not among them, or that is above itself, is at the top of the tree.
        """
        from aconnect.connect.tag_tree import TagTree  # noqa: PLC0415  rarely needed

        return TagTree(await self.find())

    async def ensure_tag_path(self, path: str | Sequence[str]) -> Tag:
        """Create the missing tags of a path, such as "Department/Finance", and return its last tag.

        It begins with a category; what is missing is created. Pass names that contain a slash as a
        list.
        """
        first, *others = names_of(path)
        there = {(tag.parent_id or None, tag.name): tag for tag in await self.find()}
        tag = there.get((None, first)) or await self._have(first, None)
        for name in others:
            if not tag.id:
                raise DecodeError(
                    f"the server returned no id for the tag {tag.name!r}, so {name!r} cannot be "
                    "created below it; the tag may exist now, so try again"
                )
            tag = there.get((tag.id, name)) or await self._have(name, tag.id)
        return tag

    async def _have(self, name: str, parent_id: str | None) -> Tag:
        """Create a tag, or return the one that was created concurrently, or by a lost call."""
        fields: TagCreateParams = {"name": name}
        if parent_id is not None:
            fields["parent_id"] = parent_id

        async def look_up() -> Tag | None:
            for tag in await self.find(name=name):
                if (tag.name, tag.parent_id or None) == (name, parent_id):
                    return tag
            return None

        return await create_once(
            self.client.clock,
            lambda: self.create(**fields),
            look_up,
            is_complete=lambda tag: bool(tag.id),
            is_taken=lambda error: isinstance(error, ApiError) and error.code in _NAME_TAKEN,
        )

    @endpoint("POST", "/v1/tags", role="administrator")
    async def create(self, **fields: Unpack[TagCreateParams]) -> Tag:
        """Create a tag, or a category if there is no `parent_id`."""
        ...

    @endpoint("PATCH", "/v1/tags/{id}", idempotent=True, role="administrator")
    async def update(
        self,
        id: str,  # noqa: A002  as above
        **fields: Unpack[TagUpdateParams],
    ) -> Tag:
        """Change name or parent of a tag."""
        ...

    @endpoint("DELETE", "/v1/tags/{id}", role="administrator")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a tag and its descendants."""
        ...

    @paged("/v1/tags/{id}/content", by=Unpaged(), role="viewer")
    def content(self, id: str) -> Paged[ContentItem]:  # noqa: A002  as above
        """List the content with a tag."""
        ...


def names_of(path: str | Sequence[str]) -> Sequence[str]:
    """Return the names of a path of tags."""
    names = path.split("/") if isinstance(path, str) else path
    if not names or not all(names):
        raise InvalidArgumentError(
            f"{path!r} is not a path of tag names; write it as 'A/B/C' or ['A', 'B', 'C']"
        )
    return names
