"""Page styles: from a position to a query, and from a page to the next position.

Each is a pure rule. Positions are plain JSON, so that they can be stored and used later.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Protocol

from msgspec import Struct

from aconnect._core.decoding import encode
from aconnect._core.text import excerpt
from aconnect.errors import PageLoopError, ResumeError

logger = logging.getLogger("aconnect")
_MAX_EMPTY_PAGES: Final = 100
"""In a row. Servers that filter a page after reading it return a few of them."""
_SHOWN: Final = 200

Position = dict[str, Any]
"""Where a page begins, in the style's own terms; the empty one is the beginning.

`total`, if the server reports it, is the number of items at the time of the page before.
"""

NOT_THERE: Final = "announced another page, but returned no content for it"
"""The message of a style that was promised the page by the server."""


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
    """The query parameters that belong to paging.

    A declaration repeats those that callers may pass: together they are the first position.
    """

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
        """Take the items out of a decoded page and find the next position.

        The page is None if a page after the first has no content.

        Raises:
            ValueError: The page is not the requested one; the message completes "the server …".
        """
        ...


class Offset(Struct, frozen=True):
    """`limit` and `offset` over a bare array; an empty page is the last.

    A short page is not: the server may lower the limit, or leave out what the caller cannot see.
    A short page that comes again is, because such a server ignores `offset`.

    `limit` in a position is the number of items that remain, if the caller wants only so many.
    """

    max_size: int | None = 500
    controls: ClassVar[tuple[str, ...]] = ("limit", "offset")

    def query(self, position: Position, size: int) -> Mapping[str, object]:
        limit = min(size, position.get("limit", size))
        return {"limit": limit, "offset": position.get("offset", 0)}

    def response_type(self, item: Any) -> Any:
        return list[item] | None

    def parse(self, page: Any, position: Position, size: int) -> PageResult:
        items: list[Any] = page or []
        if not items:
            return PageResult([], None)
        limit: int | None = position.get("limit")
        page_digest = digest([len(items), items[0], items[-1]])
        if position.get("digest") == page_digest:
            is_full = len(items) == (size if limit is None else min(size, limit))
            # The same position again is reported as a loop; a full page may not be all there is.
            return PageResult([], position if is_full else None)
        following = {"offset": position.get("offset", 0) + len(items), "digest": page_digest}
        if limit is not None:
            if len(items) >= limit:
                return PageResult(items[:limit], None)
            following["limit"] = limit - len(items)
        return PageResult(items, following)


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
    return hashlib.sha256(encode(value)).hexdigest()[:16]


class Course:
    """The course of one iteration: finds out if it never ends, and if it loses rows."""

    __slots__ = (
        "_empty",
        "_number",
        "_operation",
        "_redact",
        "_resumed",
        "_rows",
        "_seen",
        "_total",
    )

    def __init__(self, operation: str, position: Position, redact: Callable[[str], str]) -> None:
        self._operation = operation
        self._redact = redact
        self._seen = {_position_hash(position)}
        self._resumed = bool(position)
        self._total: int | None = position.get("total")
        self._number = self._rows = self._empty = 0

    def check(self, page: PageResult) -> None:
        """Compare the numbers of rows that the pages report and have."""
        self._number += 1
        rows, total = len(page.items), page.total
        self._rows += rows
        self._empty = 0 if rows else self._empty + 1
        if total is None:
            return
        if self._total is not None and total < self._total:
            self._moved(self._total - total)
        if page.next is None and self._rows < total and not self._resumed:
            logger.warning(
                "%s: the pages ended after %d of %d rows", self._operation, self._rows, total
            )
        self._total = total

    def _moved(self, removed: int) -> None:
        """Report that items were removed: those behind them moved to pages already fetched."""
        if self._resumed and self._number == 1:
            raise ResumeError(
                f"{removed} items of {self._operation} were removed since the token was issued, "
                "so its page now begins at another item, and rows would be missing; start from "
                "the beginning"
            )
        logger.warning(
            "%s: %d items were removed between two pages; up to as many rows may be missing",
            self._operation,
            removed,
        )

    def follow(self, position: Position) -> None:
        """Raise if the next position leads nowhere."""
        position_hash = _position_hash(position)
        if position_hash in self._seen:
            shown = excerpt(str(position), self._redact, _SHOWN)
            reason = f"returned the position {shown} a second time on page {self._number}"
        elif self._empty >= _MAX_EMPTY_PAGES:
            reason = f"returned {self._empty} empty pages in a row, each with another after it"
        else:
            self._seen.add(position_hash)
            return
        raise PageLoopError(
            f"{self._operation} {reason}; stopped, because paging would never end. Start again, "
            "and if it happens again, report it to the server's administrator"
        )


def _position_hash(position: Position) -> int:
    """Return a position in eight bytes, so that remembering a million pages costs little."""
    return hash(encode(position))
