"""How Connect pages its responses: by cursors, or by numbers starting from 1."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from aconnect._core.decoding import Envelope
from aconnect._core.guards import is_list
from aconnect._core.paging import NOT_THERE, PageResult, Position, digest

T = TypeVar("T")

_DEFAULT: Final = 20
"""The size of a page of a `NumberedArray` if the server does not take the one it is asked for."""
_LARGE: Final = 500
"""The size of a page that is asked for by default."""


class _Cursors(Envelope):
    next: str | None = None


class _Keys(Envelope):
    cursors: _Cursors | None = None


class _KeysetPage(Envelope, Generic[T]):
    # Go writes an empty array as null.
    results: list[T] | None
    paging: _Keys | None = None


class Keyset(Struct, frozen=True):
    """Cursors: each page contains the next one.

    Only `paging.cursors.next` is used: the URLs beside it are made from proxy headers and may be
    wrong. At the end it is null or absent; the last page may be empty.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "next", "previous")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {"limit": size, **position}

    def response_type(self, item: Any) -> Any:
        return _KeysetPage[item]

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        if page is None:
            raise ValueError(NOT_THERE)
        cursors = page.paging.cursors if page.paging is not None else None
        cursor = cursors.next if cursors is not None else None
        return PageResult(page.results or [], {"next": cursor} if cursor else None)


class _NumberedPage(Envelope, Generic[T]):
    results: list[T] | None
    current_page: int | str | None = None
    total: int | str | None = None
    # Of any type: an unexpected warning must not cost the items.
    warnings: Any = None


class PageNumber(Struct, frozen=True):
    """Numbered pages, from 1, with a total.

    It ends at an empty page, after `total` items, or if the response repeats an earlier page: with
    a prefix, groups before 2025.04 repeat page 1 forever. A total may be too small, so the page
    after a full one is requested anyway, unless pages have no number that tells them apart. Such
    pages are compared by their content, as those of `Offset` are.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("page_number", "page_size")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {
            "page_number": position.get("page_number", 1),
            "page_size": position.get("page_size", size),
        }

    def response_type(self, item: Any) -> Any:
        return _NumberedPage[item]

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        number, seen = position.get("page_number", 1), position.get("seen", 0)
        if page is None:
            if seen < (position.get("total") or 0):
                raise ValueError(NOT_THERE)
            return PageResult([], None, position.get("total"))
        items: list[Any] = page.results or []
        current, total = _count(page.current_page), _count(page.total)
        # What the server called the page before. Zero is either its first page or unknown.
        before = position.get("current", number - 1)
        if current and current <= before:
            return PageResult([], None, total)
        if current and current > before + 1:
            raise ValueError(f"returned page {current} instead of page {before + 1}")
        warnings = _texts(page.warnings)
        seen += len(items)
        if items and not total:
            # total=0 with a non-empty page is a server bug; ignore it.
            total = None
        # The size is part of the position: page 3 of another size begins at another item.
        size = position.get("page_size", size)
        is_full = len(items) >= size and current
        if not items or (total is not None and seen >= total and not is_full):
            return PageResult(items, None, total, warnings)
        after = {
            "page_number": number + 1,
            "seen": seen,
            "page_size": size,
            "current": number if current is None else current,
            "total": total,
        }
        if not current:
            after["digest"] = digest([len(items), items[0], items[-1]])
            if after["digest"] == position.get("digest"):
                # The same position again is reported as a loop.
                return PageResult([], position if len(items) >= size else None, total)
        return PageResult(items, after, total, warnings)


def _count(value: int | str | None) -> int | None:
    if isinstance(value, str):
        # No list has so many items that its length has twenty digits.
        return int(value) if value.isdecimal() and len(value) < 20 else None
    return None if value is None or value < 0 else value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if is_list(value) else ()


class UnpagedEnvelope(Struct, frozen=True):
    """No paging: all items come in one response, as one field of an object."""

    field: str = "results"
    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ()

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {}

    def response_type(self, item: Any) -> Any:
        return _wrapper(self.field, item)

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page.items or []
        return PageResult(items, None, len(items))


@cache
def _wrapper(name: str, item: Any) -> type[Envelope]:
    """Return the type of an object that has the items in a field of this name."""
    items = ("items", list[item] | None, field(name=name))
    envelope: type[Any] = msgspec.defstruct("_Envelope", [items], bases=(Envelope,))
    return envelope


class NumberedArray(Struct, frozen=True):
    """Arrays that may or may not be paged, by numbers from 1.

    Documents page such lists, but servers send all items, whatever page is asked for. Only a page
    that may be full is followed by another, and one without a new item is the last: it is empty,
    or the server has sent the same array again. Items that were on the page before are left out,
    because new ones move them to the next page.
    """

    max_size: int | None = None
    controls: ClassVar[tuple[str, ...]] = ("page_number", "page_size")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        return {
            "page_number": position.get("page_number", 1),
            "page_size": position.get("page_size", size or _LARGE),
        }

    def response_type(self, item: Any) -> Any:
        return list[item] | None

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page or []
        size = position.get("page_size", size or _LARGE)
        before, keys = set(position.get("before", ())), [_key(item) for item in items]
        new = [item for item, key in zip(items, keys, strict=True) if key not in before]
        if len(items) < min(size, _DEFAULT) and not position:
            return PageResult(new, None, len(new))
        if len(items) < min(size, _DEFAULT) or not new:
            return PageResult(new, None)
        number = position.get("page_number", 1) + 1
        return PageResult(new, {"page_number": number, "page_size": size, "before": keys})


class _Key(Struct):
    id: int | str | None = None


def _key(item: Any) -> str:
    """Return what identifies an item, although it may have changed since the page before."""
    if isinstance(item, Raw):
        try:
            key = msgspec.json.decode(item, type=_Key).id
        except ValueError:
            key = None
    else:
        key = getattr(item, "id", None)
    return str(key) if key not in {None, ""} else digest(item)
