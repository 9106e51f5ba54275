"""Runs a simulated server until a signal arrives.

Decides how signals stop the server. Parsing arguments and printing output is left to the callers.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import Any, TypeVar

from aconnect.testing.base import FakeServer

F = TypeVar("F", bound=FakeServer[Any])


async def serve(server: F, *, ready: Callable[[F], None] | None = None) -> None:
    """Run a server until SIGINT or SIGTERM; call `ready` once it accepts requests."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    handled: list[signal.Signals] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            continue  # On Windows or outside the main thread, the caller cancels the task.
        handled.append(number)
    try:
        async with server:
            if ready is not None:
                ready(server)
            await stop.wait()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
