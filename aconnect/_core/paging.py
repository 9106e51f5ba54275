"""Page styles: from a position to a query, and from a page to the next position.

Each is a pure rule. Positions are plain JSON, so that they can be stored and used later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from aconnect._core import decoding

Position = dict[str, Any]
"""Where a page begins, in the style's own terms; the empty one is the beginning."""


class PageResult(Struct, frozen=True):
    """What a style reads from one response."""

    items: list[Any]
    next: Position | None
    """None at the end."""
    total: int | None = None
    """The number of items of all pages, if the server reports it."""
    warnings: tuple[str, ...] = ()
    """What the server objects to in the query, although it responds to it."""


class PageStyle(Protocol):
    """How one type of paging works."""

    controls: ClassVar[tuple[str, ...]]
    """The query parameters that belong to paging; a declaration does not repeat them."""

    @property
    def max_size(self) -> int | None:
        """How many items a page may have; None if pages have no size."""
        ...

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        """Return the query parameters for the page at a position."""
        ...

    def response_type(self, item: Any) -> Any:
        """Return the type that a page of such items is decoded to."""
        ...

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        """Take the items out of a decoded page and find the next position."""
        ...


class Offset(Struct, frozen=True):
    """`limit` and `offset` over a bare array; an empty page is the last.

    A short page is not: the server may lower the limit, or leave out what the caller cannot see.
    A short page that comes again is, because such a server ignores `offset`.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "offset")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {"limit": size, "offset": position.get("offset", 0)}

    def response_type(self, item: Any) -> Any:
        return list[item] | None

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page or []
        if not items:
            return PageResult([], None)
        page_digest = digest([len(items), items[0], items[-1]])
        if position.get("digest") == page_digest:
            # The same position again is reported as a loop; a full page may not be all there is.
            return PageResult([], position if len(items) == size else None)
        offset = position.get("offset", 0) + len(items)
        return PageResult(items, {"offset": offset, "digest": page_digest})


class Unpaged(Struct, frozen=True):
    """No paging: all items come in one response, as an array."""

    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {}

    def response_type(self, item: Any) -> Any:
        return list[item] | None

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page or []
        return PageResult(items, None, len(items))


def digest(value: Any) -> str:
    """Return a short digest of part of a page, to recognize it in a later one."""
    return hashlib.sha256(decoding.encode(value)).hexdigest()[:16]
