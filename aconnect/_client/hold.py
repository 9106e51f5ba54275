"""A context manager that is entered, used and exited by calls that come from different tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, TypeVar, cast

from aconnect._client.lazy import cancel_all, wait_for_end
from aconnect._core.arguments import wrong_kind

T = TypeVar("T")


class Hold(Generic[T]):
    """A task that enters a context manager, makes calls and exits it.

    Context managers and asynchronous generators must not change tasks in between: timeouts, cancel
    scopes and the tokens of context variables belong to one.
    """

    def __init__(self, manager: AbstractAsyncContextManager[T, bool | None]) -> None:
        if not isinstance(cast("object", manager), AbstractAsyncContextManager):
            wanted = "a portal enters what `async with` takes, such as viewers.client(headers)"
            raise wrong_kind(wanted, manager)
        self._manager = manager
        self._is_entered = False
        self._leaving = asyncio.Lock()
        self._calls = asyncio.Queue[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]]()
        self._running: asyncio.Future[Any] | None = None
        self._task = asyncio.create_task(self._serve(), name="aconnect portal context")

    async def enter(self) -> T:
        """Enter the context manager and return its value."""

        async def enter() -> T:
            value = await self._manager.__aenter__()
            self._is_entered = True
            return value

        return cast("T", await self.call(enter))

    async def leave(self, error: BaseException | None) -> bool:
        """Exit the context manager once, if it was entered; return True if it suppresses."""
        async with self._leaving:
            is_entered, self._is_entered = self._is_entered, False
            try:
                if not is_entered:
                    return False
                kind, trace = (None, None) if error is None else (type(error), error.__traceback__)
                return bool(await self.call(self._manager.__aexit__, kind, error, trace))
            finally:
                await cancel_all({self._task})

    async def call(self, func: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Await a function in this task; who cancels the caller cancels that."""
        reply = asyncio.get_running_loop().create_future()
        self._calls.put_nowait((partial(func, *args), reply))
        try:
            await asyncio.wait({reply})
        except asyncio.CancelledError:
            if self._running is reply:
                self._task.cancel()
            else:
                reply.cancel()
            await wait_for_end({reply})
            if not reply.cancelled():
                reply.exception()  # it is of no use any more
            raise
        return reply.result()

    async def _serve(self) -> None:
        while True:
            func, reply = await self._calls.get()
            if reply.done():
                continue
            self._running = reply
            try:
                reply.set_result(await func())
            except asyncio.CancelledError:
                reply.cancel()
            except BaseException as error:  # noqa: BLE001  raised where it was called
                reply.set_exception(error)
            finally:
                self._running = None
                while self._task.cancelling():
                    self._task.uncancel()
