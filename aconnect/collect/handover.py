"""Batches for `async for`: a sink whose rows go to the program, not to a file."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final

from aconnect.collect.batch import Batch
from aconnect.collect.sink import Checkpoint, Entries, Run, Written, update

_BATCHES: Final = 32
"""How many batches may wait for the program."""


class Handover:
    """Passes batches from the writer's thread to the event loop; keeps its state in memory."""

    replaces: bool = False
    is_transient: bool = True

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._batches: asyncio.Queue[Batch[Any] | BaseException | None] = asyncio.Queue()
        self._slots = threading.Semaphore(_BATCHES)
        self._closed = False
        self._entries: Entries = {}

    def open(self, run: Run) -> Entries:
        """Return what was committed."""
        return dict(self._entries)

    def write(self, unit: int, batch: Batch[Any]) -> None:
        """Pass a batch on; wait while too many are waiting."""
        if self._closed:
            return
        self._slots.acquire()
        if not self._closed:
            self._loop.call_soon_threadsafe(self._batches.put_nowait, batch)

    def commit(self, checkpoint: Checkpoint) -> None:
        """Keep the entries."""
        update(self._entries, checkpoint.entries)

    def finish(self) -> Written:
        """Return that nothing was written."""
        return Written(target="")

    def end(self, error: BaseException | None = None) -> None:
        """Tell the program that no more batches come, or why."""
        self._batches.put_nowait(error)

    def abandon(self) -> None:
        """Let the writer go on without a program that reads."""
        self._closed = True
        # For the one write that may be waiting.
        self._slots.release()

    async def next(self) -> Batch[Any] | None:
        """Return the next batch; None at the end.

        Raises:
            BaseException: What has ended the collection.
        """
        batch = await self._batches.get()
        if isinstance(batch, BaseException):
            raise batch
        if batch is not None:
            self._slots.release()
        return batch
