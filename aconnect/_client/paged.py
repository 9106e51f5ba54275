"""Pages: one iterator for every page style, and tokens to resume with."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Generic, Self, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

from aconnect._client.bound import Binder, Origin
from aconnect._client.lazy import LazySequence, cancel_all, check_loop
from aconnect._core import decoding
from aconnect._core.channel import Channel
from aconnect._core.events import PageFetched
from aconnect._core.message import Request, Response
from aconnect._core.paging import Course, PageResult, PageStyle, Position, Unpaged
from aconnect._core.url import query_string
from aconnect.errors import DecodeError, InvalidArgumentError, ResumeError

T = TypeVar("T")
U = TypeVar("U")
T_co = TypeVar("T_co", covariant=True)

logger = logging.getLogger("aconnect")
_STREAM: Final = "the stream of items"
_NO_CONTENT: Final = 204
"""How some lists report that they are empty."""


class _Token(Struct, kw_only=True):
    query: str
    at: Position
    check: str
    """Of the other two: a position changed by accident would skip rows silently."""


class Page(Struct, Generic[T_co], frozen=True):
    """One page of items."""

    items: list[T_co]
    number: int
    """Counted from 1 since this iteration began."""
    total: int | None
    """The number of items of all pages, if the server reports it."""
    token: str | None
    """Pass it to `Paged.pages(token)` to resume after this page; None at the end."""
    warnings: tuple[str, ...] = ()
    """What the server objects to in the query; logged once for all pages."""

    def __len__(self) -> int:
        return len(self.items)


class Paged(LazySequence[T_co]):
    """The items of a query: `await` it for a list of all, or use `async for` to stream them.

    Streaming holds one page at a time, however many there are. No request is made before that, and
    each iteration restarts.
    """

    __slots__ = (
        "_bind",
        "_channel",
        "_keep",
        "_kept",
        "_origin",
        "_prefetch",
        "_request",
        "_size",
        "_start",
        "_style",
    )
    _inner = ("api_root", "kept", "query")

    def __init__(
        self,
        channel: Channel,
        request: Request,
        style: PageStyle,
        item: Any,
        bind: Binder | None = None,
        origin: Origin | None = None,
        *,
        start: Position | None = None,
        size: int | None = None,
        prefetch: int = 0,
        keep: Callable[[Any], bool] | None = None,
        kept: tuple[str, ...] = (),
    ) -> None:
        self._channel = channel
        self._request = request
        self._style = style
        self._item = item
        self._bind = bind
        self._origin = origin
        self._start: Position = start or {}
        self._size = size or style.max_size
        self._prefetch = prefetch
        self._keep = keep
        self._kept = kept

    async def _all(self) -> list[T_co]:
        items: list[T_co] = []
        async for page in self.pages():
            items.extend(page.items)
        return items

    async def _stream(self) -> AsyncGenerator[T_co, None]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    def __repr__(self) -> str:
        return f"<Paged {self._request.operation}>"

    @property
    def query(self) -> str:
        """Path and query of the first page, without what belongs to paging."""
        return self._request.target

    @property
    def api_root(self) -> str:
        """The address that the query is sent to."""
        return self._channel.api_root

    @property
    def kept(self) -> tuple[str, ...]:
        """Descriptions of the filters that `where` was given, the same in every process."""
        return self._kept

    def _with(
        self,
        *,
        size: int | None = None,
        prefetch: int | None = None,
        keep: Callable[[Any], bool] | None = None,
        kept: tuple[str, ...] = (),
    ) -> Self:
        return type(self)(
            self._channel,
            self._request,
            self._style,
            self._item,
            self._bind,
            self._origin,
            start=self._start,
            size=size or self._size,
            prefetch=self._prefetch if prefetch is None else prefetch,
            keep=keep or self._keep,
            kept=(*self._kept, *kept),
        )

    def page_size(self, size: int) -> Self:
        """Request pages of this many items; by default as many as the server allows.

        Raises:
            InvalidArgumentError: The server does not allow pages of this size.
        """
        most = self._style.max_size
        if size < 1 or (most is not None and size > most):
            raise InvalidArgumentError(
                f"a page of {self._request.operation} has 1 to {most} items, not {size}"
            )
        return self._with(size=size)

    def prefetch(self, pages: int = 1) -> Self:
        """Fetch up to this many pages ahead while the items of a page are processed.

        Raises:
            InvalidArgumentError: The number is negative.
        """
        if pages < 0:
            raise InvalidArgumentError(f"cannot prefetch {pages} pages; pass 0 or more")
        return self._with(prefetch=pages)

    def raw(self) -> Paged[Raw]:
        """Return the items as the JSON that was received, for passing on; no objects are built.

        An item is a view into its page; copy it (`bytes(item)`) to keep it longer than the page.
        """
        return Paged(
            self._channel,
            self._request,
            self._style,
            Raw,
            start=self._start,
            size=self._size,
            prefetch=self._prefetch,
            keep=self._keep and _raw_filter(self._item, self._keep),
            kept=self._kept,
        )

    def where(self, keep: Callable[[T_co], bool]) -> Self:
        """Leave out the items that a function returns False for; the server still sends them."""
        if not callable(cast("object", keep)) or inspect.iscoroutinefunction(keep):
            # What it returns is true, whatever the item is.
            raise TypeError(f"where() takes a function that returns True or False, not {keep!r}")
        kept, before = (described(keep),), self._keep
        if before is None:
            return self._with(keep=keep, kept=kept)
        return self._with(keep=lambda item: before(item) and keep(item), kept=kept)

    def _single(self) -> Self:
        """Return the same query with the smallest page."""
        return self._with(size=None if self._size is None or self._keep else 1, prefetch=0)

    async def first(self) -> T_co | None:
        """Return the first item, or None; requests one item only.

        Raises:
            AconnectError: As the operation.
        """
        async with aclosing(self._single().pages()) as pages:
            async for page in pages:
                if page.items:
                    return page.items[0]
        return None

    async def total(self) -> int:
        """Return the number of items; one small request if the server counts, else all pages.

        Raises:
            AconnectError: As the operation.
        """
        if self._keep is not None:
            return sum([len(page) async for page in self.pages()])
        async with aclosing(self._single().pages()) as pages:
            async for page in pages:
                if page.total is not None:
                    return page.total
                break
        return sum([len(page) async for page in self.raw().pages()])

    def pages(self, token: str | None = None) -> AsyncGenerator[Page[T_co], None]:
        """Stream whole pages, from the start or after the page that `token` is from.

        Raises:
            ResumeError: The token is damaged, or belongs to another query or server, or items were
                removed since, so that its page begins at another item.
            AconnectError: As the operation, after the pages before the failure.
        """
        position = self._position(token) if token is not None else self._start
        return self._ahead(self._fetch(position))

    def chunks(self) -> AsyncGenerator[list[T_co], None]:
        """Stream the items of a list that is not paged while they arrive, in constant memory.

        Each list has the items that were completed by what was received, at least one. The response
        may be larger than `max_body`. The call counts as in flight until its end, and it is not
        repeated once items have arrived.

        Raises:
            InvalidArgumentError: The list is paged (use `pages`), or part of an object.
            TransportError: The connection broke halfway, after the items before.
            DecodeError: The response is damaged or not a list, after the items before the damage.
            AconnectError: As the operation.
        """
        if not isinstance(self._style, Unpaged):
            raise InvalidArgumentError(
                f"{self._request.operation} is not one array in one response; use pages(), which "
                "holds one page at a time"
            )
        return self._ahead(self._chunks())

    async def _chunks(self) -> AsyncGenerator[list[T_co], None]:
        from aconnect._client.streamed import stream_items  # noqa: PLC0415  few lists need it

        count = 0
        async with aclosing(stream_items(self._channel, self._request, self._item)) as parts:
            async for items in parts:
                count += len(items)
                kept = self._received(items)
                if kept:
                    yield kept
        self._notify(1, count)

    def _ahead(self, parts: AsyncGenerator[U, None]) -> AsyncGenerator[U, None]:
        return fetch_ahead(parts, self._prefetch) if self._prefetch else parts

    async def _first_items(self, count: int) -> AsyncGenerator[T_co, None]:
        if not count:
            return
        size = self._size
        if size is not None and self._keep is None:
            # All of one size: a numbered page begins where the pages before it end.
            size = math.ceil(count / math.ceil(count / size))
        pages = _until(count, self._with(size=size, prefetch=0).pages())
        async with aclosing(self._ahead(pages)) as taken:
            async for page in taken:
                for item in page.items[:count]:
                    yield item
                count -= len(page)

    async def _fetch(self, position: Position) -> AsyncGenerator[Page[T_co], None]:
        style, size = self._style, self._size or 0
        response_type, query = style.response_type(self._item), self._fingerprint()
        course = Course(self._request.operation, position, self._channel.redact)
        number = 0
        while True:
            controls = style.query(position, size)
            response = await self._channel.send(self._page_request(controls))
            page = self._parse(response, response_type, position, size)
            course.check(page)
            number += 1
            self._notify(number, len(page.items))
            if number == 1:
                self._log_warnings(page.warnings)
            items, total = self._received(page.items), page.total if self._keep is None else None
            yield Page(items, number, total, _token(query, page.next), page.warnings)
            if page.next is None:
                return
            position = page.next
            course.follow(position)

    def _received(self, items: list[Any]) -> list[Any]:
        """Bind the items, and leave out those that `where` does not keep."""
        if self._bind is not None and self._origin is not None:
            self._bind(items, self._origin)
        keep = self._keep
        return items if keep is None else [item for item in items if keep(item)]

    def _parse(
        self, response: Response, response_type: Any, position: Position, size: int
    ) -> PageResult:
        """Decode a page and find the next position."""
        call = f"{self._request.method} {self._channel.api_root}{self._request.path}"
        page = None
        if response.status != _NO_CONTENT:
            page = decoding.decode(response, response_type, call, self._channel.redact)
        elif not position:
            return PageResult([], None)
        try:
            return self._style.parse(page, position, size)
        except ValueError as error:
            raise DecodeError(
                f"{call}: the server {error}. Rows would be missing; start again, and if it "
                "happens again, report it to the server's administrator",
                body=response.body,
            ) from error

    def _page_request(self, controls: Mapping[str, object]) -> Request:
        extra = query_string(controls)
        if not extra:
            return self._request
        target = self._request.target
        joint = "&" if "?" in target else "?"
        return msgspec.structs.replace(self._request, target=f"{target}{joint}{extra}")

    def _notify(self, number: int, rows: int) -> None:
        self._channel.notify(
            lambda: PageFetched(operation=self._request.operation, number=number, rows=rows)
        )

    def _log_warnings(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            text = self._channel.redact(warning)
            logger.warning("the server warns about %s: %r", self._request.operation, text)

    def _fingerprint(self) -> str:
        request = self._request
        start = decoding.encode(self._start).decode() if self._start else ""
        return _digest(f"{self._channel.api_root} {request.method} {request.target}{start}")

    def _damaged(self, reason: str) -> ResumeError:
        return ResumeError(
            f"the resume token of {self._request.operation} is damaged: {reason}; use a page's "
            "`token` unchanged, or start from the beginning"
        )

    def _position(self, token: str) -> Position:
        try:
            decoded = msgspec.json.decode(token, type=_Token)
        except (ValueError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        if decoded.check != _checksum(decoded.query, decoded.at):
            raise self._damaged("it was changed")
        if decoded.query != self._fingerprint():
            raise ResumeError(
                f"the resume token belongs to another query or server than this "
                f"{self._request.operation}; build the query with the same arguments"
            )
        return decoded.at


async def _until(count: int, pages: AsyncGenerator[Page[T], None]) -> AsyncGenerator[Page[T], None]:
    """Yield pages until they have this many items; no later one is requested."""
    async with aclosing(pages):
        async for page in pages:
            yield page
            count -= len(page)
            if count <= 0:
                return


def described(keep: Callable[..., Any] | None) -> str:
    """Return a description of a filter, the same in every process; empty without one."""
    if keep is None:
        return ""
    if isinstance(keep, Struct):
        return msgspec.json.encode(keep, order="sorted", enc_hook=repr).decode()
    return str(getattr(keep, "__qualname__", type(keep).__qualname__))


def _raw_filter(item: Any, keep: Callable[[Any], bool]) -> Callable[[Raw], bool]:
    """Return what decides about an item as it was received; one that cannot be decoded is kept."""
    decode = decoding.decoder_for(item)

    def keep_raw(raw: Raw) -> bool:
        try:
            return keep(decode(bytes(raw)))
        except ValueError:
            return True

    return keep_raw


async def fetch_ahead(items: AsyncGenerator[T, None], most: int) -> AsyncGenerator[T, None]:
    """Yield the same items, with up to `most` of them fetched while the consumer works.

    A plain task and not a task group, because a generator must not be suspended inside one; the
    task ends with the generator, however that ends.
    """
    ready: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
    slots = asyncio.Semaphore(most)

    async def work() -> None:
        try:
            await slots.acquire()
            async for item in items:
                ready.put_nowait(item)
                await slots.acquire()
        finally:
            await items.aclose()

    def ended(worker: asyncio.Task[None]) -> None:
        # However it ended, even if it was cancelled by somebody else: the consumer waits for it.
        if worker.cancelled():
            ready.put_nowait(asyncio.CancelledError("fetching ahead was cancelled"))
        else:
            ready.put_nowait(worker.exception())

    worker = asyncio.create_task(work(), name="aconnect prefetch")
    worker.add_done_callback(ended)
    try:
        while (item := await ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            slots.release()
            yield item
            check_loop(worker.get_loop(), _STREAM)
    finally:
        # Not `await worker`: its cancellation would be mistaken for our own.
        await cancel_all({worker})


def _token(query: str, position: Position | None) -> str | None:
    if position is None:
        return None
    token = _Token(query=query, at=position, check=_checksum(query, position))
    return decoding.encode(token).decode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _checksum(query: str, position: Position) -> str:
    return _digest(query + decoding.encode(position).decode())
