"""The tags of a server as a tree, made of one list.

Decides where a tag is whose parent is missing, or that is above itself: it begins a tree of its
own, so that no tag is lost and none is there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from aconnect.connect.tags import names_of

if TYPE_CHECKING:
    from aconnect.connect.tags import Tag


class TagNode:
    """A tag in a tree; iterating yields it and all tags below it, depth first."""

    __slots__ = ("children", "path", "tag")

    def __init__(self, tag: Tag) -> None:
        self.tag: Tag = tag
        """The tag itself."""
        self.path: tuple[str, ...] = (tag.name,)
        """The names from the top of the tree down to the tag."""
        self.children: list[TagNode] = []
        """The children, sorted by name."""

    def __iter__(self) -> Iterator[TagNode]:
        ahead: list[TagNode] = [self]
        while ahead:
            node = ahead.pop()
            yield node
            ahead.extend(reversed(node.children))

    def __str__(self) -> str:
        return "/".join(self.path)

    def __repr__(self) -> str:
        return f"<TagNode {self}, children: {len(self.children)}>"


class TagTree:
    """All tags of a server; iterating yields them depth first, `str()` is an indented list."""

    __slots__ = ("roots",)

    def __init__(self, tags: Iterable[Tag]) -> None:
        """Make the tree of a list of all tags; makes no request."""
        self.roots: list[TagNode] = []
        """The categories, and tags whose parent is missing, sorted by name."""
        nodes = sorted(map(TagNode, tags), key=lambda node: node.tag.name.casefold())
        parents: dict[str, str | None] = {}
        for node in nodes:
            parents.setdefault(node.tag.id, node.tag.parent_id)
        below: dict[str | None, list[TagNode]] = {}
        for node in nodes:
            above = node.tag.parent_id
            below.setdefault(above if above in parents else None, []).append(node)
        for root in below.pop(None, []):
            self._grow(root, below)
        while below:
            # What is left is in a circle, or below one: find the circle, and cut it.
            above, seen = next(iter(below)), set[str | None]()
            while above not in seen:
                seen.add(above)
                above = parents[above or ""]
            siblings = below[parents[above or ""]]
            root = next(node for node in siblings if node.tag.id == above)
            siblings.remove(root)
            self._grow(root, below)

    def _grow(self, root: TagNode, below: dict[str | None, list[TagNode]]) -> None:
        """Add a root with what is below it; each list of children is used once."""
        self.roots.append(root)
        for node in root:
            # Before the iteration goes on to them.
            node.children = below.pop(node.tag.id, [])
            for child in node.children:
                child.path = (*node.path, child.tag.name)

    def __iter__(self) -> Iterator[TagNode]:
        for root in self.roots:
            yield from root

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, path: str | Sequence[str]) -> TagNode | None:
        """Return the tag with a path, such as "Department/Finance", or None.

        Pass names that contain a slash as a list.

        Raises:
            InvalidArgumentError: A name is empty.
        """
        names = tuple(names_of(path))
        return next((node for node in self if node.path == names), None)

    def by_id(self, id: str) -> TagNode | None:  # noqa: A002  the vendor's noun
        """Return the tag with an id, or None."""
        return next((node for node in self if node.tag.id == id), None)

    def __str__(self) -> str:
        return "\n".join("  " * (len(node.path) - 1) + node.tag.name for node in self)

    def __repr__(self) -> str:
        return f"<TagTree, tags: {len(self)}>"
