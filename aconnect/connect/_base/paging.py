"""How Connect pages its answers: by cursors, or by numbers, from 1."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from aconnect._core.decoding import Envelope
from aconnect._core.guards import is_list
from aconnect._core.paging import PageResult, Position

T = TypeVar("T")


class _Cursors(Envelope):
    next: str | None = None


class _Keys(Envelope):
    cursors: _Cursors | None = None


class _KeysetPage(Envelope, Generic[T]):
    # Go writes an empty array as null.
    results: list[T] | None
    paging: _Keys | None = None


class Keyset(Struct, frozen=True):
    """Cursors: each page names the next.

    Only `paging.cursors.next` is used: the URLs beside it are made from proxy headers and may be
    wrong. At the end it is null or absent; the last page may be empty.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "next", "previous")

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {"limit": size, **at}

    def wire(self, row: Any) -> Any:
        return _KeysetPage[row]

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        cursors = page.paging.cursors if page.paging is not None else None
        cursor = cursors.next if cursors is not None else None
        return PageResult(page.results or [], {"next": cursor} if cursor else None)


class _NumberedPage(Envelope, Generic[T]):
    results: list[T] | None
    current_page: int | str | None = None
    total: int | str | None = None
    # Anything: a warning of another shape must not cost the rows.
    warnings: Any = None


class PageNumber(Struct, frozen=True):
    """Numbered pages, from 1, with a total.

    It ends when an empty page comes, when `total` rows have come, or when the answer is not the
    page asked for: groups before 2025.04 repeat page 1 for ever when given a prefix.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("page_number", "page_size")

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {"page_number": at.get("page_number", 1), "page_size": at.get("page_size", size)}

    def wire(self, row: Any) -> Any:
        return _NumberedPage[row]

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        number = at.get("page_number", 1)
        rows: list[Any] = page.results or []
        current, total = _count(page.current_page), _count(page.total)
        if current is not None and current != number:
            return PageResult([], None, total)
        warnings = _texts(page.warnings)
        seen = at.get("seen", 0) + len(rows)
        if rows and not total:
            # Nobody has counted; rows are lost if that is believed.
            total = None
        if not rows or (total is not None and seen >= total):
            return PageResult(rows, None, total, warnings)
        # The size stays with the position: page 3 of another size begins at another row.
        size = at.get("page_size", size)
        after = {"page_number": number + 1, "seen": seen, "page_size": size}
        return PageResult(rows, after, total, warnings)


def _count(value: int | str | None) -> int | None:
    if isinstance(value, str):
        return int(value) if value.isdecimal() else None
    return None if value is None or value < 0 else value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if is_list(value) else ()


class UnpagedEnvelope(Struct, frozen=True):
    """No paging at all: everything comes at once, as one field of an object."""

    field: str = "results"
    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, at: Position, size: int) -> Mapping[str, object]:
        return {}

    def wire(self, row: Any) -> Any:
        return _wrapper(self.field, row)

    def cut(self, page: Any, at: Position, size: int) -> PageResult:
        rows: list[Any] = page.rows or []
        return PageResult(rows, None, len(rows))


@cache
def _wrapper(name: str, row: Any) -> type[Envelope]:
    """Make the type of an object that holds rows under a name."""
    rows = ("rows", list[row] | None, field(name=name))
    made: type[Any] = msgspec.defstruct("_Wrapper", [rows], bases=(Envelope,))
    return made
