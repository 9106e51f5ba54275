"""Page styles: from a position to a query, and from a page to the next position.

Each is a pure rule. Positions are plain JSON, so that they can be stored and used later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from msgspec import Struct

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
    """`limit` and `offset` over a bare array; a short page is the last."""

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "offset")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {"limit": size, "offset": position.get("offset", 0)}

    def response_type(self, item: Any) -> Any:
        return list[item] | None

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page or []
        if len(items) < size:
            return PageResult(items, None)
        return PageResult(items, {"offset": position.get("offset", 0) + len(items)})


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
