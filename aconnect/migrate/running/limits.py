"""What runs at the same time: calls are bounded by the clients, transfers and builds here.

A build takes the destination's processors for minutes. The first one for a version of R or Python
runs without others of that version: it installs packages that they share.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from aconnect.errors import InvalidArgumentError


class Limits:
    """The bounds of one migration."""

    def __init__(self, *, calls: int, transfers: int, builds: int) -> None:
        if min(calls, transfers, builds) < 1:
            raise InvalidArgumentError(
                f"got calls={calls}, transfers={transfers} and builds={builds}; pass 1 or more"
            )
        self.items: int = calls
        """How many items are worked on at the same time; each makes one call after the other."""
        self.transfers: asyncio.Semaphore = asyncio.Semaphore(transfers)
        self._builds = asyncio.Semaphore(builds)
        self._first = dict[str, asyncio.Lock]()
        self._proven = set[str]()

    @asynccontextmanager
    async def build(self, versions: Collection[str]) -> AsyncGenerator[None]:
        """Hold a place for a build that uses these versions, such as `R 4.3.1`."""
        async with AsyncExitStack() as stack:
            # In one order, so that two builds cannot wait for each other.
            for version in sorted(versions):
                lock = self._first.setdefault(version, asyncio.Lock())
                if version not in self._proven:
                    await lock.acquire()
                    if version in self._proven:
                        lock.release()
                    else:
                        stack.callback(lock.release)
            async with self._builds:
                yield
            # Only a build that succeeded has installed what the others need.
            self._proven.update(versions)
