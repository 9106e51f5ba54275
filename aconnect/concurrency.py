"""Concurrent calls on many items: bounded, ordered or as completed, tolerant of failures.

The client enforces the server's limits; these helpers bound the work around the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sized,
)
from contextlib import aclosing
from importlib.util import find_spec
from typing import Any, Generic, Literal, Protocol, TypeVar, cast, overload

import anyio
from msgspec import Struct

from aconnect._client.lazy import LazySequence, cancel_all, check_loop
from aconnect._core.arguments import no_text
from aconnect.errors import InvalidArgumentError

I = TypeVar("I")  # noqa: E741  the item's type, beside T for the result's
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Y = TypeVar("Y")

__all__ = ["LazySequence", "Outcome", "Progress", "TaskLike", "amap", "results", "run"]

Progress = Callable[[int, int | None], None]
"""Called with the number of completed items, and the total if known."""

# How many results can wait for an earlier slow item, per item in flight.
_WINDOW = 4


class Outcome(Struct, Generic[I, T], frozen=True):
    """The outcome of one item: a value or an error."""

    item: I
    value: T | None = None
    error: Exception | asyncio.CancelledError | None = None
    """A `CancelledError` if the item's own work was cancelled, not the caller."""

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.error is None

    def __repr__(self) -> str:
        result = f"value={self.value!r}" if self.ok else f"error={self.error!r}"
        return f"{type(self).__name__}(item={self.item!r}, {result})"


@overload
def amap(
    func: Callable[[I], Awaitable[T]],
    items: Iterable[I] | AsyncIterable[I],
    *,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["raise"] = ...,
    progress: Progress | None = ...,
    pairs: Literal[False] = ...,
) -> LazySequence[T]: ...


@overload
def amap(
    func: Callable[[I], Awaitable[T]],
    items: Iterable[I] | AsyncIterable[I],
    *,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["raise"] = ...,
    progress: Progress | None = ...,
    pairs: Literal[True],
) -> LazySequence[tuple[I, T]]: ...


@overload
def amap(
    func: Callable[[I], Awaitable[T]],
    items: Iterable[I] | AsyncIterable[I],
    *,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["collect"],
    progress: Progress | None = ...,
    pairs: Literal[False] = ...,
) -> LazySequence[Outcome[I, T]]: ...


def amap(
    func: Callable[[I], Awaitable[T]],
    items: Iterable[I] | AsyncIterable[I],
    *,
    limit: int = 16,
    ordered: bool = True,
    errors: Literal["raise", "collect"] = "raise",
    progress: Progress | None = None,
    pairs: bool = False,
) -> LazySequence[T] | LazySequence[tuple[I, T]] | LazySequence[Outcome[I, T]]:
    """Call a coroutine function on every item, up to `limit` at once.

    Results are in the order of the items, or as completed with `ordered=False`. A failure is raised
    and stops the rest; with `errors="collect"`, every item returns an `Outcome`. A call whose own
    work was cancelled has failed. Items are consumed one by one, so they can be infinite. With
    `pairs=True`, each result is a tuple of the item and its value; an `Outcome` has its item.

    Raises:
        InvalidArgumentError: An argument is invalid; raised at once.
        Exception: The first failure of a call, unless errors are collected, or a failure of the
        items.
    """
    no_text("items", items)
    if limit < 1:
        raise InvalidArgumentError(f"amap() got limit={limit}; pass 1 or more")
    if errors not in {"raise", "collect"}:
        raise InvalidArgumentError(f"errors must be 'raise' or 'collect', not {errors!r}")
    if pairs and errors == "collect":
        raise InvalidArgumentError(
            "an Outcome has its item already: pass pairs=True or errors='collect', not both"
        )

    def outcomes() -> AsyncGenerator[Outcome[I, T], None]:
        return _outcomes(func, items, limit, ordered, errors == "raise", progress)

    async def values() -> AsyncGenerator[T, None]:
        async with aclosing(outcomes()) as stream:
            async for outcome in stream:
                yield cast("T", outcome.value)

    async def with_items() -> AsyncGenerator[tuple[I, T], None]:
        async with aclosing(outcomes()) as stream:
            async for outcome in stream:
                yield outcome.item, cast("T", outcome.value)

    if errors == "collect":
        return LazySequence(outcomes)
    return LazySequence(with_items) if pairs else LazySequence(values)


class _Run(Generic[I, T]):
    """One pass over the items, with workers and a consumer of their outcomes.

    Plain tasks and not a task group, because a generator must not be suspended inside one.
    """

    def __init__(
        self,
        func: Callable[[I], Awaitable[T]],
        items: Iterable[I] | AsyncIterable[I],
        limit: int,
    ) -> None:
        self._func = func
        self._source = _numbered(items)
        self._turn = asyncio.Lock()
        self._places = asyncio.Semaphore(limit * _WINDOW)
        self._done: asyncio.Queue[tuple[int, Outcome[I, T]] | BaseException | None] = (
            asyncio.Queue()
        )
        self._workers = [
            asyncio.create_task(self._work(), name=f"amap {number}") for number in range(limit)
        ]
        self._running = limit
        for worker in self._workers:
            worker.add_done_callback(self._ended)

    async def _work(self) -> None:
        worker = cast("asyncio.Task[None]", asyncio.current_task())
        while not worker.cancelling():
            await self._places.acquire()
            async with self._turn:
                try:
                    number, item = await anext(self._source)
                except StopAsyncIteration:
                    return
            try:
                outcome: Outcome[I, T] = Outcome(item, value=await self._func(item))
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  of this item
                outcome = Outcome(item, error=error)
            if not worker.cancelling():
                self._done.put_nowait((number, outcome))
        # The worker itself was cancelled, and the call may have suppressed that.
        raise asyncio.CancelledError

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._running -= 1
        if worker.cancelled():
            # Not cancelled by us, or this would not be read.
            self._done.put_nowait(asyncio.CancelledError("a worker of amap() was cancelled"))
        elif (error := worker.exception()) is not None:
            self._done.put_nowait(error)
        elif not self._running:
            self._done.put_nowait(None)

    async def completed(self) -> AsyncGenerator[tuple[int, Outcome[I, T]], None]:
        """Yield numbers and outcomes as they complete; the workers end with it."""
        try:
            while (news := await self._done.get()) is not None:
                if isinstance(news, BaseException):
                    raise news
                yield news
        finally:
            try:
                await cancel_all(self._workers)
            finally:
                # In another loop, they have not ended yet, and their loop closes it after them.
                if all(worker.done() for worker in self._workers):
                    await self._source.aclose()

    def taken(self) -> None:
        """Start another item: the consumer has taken one outcome."""
        self._places.release()


