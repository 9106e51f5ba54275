"""The lazy sequence: what every `find` returns, whether or not the server pages it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, TypeVar

from aconnect._core.completion import Completed
from aconnect._core.text import of_another_loop
from aconnect.errors import EventLoopError, InvalidArgumentError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class LazySequence(Completed, Generic[T_co]):
    """Items to come: `await` it for a list of all, or use `async for` to stream them.

    No request is made before that, and each iteration restarts. A stream that is left early stops
    the work behind it; use `contextlib.aclosing` to stop it at once.
    """

    __slots__ = ("_item", "_make")
    _inner: ClassVar[Collection[str]] = ("item_type",)

    def __init__(
        self, make: Callable[[], AsyncGenerator[T_co, None]], item_type: Any = None
    ) -> None:
        self._make = make
        self._item = item_type

    @property
    def item_type(self) -> Any:
        """The type of the items, or a union of several; None if it is not known."""
        return self._item

    def __await__(self) -> Generator[Any, None, list[T_co]]:
        return self._all().__await__()

    async def _all(self) -> list[T_co]:
        async with aclosing(self._stream()) as items:
            return [item async for item in items]

    def __aiter__(self) -> AsyncGenerator[T_co, None]:  # noqa: PYI058  `aclosing` takes it
        return self._stream()

    if not TYPE_CHECKING:
        # Type checkers report these uses themselves, as long as nothing is declared.
        def _refuse(self, *_: object) -> NoReturn:
            raise TypeError(
                f"{self!r} has no items before it is awaited: use `async for`, or `await` it for a "
                "list, in parentheses before an index: `(await ...)[0]`"
            )

        __iter__ = __getitem__ = __len__ = __contains__ = _refuse

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def _stream(self) -> AsyncGenerator[T_co, None]:
        return self._make()

    async def first(self) -> T_co | None:
        """Return the first item, or None.

        Raises:
            AconnectError: As the operations that list the items.
        """
        async with aclosing(self._stream()) as items:
            async for item in items:
                return item
        return None

    async def total(self) -> int:
        """Return the number of items.

        Raises:
            AconnectError: As the operations that list the items.
        """
        async with aclosing(self._stream()) as items:
            return sum([1 async for _ in items])

    def take(self, count: int) -> LazySequence[T_co]:
        """Return the first items only, at most this many; no more pages are requested for them.

        Raises:
            InvalidArgumentError: The number is negative.
        """
        if count < 0:
            raise InvalidArgumentError(f"cannot take {count} items; pass 0 or more")
        return LazySequence(lambda: self._first_items(count), self._item)

    async def _first_items(self, count: int) -> AsyncGenerator[T_co, None]:
        if not count:
            return
        async with aclosing(self._stream()) as items:
            async for item in items:
                yield item
                count -= 1
                if not count:
                    return


async def first_match(items: LazySequence[T], fields: Mapping[str, object]) -> T | None:
    """Return the first item whose attributes have these values, or None.

    Later items are not requested. Raise AttributeError if items have no such attribute.
    """
    async with aclosing(aiter(items)) as stream:
        async for item in stream:
            if all(getattr(item, name) == value for name, value in fields.items()):
                return item
    return None


def check_loop(loop: asyncio.AbstractEventLoop, what: str) -> None:
    """Raise EventLoopError unless this is the running event loop.

    Futures and tasks that another loop uses must not be touched: nobody might ever be woken up.
    """
    if asyncio.get_running_loop() is not loop:
        raise EventLoopError(of_another_loop(what, "in which it began"))


async def cancel_all(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end; in another event loop than theirs, do not wait."""
    running = asyncio.get_running_loop()
    for task in tasks:
        loop = task.get_loop()
        if loop is running:
            task.cancel()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)
    await wait_for_end([task for task in tasks if task.get_loop() is running])


async def wait_for_end(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Wait until tasks have ended, even if this one is cancelled (again) meanwhile."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(pending)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
