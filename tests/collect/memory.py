"""A server of events in memory, and sinks in memory that can crash, for laws of collection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from msgspec import Raw

from aconnect import Page
from aconnect.collect import Batch, Checkpoint, Entries, Run, Written
from aconnect.collect.collector import Collector, Job
from aconnect.collect.dataset import Dataset
from aconnect.collect.options import Options
from aconnect.collect.progress import RunReport
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.both_ends import BothEnds
from aconnect.collect.strategies.by_time import ByTime
from aconnect.collect.strategies.search import Search
from aconnect.connect.instrumentation import ContentVisit
from aconnect.errors import ConnectionLostError
from aconnect.testing import VirtualClock

NOW = datetime(2026, 3, 1, tzinfo=UTC)

EVENTS = Dataset(
    name="visits", row_type=ContentVisit, time_field="time", identity=("time", "user_guid")
)


@dataclass
class Event:
    """A row of the server: its time in nanoseconds since 1970, and how it is written."""

    nanoseconds: int
    text: str
    number: int
    user_guid: str = "u"
    id: str | None = None
    ended: int | None = None
    """In nanoseconds; None while a session lasts."""

    def raw(self) -> Raw:
        row: dict[str, Any] = {"time": self.text, "user_guid": self.user_guid, "n": self.number}
        if self.id is not None:
            row["id"] = self.id
        return Raw(json.dumps(row).encode())


def numbers(rows: Sequence[bytes]) -> list[int]:
    """Return the numbers of rows, sorted."""
    return sorted(json.loads(row)["n"] for row in rows)


class Query:
    """The pages of a query, like `Paged`."""

    def __init__(self, server: Server, events: list[Event], size: int = 0) -> None:
        self._server = server
        self._events = events
        self._size = size or server.page_size

    def raw(self) -> Query:
        return self

    def page_size(self, size: int) -> Query:
        return Query(self._server, self._events, size)

    async def first(self) -> Raw | None:
        return self._events[0].raw() if self._events else None

    async def total(self) -> int:
        await self._server.answer()
        return len(self._events)

    async def pages(self, token: str | None = None) -> AsyncIterator[Page[Raw]]:
        start = int(token or 0)
        while True:
            await self._server.answer()
            rows = [event.raw() for event in self._events[start : start + self._size]]
            start += len(rows)
            ended = start >= len(self._events)
            total = len(self._events) if self._server.counts else None
            yield Page(rows, 1, total, None if ended else str(start))
            if ended:
                return


@dataclass
class Server:
    """Events that a server sorts by time, with answers that arrive in any order."""

    events: list[Event]
    page_size: int = 3
    random: Random = field(default_factory=Random)
    counts: bool = False
    failures: float = 0.0
    """The share of requests that fail for good."""
    requests: int = 0
    now: datetime = NOW

    async def reached(self, requests: int) -> None:
        """Wait until so many requests were made."""
        while self.requests < requests:  # noqa: ASYNC110  the number is the condition
            await asyncio.sleep(0)

    async def answer(self) -> None:
        self.requests += 1
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        if self.random.random() < self.failures:
            raise ConnectionLostError("the connection was lost")

    def ask(self, from_: int | None, to: int | None) -> Query:
        """Return the events of a window; both ends are inclusive, as on the real server."""
        events = [
            event
            for event in self.events
            if (from_ is None or event.nanoseconds >= from_ * 1000)
            and (to is None or event.nanoseconds <= to * 1000)
        ]
        return Query(self, sorted(events, key=lambda event: event.nanoseconds))

    def log(self, *, ascending: bool) -> Query:
        """Return all events from one end."""
        events = sorted(self.events, key=lambda event: event.nanoseconds)
        return Query(self, events if ascending else events[::-1])

    # What a collector needs of a client.

    api_root = "http://127.0.0.1/__api__"
    clock = VirtualClock()

    refusals = 0
    seconds_held_back = 0.0

    async def request(self, *_: Any) -> Any:
        @dataclass
        class Response:
            headers: dict[str, str]

        return Response({"Date": format_datetime(self.now, usegmt=True)})

    def strategy(self, kind: str, options: Options) -> Strategy:
        if kind == "both ends":
            return BothEnds(self.log, "time", options)
        first = lambda: self.ask(None, None)  # noqa: E731
        if kind == "search":
            return Search(self.ask, "time", options, first=first)
        return ByTime(self.ask, "time", options, first=first)

    async def collect(self, sink: Any, kind: str = "windows", **keywords: Any) -> RunReport:
        options = Options(**{"page_size": None, "settle": timedelta(0), **keywords})

        async def choose(_: str | None) -> Strategy:
            return self.strategy(kind, options)

        client: Any = self
        job = Job(client=client, dataset=EVENTS, options=options, choose=choose)
        return await Collector(job, sink).run()


class CrashError(Exception):
    """The end of a process."""


class MemorySink:
    """A sink whose rows and checkpoint are durable after a commit, and that can crash."""

    def __init__(self, *, replaces: bool = False) -> None:
        self.replaces = replaces
        self.rows: list[bytes] = []
        self.entries: Entries = {}
        self.finished = 0
        self.commits = 0
        self.lost_before: set[int] = set()
        """The numbers of commits that fail before anything is durable."""
        self.lost_after: set[int] = set()
        """The numbers of commits whose success is not seen."""
        self._written: list[bytes] = []

    def open(self, run: Run) -> Entries:
        self._written = []
        if run.restart:
            self.rows, self.entries = [], {}
        return dict(self.entries)

    def write(self, unit: int, batch: Batch[Any]) -> None:
        self._written += [bytes(row) for row in batch.raw]

    def commit(self, checkpoint: Checkpoint) -> None:
        self.commits += 1
        if self.commits in self.lost_before:
            raise OSError("nothing was written")
        self.rows += self._written
        self._written = []
        for key, value in checkpoint.entries.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value
        if self.commits in self.lost_after:
            raise OSError("the answer was lost")

    def finish(self) -> Written:
        self.finished += 1
        return Written(target="memory")