async def _outcomes(
    func: Callable[[I], Awaitable[T]],
    items: Iterable[I] | AsyncIterable[I],
    limit: int,
    ordered: bool,
    stop_at_error: bool,
    progress: Progress | None,
) -> AsyncGenerator[Outcome[I, T], None]:
    # A lazy sequence has a length only to refuse it.
    is_lazy = isinstance(items, LazySequence)
    total = len(items) if isinstance(items, Sized) and not is_lazy else None
    run_, loop = _Run(func, items, limit), asyncio.get_running_loop()
    waiting: dict[int, Outcome[I, T]] = {}
    finished = given = 0
    async with aclosing(run_.completed()) as completed:
        async for number, outcome in completed:
            if outcome.error is not None and stop_at_error:
                if isinstance(outcome.error, asyncio.CancelledError):
                    # The caller was not cancelled, so say what was.
                    raise asyncio.CancelledError("an item's call was cancelled") from outcome.error
                raise outcome.error
            finished += 1
            if progress is not None:
                progress(finished, total)
            waiting[number if ordered else given] = outcome
            while given in waiting:
                run_.taken()
                yield waiting.pop(given)
                check_loop(loop, "the stream of results")
                given += 1


async def _numbered(
    items: Iterable[I] | AsyncIterable[I],
) -> AsyncGenerator[tuple[int, I], None]:
    number = 0
    if isinstance(items, AsyncIterable):
        iterator = aiter(items)
        try:
            async for item in iterator:
                yield number, item
                number += 1
        finally:
            if isinstance(iterator, AsyncGenerator):
                await cast("AsyncGenerator[I, None]", iterator).aclose()
    else:
        for item in items:
            yield number, item
            number += 1


class TaskLike(Protocol[T_co]):
    """What `results` waits for, such as an `aconnect.connect.Task`."""

    @property
    def id(self) -> str:
        """The id of the task on the server."""
        ...

    @property
    def scope(self) -> Mapping[str, Any]:
        """The path arguments of the call that started it, such as the `guid` of the content."""
        ...

    def result(self, timeout: float | None = None) -> Coroutine[Any, Any, T_co]:
        """Wait for the end and return the result."""
        ...


@overload
def results(
    tasks: Iterable[TaskLike[T]],
    *,
    timeout: float | None = ...,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["raise"] = ...,
    progress: Progress | None = ...,
    pairs: Literal[False] = ...,
) -> LazySequence[T]: ...


@overload
def results(
    tasks: Iterable[TaskLike[T]],
    *,
    timeout: float | None = ...,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["raise"] = ...,
    progress: Progress | None = ...,
    pairs: Literal[True],
) -> LazySequence[tuple[TaskLike[T], T]]: ...


@overload
def results(
    tasks: Iterable[TaskLike[T]],
    *,
    timeout: float | None = ...,
    limit: int = ...,
    ordered: bool = ...,
    errors: Literal["collect"],
    progress: Progress | None = ...,
    pairs: Literal[False] = ...,
) -> LazySequence[Outcome[TaskLike[T], T]]: ...


def results(
    tasks: Iterable[TaskLike[T]],
    *,
    timeout: float | None = None,
    limit: int = 64,
    ordered: bool = True,
    errors: Literal["raise", "collect"] = "raise",
    progress: Progress | None = None,
    pairs: bool = False,
) -> LazySequence[T] | LazySequence[tuple[TaskLike[T], T]] | LazySequence[Outcome[TaskLike[T], T]]:
    """Wait for many server tasks at once and return their results, like `amap`.

    The item of an `Outcome`, or of a pair, is the task. `timeout` is for each task, in seconds from
    its first poll; at most `limit` are followed at once.

    Raises:
        InvalidArgumentError: An argument is invalid; raised at once.
        TaskError: The first failure of a task, unless errors are collected.
    """
    known = list(no_text("tasks", tasks))

    def follow(task: TaskLike[T]) -> Coroutine[Any, Any, T]:
        return task.result(timeout)

    # What it returns for which arguments is declared above.
    all_of: Callable[..., Any] = amap
    return cast(
        "LazySequence[T]",
        all_of(
            *(follow, known),
            limit=limit,
            ordered=ordered,
            errors=errors,
            progress=progress,
            pairs=pairs,
        ),
    )


def run(main: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """Run a program's main coroutine function, on uvloop if it is installed."""
    fast = find_spec("uvloop") is not None
    return anyio.run(main, *args, backend="asyncio", backend_options={"use_uvloop": fast})
