"""Blocking work in threads that is waited for.

A thread does not stop when the task that waits for it is cancelled, and what it uses must not be
used by others meanwhile. So a cancelled task waits for it, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from aconnect._client.lazy import wait_for_end

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Call a blocking function in a worker thread; wait for its end also if cancelled."""
    # No task, such as that of `asyncio.to_thread`: the end of the loop cancels all tasks, and then
    # nobody would wait for the thread.
    loop = asyncio.get_running_loop()
    return await completed(loop.run_in_executor(None, partial(copy_context().run, work, *args)))


async def completed(future: asyncio.Future[T]) -> T:
    """Return the result of what runs in a thread; wait for its end also if cancelled."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await wait_for_end({future})
        if not future.cancelled():
            future.exception()  # it is of no use any more
        raise
