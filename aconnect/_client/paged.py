"""Pages: one iterator for every style of paging, and tokens to go on with later."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Mapping,
)
from contextlib import aclosing
from typing import Any, Final, Generic, Protocol, Self, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

from aconnect._core import decoding
from aconnect._core.events import Event, PageFetched
from aconnect._core.message import Request, Response
from aconnect._core.paging import PageResult, PageStyle, Position
from aconnect._core.url import query_string
from aconnect.errors import InvalidArgumentError, PageLoopError, ResumeError

T = TypeVar("T")

logger = logging.getLogger("aconnect")
_NO_CONTENT: Final = 204
"""How some lists say that they have no rows."""


class _Token(Struct, kw_only=True):
    query: str
    at: Position
    check: str
    """Of the other two: a position that was changed by accident would skip rows silently."""


class Page(Struct, Generic[T], frozen=True):
    """One page of rows."""

    rows: list[T]
    number: int
    """Counted from 1 since this iteration began."""
    total: int | None
    """How many rows there are in all, where the server says so."""
    token: str | None
    """Pass it to `Paged.pages(token)` to go on after this page; None at the end."""
    warnings: tuple[str, ...] = ()
    """What the server says against the query, though it answers it; logged once for all pages."""

    def __len__(self) -> int:
        return len(self.rows)


class _Pager(Protocol):
    """What paging needs of a client."""

    @property
    def _answer(self) -> Callable[[Request], Coroutine[Any, Any, Response]]: ...

    def _notify(self, make: Callable[[], Event]) -> None: ...

    def _ahead(self, pages: AsyncGenerator[T, None], most: int) -> AsyncGenerator[T, None]: ...

    def _hide(self, text: str) -> str: ...

    @property
    def _origin(self) -> str: ...


class Paged(Generic[T]):
    """The rows of a query: `await` it for a list of all, or `async for` to stream them.

    Streaming holds one page at a time, however many there are. Nothing is asked for before that,
    and each iteration begins anew.
    """

    __slots__ = ("_ahead", "_bind", "_client", "_request", "_row", "_scope", "_size", "_style")

    def __init__(
        self,
        client: _Pager,
        request: Request,
        style: PageStyle,
        row: Any,
        bind: decoding.Binder | None = None,
        scope: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._request = request
        self._style = style
        self._row = row
        self._bind = bind
        self._scope = scope or {}
        self._size = style.max_size
        self._ahead = 0

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self._all().__await__()

    async def _all(self) -> list[T]:
        rows: list[T] = []
        async for page in self.pages():
            rows.extend(page.rows)
        return rows

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for row in page.rows:
                    yield row

    def __repr__(self) -> str:
        return f"<Paged {self._request.operation}>"

    def _with(self, **changes: Any) -> Self:
        other = object.__new__(type(self))
        for name in self.__slots__:
            setattr(other, name, changes.get(name, getattr(self, name)))
        return other

    def page_size(self, size: int) -> Self:
        """Ask for pages of this many rows; by default as many as the server allows."""
        most = self._style.max_size
        if size < 1 or (most is not None and size > most):
            raise InvalidArgumentError(
                f"a page of {self._request.operation} has 1 to {most} rows, not {size}"
            )
        return self._with(_size=size)

    def prefetch(self, pages: int = 1) -> Self:
        """Fetch up to this many pages ahead while the rows of one are being worked on."""
        if pages < 0:
            raise InvalidArgumentError(f"cannot fetch {pages} pages ahead; pass 0 or more")
        return self._with(_ahead=pages)

    def raw(self) -> Paged[Raw]:
        """Give the rows as the JSON they came as, for passing them on; no objects are built.

        A row is a view into its page; copy it (`bytes(row)`) to keep it longer than the page.
        """
        return cast("Paged[Raw]", self._with(_row=Raw, _bind=None))

    async def first(self) -> T | None:
        """Give the first row, or None where there is none; asks for one row only."""
        one = self._with(_size=None if self._size is None else 1, _ahead=0)
        async with aclosing(one.pages()) as pages:
            async for page in pages:
                if page.rows:
                    return page.rows[0]
        return None

    async def total(self) -> int:
        """Give the number of rows; one small request where the server counts, else all pages."""
        one = self._with(_size=None if self._size is None else 1, _ahead=0)
        async with aclosing(one.pages()) as pages:
            async for page in pages:
                if page.total is not None:
                    return page.total
                break
        return sum([len(page) async for page in self.raw().pages()])

    def pages(self, token: str | None = None) -> AsyncGenerator[Page[T], None]:
        """Stream whole pages, from the beginning or after the page that gave the token."""
        at = self._position(token) if token is not None else {}
        pages = self._fetch(at)
        return self._client._ahead(pages, self._ahead) if self._ahead else pages

    async def _fetch(self, at: Position) -> AsyncGenerator[Page[T], None]:
        style, size = self._style, self._size or 0
        wire, query = style.wire(self._row), self._fingerprint()
        path = self._request.target.partition("?")[0]
        what = f"{self._request.method} {self._client._origin}{path}"
        seen = {_mark(at)}
        number = 0
        while True:
            request = self._page_request(style.query(at, size))
            response = await self._client._answer(request)
            if response.status == _NO_CONTENT:
                cut = PageResult([], None)
            else:
                decoded = decoding.decode(response, wire, what, self._client._hide)
                cut = style.cut(decoded, at, size)
            number += 1
            if self._bind is not None:
                self._bind(cut.rows, self._client, self._scope)
            self._notify(number, len(cut.rows))
            if number == 1:
                self._warn(cut.warnings)
            yield Page(cut.rows, number, cut.total, _token(query, cut.next), cut.warnings)
            if cut.next is None:
                return
            at = cut.next
            mark = _mark(at)
            if mark in seen:
                raise PageLoopError(
                    f"{request.operation} gave the position {at} a second time on page {number}; "
                    "stopped, because paging would never end. Start again, and if it happens "
                    "again, report it to the server's administrator"
                )
            seen.add(mark)

    def _page_request(self, control: Mapping[str, object]) -> Request:
        extra = query_string(control)
        if not extra:
            return self._request
        target = self._request.target
        joint = "&" if "?" in target else "?"
        return msgspec.structs.replace(self._request, target=f"{target}{joint}{extra}")

    def _notify(self, number: int, rows: int) -> None:
        self._client._notify(
            lambda: PageFetched(operation=self._request.operation, number=number, rows=rows)
        )

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            said = self._client._hide(warning)
            logger.warning("the server warns about %s: %r", self._request.operation, said)

    def _fingerprint(self) -> str:
        return _digest(f"{self._client._origin} {self._request.method} {self._request.target}")

    def _damaged(self, why: str) -> ResumeError:
        return ResumeError(
            f"the resume token of {self._request.operation} is damaged: {why}; use a page's "
            "`token` as it was, or start from the beginning"
        )

    def _position(self, token: str) -> Position:
        try:
            known = msgspec.json.decode(token, type=_Token)
        except (ValueError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        if known.check != _check(known.query, known.at):
            raise self._damaged("it was changed")
        if known.query != self._fingerprint():
            raise ResumeError(
                f"the resume token belongs to another query or server than this "
                f"{self._request.operation}; build the query with the same arguments"
            )
        return known.at


def _token(query: str, at: Position | None) -> str | None:
    if at is None:
        return None
    return decoding.encode(_Token(query=query, at=at, check=_check(query, at))).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check(query: str, at: Position) -> str:
    return _digest(query + decoding.encode(at).decode())


def _mark(at: Position) -> int:
    """Remember a position in eight bytes, so that a million pages cost little."""
    return hash(decoding.encode(at))
