"""authentik's page numbers, with a `pagination` object that contains the next page.

The list of endpoints pages only its count: unless a superuser requests the full list, every page
contains all endpoints that the token's owner can see. So a page that begins like the first one is a
repetition and ends the paging, and a page with more items than it reports contains all.

Source: `authentik/api/pagination.py` and `authentik/providers/rac/api/endpoints.py` of authentik.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct

from aconnect._core.decoding import Envelope
from aconnect._core.paging import NOT_THERE, PageResult, Position, digest

T = TypeVar("T")


class Pagination(Envelope):
    """The position of a page."""

    # The contract allows 2.0 for 2.
    next: int | float
    current: int | float | None = None
    count: int | float | None = None
    start_index: int | float | None = None
    end_index: int | float | None = None


class _Page(Envelope, Generic[T]):
    results: list[T]
    pagination: Pagination


class Pages(Struct, frozen=True):
    """Numbered pages, from 1; `next` is 0 on the last one."""

    max_size: int | None = 100
    repeats: bool = False
    """Whether the server may return all items on every page."""
    controls: ClassVar[tuple[str, ...]] = ("page", "page_size")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        # The size is part of the position: page 3 of another size begins at another item.
        return {"page": position.get("page", 1), "page_size": position.get("page_size", size)}

    def response_type(self, item: Any) -> Any:
        return _Page[item]

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        if page is None:
            raise ValueError(NOT_THERE)
        items: list[Any] = page.results
        pagination: Pagination = page.pagination
        number = position.get("page", 1)
        if pagination.current is not None and pagination.current != number:
            raise ValueError(f"returned page {pagination.current} instead of page {number}")
        if pagination.next > number + 1:
            raise ValueError(f"announced page {pagination.next} after page {number}")
        total = None if pagination.count is None else int(pagination.count)
        after = {"page": int(pagination.next), "page_size": position.get("page_size", size)}
        if self.repeats:
            # The count includes endpoints that the token's owner cannot see.
            total = None
            if "page" not in position and len(items) > _claimed(pagination):
                return PageResult(items, None, len(items))
            # The digest of the first item.
            begin = digest(items[:1])
            if position.get("begin") == begin:
                return PageResult([], None)
            after["begin"] = position.get("begin", begin)
        after["total"] = total
        return PageResult(items, after if pagination.next > 0 else None, total)


def _claimed(pagination: Pagination) -> float:
    """Return the number of items that the page reports."""
    if pagination.start_index is None or pagination.end_index is None:
        return float("inf")
    return pagination.end_index - pagination.start_index + 1
