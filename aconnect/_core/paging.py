"""Styles of paging: from a position to the query, and from a page to the next position.

Each is a pure rule. Positions are plain JSON, so that they can be stored and used later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from msgspec import Struct

Position = dict[str, Any]
"""Where a page begins, in the style's own words; the empty one is the beginning."""


class PageResult(Struct, frozen=True):
    """What a style makes of one answer."""

    rows: list[Any]
    next: Position | None
    """None at the end."""
    total: int | None = None
    """How many rows there are in all, where the server says so."""
    warnings: tuple[str, ...] = ()
    """What the server says against the query, though it answers it."""


class PageStyle(Protocol):
    """How one kind of paging works."""

    controls: ClassVar[tuple[str, ...]]
    """The query parameters that belong to paging; a declaration does not repeat them."""

    @property
    def max_size(self) -> int | None:
        """How many rows a page may have; None where pages have no size."""
        ...

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        """Say how to ask for the page at a position."""
        ...

    def wire(self, row: Any) -> Any:
        """Say what a page of such rows is decoded to."""
        ...

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        """Take the rows out of a page and find the next position."""
        ...


class Offset(Struct, frozen=True):
    """`limit` and `offset` over a bare array; a short page is the last."""

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "offset")

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {"limit": size, "offset": at.get("offset", 0)}

    def wire(self, row: Any) -> Any:
        return list[row] | None

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        rows: list[Any] = page or []
        if len(rows) < size:
            return PageResult(rows, None)
        return PageResult(rows, {"offset": at.get("offset", 0) + len(rows)})


class Unpaged(Struct, frozen=True):
    """No paging at all: everything comes at once, as an array."""

    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {}

    def wire(self, row: Any) -> Any:
        return list[row] | None

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        rows: list[Any] = page or []
        return PageResult(rows, None, len(rows))
