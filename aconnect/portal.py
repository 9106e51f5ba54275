"""An event loop in a thread, for synchronous code that uses asynchronous clients.

Decides how calls get into the loop and out of it, and what the end of the loop closes. Calls are
plain tasks. The cancel scopes of anyio's `BlockingPortal` would cancel them again at each `await`
of their clean-up, one `SystemExit` would end its loop, and who calls it while it is being closed
may wait for ever.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
)
from concurrent.futures import Future
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from inspect import isawaitable
from types import TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

from msgspec import Struct

from aconnect._client.hold import Hold
from aconnect._client.lazy import cancel_all
from aconnect._client.paged import Paged
from aconnect._core.arguments import wrong_kind
from aconnect._transport.session import sessions_of
from aconnect.concurrency import run
from aconnect.errors import ClientClosedError, EventLoopError

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["Portal"]

_EXIT_TIMEOUT: Final = 10.0
"""For how many seconds the end of the process waits for the end of the loop."""
_END: Final = object()


class Portal:
    """An event loop in a thread, for synchronous callers in any number of threads.

    ::

        portal = Portal()
        client = portal.enter_context(Client())
        items = portal.call(client.content.find, owner_guid=guid)

    The first call starts the loop; `close()`, `with` or the end of the process ends it. A caller
    waits in its own thread. If an event loop runs there, as in a notebook, the call blocks that
    loop: where you can, `await` a client of that loop instead. A process that is forked after the
    first call needs a portal of its own.
    """

    def __init__(self) -> None:
        self._thread = _LoopThread()
        weakref.finalize(self, self._thread.stop).atexit = False

    def __repr__(self) -> str:
        return f"<aconnect.Portal {self._thread.state}>"

    def call(self, func: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in the event loop, and return its result, awaited if it is awaitable.

        The function sees the context variables of the caller. If the caller is interrupted, for
        example by Ctrl-C, the call is cancelled.

        Raises:
            EventLoopError: This is a function of the portal's own loop, or a forked process.
            ClientClosedError: The portal was closed before or during the call.
            InvalidArgumentError: This is no function, but what one returned.
            Exception: What the function raises.
        """
        if not callable(cast("object", func)):
            wanted = "portal.call() takes a function and its arguments, as in call(client.me)"
            raise wrong_kind(wanted, func)
        return cast("T", self._thread.call(_awaited, func, args, kwargs))

    def iterate(self, items: AsyncIterable[T], /) -> Generator[T, None, None]:
        """Iterate over an asynchronous iterable, such as what `find` returns.

        Items are requested when they are needed; those of a query page by page. If you stop early,
        an asynchronous generator is closed.

        Raises:
            EventLoopError: As in `call`.
            ClientClosedError: The portal was closed before the end.
            InvalidArgumentError: This is no asynchronous iterable.
            Exception: What the iterable raises.
        """
        if not isinstance(cast("object", items), AsyncIterable):
            wanted = "portal.iterate() takes what `async for` takes, such as client.users.find()"
            raise wrong_kind(wanted, items)
        if isinstance(items, Paged):
            # A call for each page: one for each item would take longer than the requests.
            for page in self.iterate(items.pages()):
                yield from page.items
            return
        with self._held(_iterating(items)) as (stream, hold):
            while (item := self._thread.call(hold.call, _next, stream)) is not _END:
                yield cast("T", item)

    @contextmanager
    def context(
        self, manager: AbstractAsyncContextManager[T, bool | None], /
    ) -> Generator[T, None, None]:
        """Use an asynchronous context manager in a `with` statement.

        Raises:
            EventLoopError: As in `call`.
            ClientClosedError: The portal was closed.
            InvalidArgumentError: This is no asynchronous context manager.
            Exception: What the context manager raises.
        """
        with self._held(manager) as (value, _):
            yield value

    def enter_context(self, manager: AbstractAsyncContextManager[T, bool | None], /) -> T:
        """Enter an asynchronous context manager, such as a client, and return its value.

        It is exited when the portal is closed: the last one that was entered first, after all calls
        in flight have been cancelled.

        Raises:
            EventLoopError: As in `call`.
            ClientClosedError: The portal was closed.
            InvalidArgumentError: This is no asynchronous context manager.
            Exception: What the context manager raises.
        """
        return cast("T", self._thread.call(self._thread.enter, manager, []))

    def close(self) -> None:
        """Cancel the calls in flight, exit what was entered, and close all connections.

        Returns when that is done. Closing it again has no effect, nor has it in a forked process.

        Raises:
            EventLoopError: This is a function of the portal's own loop.
            Exception: What a context manager raises when it is exited.
        """
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _held(
        self, manager: AbstractAsyncContextManager[T, bool | None]
    ) -> Generator[tuple[T, Hold[T]], None, None]:
        """Enter a context manager, and exit it with the error of the block."""
        # Known also if an interruption comes between the end of the call and its return.
        holds = list[Hold[T]]()
        try:
            value = self._thread.call(self._thread.enter, manager, holds)
            yield cast("T", value), holds[0]
        except BaseException as error:
            if not self._thread.leave(holds, error):
                raise
        else:
            self._thread.leave(holds, None)


