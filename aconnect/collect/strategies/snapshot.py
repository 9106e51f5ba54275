"""The present state of a server, as a list of all its objects of one kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aconnect.collect.strategies import Fetched, Strategy
from aconnect.collect.units import Unit


class Snapshot(Strategy):
    """Reads one list; it cannot be continued, because it would be of two different times."""

    name = "snapshot"
    is_atomic = True

    def __init__(self, rows: Callable[[Strategy], AsyncGenerator[Fetched, None]]) -> None:
        super().__init__()
        self._rows = rows
        self._explain("the server lists what it has now")

    async def pages(self, unit: Unit) -> AsyncGenerator[Fetched, None]:
        """Yield the rows of the list."""
        async with aclosing(self._rows(self)) as pages:
            async for page in pages:
                yield page
        yield Fetched((), ended=True, requests=0)
