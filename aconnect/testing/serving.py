"""Runs a simulated server until a signal arrives.

Decides how signals stop the server. Parsing arguments and printing output is left to the callers.
"""

import asyncio
import signal
from collections.abc import Callable

from aconnect.testing.connect.progress import BuildScript
from aconnect.testing.connect.server import FakeConnect
from aconnect.testing.connect.state import Seed


async def serve(
    seed: Seed | None = None,
    *,
    version: str | None = "2026.06.0",
    prefix: str = "",
    nodes: int = 1,
    host: str = "127.0.0.1",
    port: int = 0,
    record: bool = False,
    page_cache: int = 2100,
    seconds_per_line: float = 0.0,
    ready: Callable[[FakeConnect], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; call `ready` once the server accepts requests."""
    server = FakeConnect(
        seed,
        version=version,
        prefix=prefix,
        nodes=nodes,
        record=record,
        host=host,
        port=port,
        page_cache=page_cache,
    )
    server.state.build_script = BuildScript(seconds_per_line=seconds_per_line)
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