class _Call:
    """A call, which whoever waits for it may cancel whenever an interruption comes."""

    def __init__(self) -> None:
        self.future: Future[Any] | None = None
        """None before it was submitted to the loop."""
        self.tasks = list[asyncio.Task[Any]]()
        """The task that makes it, once that has begun."""


class _Raised(Struct, frozen=True):
    """What ends a program; a task that raised it would end the loop instead."""

    error: BaseException


class _LoopThread:
    """A thread that runs an event loop; it does not refer to its portal, which ends it."""

    def __init__(self) -> None:
        # Reentrant: while it is held, the garbage collector may close what `iterate` returned.
        self._lock = threading.RLock()
        self._process: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._closed = False
        self._is_exiting = False
        self._error: Exception | None = None
        self._calls = set[asyncio.Task[Any]]()
        self._holds = dict[Hold[Any], None]()

    @property
    def state(self) -> str:
        """What a portal shows of it."""
        return "closed" if self._closed else "open" if self._thread else "not started"

    def call(self, func: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run a coroutine function in the loop, and wait for its result."""
        self._refuse_own_loop()
        return cast("T", self._result(_Call(), func, *args))

    def leave(self, holds: list[Hold[Any]], error: BaseException | None) -> bool:
        """Exit a context manager, if it was entered; return True if it suppresses the error."""
        call = _Call()
        try:
            if self._is_here():
                # The garbage collector closes iterators in any thread, where nobody must wait.
                self._submit(call, self._leave, holds, error)
                return False
            return bool(self._result(call, self._leave, holds, error))
        except (ClientClosedError, EventLoopError):
            if call.future is None:
                return False  # Closing has exited it, or it is that of another process.
            raise
        except BaseException:
            if call.future is None:
                # Interrupted before that; to exit it twice has no effect.
                self._submit(_Call(), self._leave, holds, error)
            raise

    def close(self) -> None:
        """End the loop and wait for its end."""
        if not self._is_forked():
            self._refuse_own_loop()
            self.stop()
            self._join(None)

    def stop(self) -> None:
        """Begin to end the loop."""
        if self._is_forked():
            return
        with self._lock:
            if not self._closed and self._thread is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
            self._closed = True

    def _finish(self) -> None:
        """End the loop at the end of the process, which must not hang."""
        if not self._is_forked():
            self._is_exiting = True
            self.stop()
            self._join(_EXIT_TIMEOUT)

    def _join(self, seconds: float | None) -> None:
        if self._thread is not None:
            self._thread.join(seconds)
            error, self._error = self._error, None
            if error is not None:
                raise error

    def _is_forked(self) -> bool:
        return self._process not in {None, os.getpid()}

    def _is_here(self) -> bool:
        return self._thread is threading.current_thread()

    def _refuse_own_loop(self) -> None:
        if self._is_here():
            raise EventLoopError(
                "a portal cannot be used in its own event loop, which would wait for itself: write "
                "`await` in front of the call instead of passing it to the portal"
            )

    def _result(
        self, call: _Call, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> Any:
        """Make a call and wait for its result; if this is interrupted, cancel it and wait."""
        try:
            result = self._submit(call, func, *args).result()
        except BaseException:
            if call.future is None or not call.future.done():
                # Closing cancels it as well. Another interruption ends the wait for its clean-up.
                with suppress(ClientClosedError, EventLoopError):
                    self._submit(_Call(), cancel_all, call.tasks).result()
            raise
        if isinstance(result, _Raised):
            raise result.error
        return result

    def _submit(
        self, call: _Call, func: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> Future[Any]:
        # Before the lock, which a fork may have copied while another thread held it.
        if self._is_forked():
            raise EventLoopError(
                "the portal was first used before this process was forked, and its thread exists "
                "only in the other process; create the portal and its clients after the fork"
            )
        self._process = os.getpid()
        with self._lock:
            if self._closed:
                raise ClientClosedError("the portal is closed; create another one")
            if self._thread is None:
                self._start()
            # The loop ends after what is submitted before that.
            work = self._work(call.tasks, func, args)
            call.future = asyncio.run_coroutine_threadsafe(work, self._loop)
            return call.future

    def _start(self) -> None:
        started = Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]()
        # The process would wait for another kind of thread before it calls `_finish`.
        thread = threading.Thread(
            target=self._run, args=(started,), name="aconnect portal", daemon=True
        )
        thread.start()
        self._loop, self._stopping = started.result()
        self._thread = thread
        atexit.register(self._finish)

    def _run(self, started: Future[Any]) -> None:
        try:
            run(self._main, started)
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            elif not self._is_exiting:
                raise
            # At the end of the process, the loop cannot start the thread that waits for those of
            # its executor, which have ended already.
        finally:
            atexit.unregister(self._finish)

    async def _main(self, started: Future[Any]) -> None:
        stopping = asyncio.Event()
        started.set_result((asyncio.get_running_loop(), stopping))
        await stopping.wait()
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(_close_sessions)
                # All that were submitted: their tasks have begun in the turns before.
                await cancel_all(list(self._calls))
                for hold in self._holds:
                    stack.push_async_callback(hold.leave, None)
        except Exception as error:  # noqa: BLE001  raised by `close`
            self._error = error

    async def _work(
        self,
        tasks: list[asyncio.Task[Any]],
        func: Callable[..., Coroutine[Any, Any, T]],
        args: tuple[Any, ...],
    ) -> T | _Raised:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        tasks.append(task)
        self._calls.add(task)
        try:
            return await func(*args)
        except asyncio.CancelledError as error:
            if self._closed:
                raise ClientClosedError("the portal was closed during the call") from error
            raise
        except (KeyboardInterrupt, SystemExit) as error:
            return _Raised(error)
        finally:
            self._calls.discard(task)

    async def enter(
        self, manager: AbstractAsyncContextManager[T, bool | None], holds: list[Hold[T]]
    ) -> T:
        """Enter a context manager, and exit it at the latest when the loop ends."""
        hold = Hold(manager)
        holds.append(hold)
        self._holds[hold] = None
        try:
            return await hold.enter()
        except BaseException:
            await self._leave(holds, None)
            raise

    async def _leave(self, holds: list[Hold[Any]], error: BaseException | None) -> bool:
        # Closing the portal does not cancel it, but waits for it.
        self._calls.discard(cast("asyncio.Task[Any]", asyncio.current_task()))
        suppressed = False
        while holds:
            hold = holds.pop()
            try:
                suppressed = await hold.leave(error)
            finally:
                self._holds.pop(hold, None)
        return suppressed


async def _awaited(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    value = func(*args, **kwargs)
    return await value if isawaitable(value) else value


@asynccontextmanager
async def _iterating(items: AsyncIterable[T]) -> AsyncGenerator[AsyncIterator[T], None]:
    stream = aiter(items)
    try:
        yield stream
    finally:
        if isinstance(stream, AsyncGenerator):
            await cast("AsyncGenerator[T, None]", stream).aclose()


async def _next(stream: AsyncIterator[T]) -> T | object:
    # With a default, `anext` of Python 3.11 crashes if `__anext__` is no coroutine function.
    try:
        return await anext(stream)
    except StopAsyncIteration:
        return _END


async def _close_sessions() -> None:
    """Close the connections of clients that nobody has closed."""
    for session in sessions_of(asyncio.get_running_loop()):
        await session.close()
