"""Jobs run anywhere, in any order, twice or not at all, and each row is written once."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from aconnect.collect import Collection, distributed, writing
from aconnect.collect.distributed import Job, ManifestEntry, commit, distribute, plan
from aconnect.collect.engines import SUFFIX
from aconnect.collect.options import Options
from aconnect.collect.strategies import Strategy
from aconnect.collect.strategies.slices import Slices
from aconnect.errors import AconnectError, InvalidArgumentError, ResumeError, WorkerError
from tests.collect.memory import EVENTS, NOW, Crash, Event, MemorySink, Server, numbers

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Return events of some days, in bursts, and many at one time."""
    times: list[int] = []
    for _ in range(draw(st.integers(0, 4))):
        first = (START + draw(st.integers(0, 50 * DAY))) * 10**9
        step = draw(st.sampled_from([0, 1, 10**6, 10**9, 3600 * 10**9]))
        times += [first + step * i for i in range(draw(st.integers(1, 30)))]
    moments = [(n, datetime.fromtimestamp(n // 10**9, UTC)) for n in times]
    return [
        Event(n, f"{moment:%Y-%m-%dT%H:%M:%S}.{n % 10**9:09}Z", i)
        for i, (n, moment) in enumerate(moments)
    ]


class Chunks:
    """A response that is read as a stream, like that of hits."""

    def __init__(self, query: Any) -> None:
        self._query = query

    def raw(self) -> Chunks:
        return self

    async def chunks(self) -> Any:
        async for page in self._query.pages():
            yield page.items


def collection_of(server: Server, kind: str, **keywords: Any) -> Collection[Any]:
    """Return a collection of the events of a server in memory."""
    options = Options(**{"settle": timedelta(0), **keywords})

    async def choose(_: str | None) -> Strategy:
        if kind == "slices":
            return Slices(lambda lo, hi: Chunks(server.ask(lo, hi)), "time", options)
        return server.strategy(kind, options)

    client: Any = server
    return Collection(client, EVENTS, options, choose)


async def carry_out(job: Job, server: Server) -> ManifestEntry:
    """Carry out a job, which has travelled as text, on another machine."""
    job = msgspec.json.decode(msgspec.json.encode(job), type=Job)
    source = collection_of(
        server, job.strategy, in_flight=job.limit, max_rate=job.rate, page_size=job.page_size
    ).job
    entry = await distributed._read(job, source, await source.choose(job.strategy))
    return msgspec.json.decode(msgspec.json.encode(entry), type=ManifestEntry)


def attempts(staging: str) -> list[Path]:
    return [path for path in Path(staging).rglob("*") if path.is_file()]


kinds = st.sampled_from(["windows", "search", "slices"])
places = st.sampled_from(["run", "run", "run", "twice", "lost", "file lost", "damaged"])


async def play(fate: str, job: Job, server: Server, staging: str) -> list[ManifestEntry]:
    """Return the entries of a job that the driver gets to see."""
    if fate == "lost":
        return []
    try:
        entries = [await carry_out(job, server) for _ in range(1 + (fate == "twice"))]
    except AconnectError:
        return []
    path = Path(staging) / entries[0].file
    if fate == "file lost":
        path.unlink()
    elif fate == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    return entries


@settings(max_examples=150)
@given(
    found=events(),
    kind=kinds,
    in_flight=st.integers(1, 9),
    slots=st.integers(1, 5),
    pages=st.integers(1, 4),
    replaces=st.booleans(),
    seed=st.integers(),
    data=st.data(),
)
async def test_rows_come_once_whatever_becomes_of_jobs(
    found: list[Event],
    kind: str,
    in_flight: int,
    slots: int,
    pages: int,
    replaces: bool,  # noqa: FBT001
    seed: int,
    data: st.DataObject,
) -> None:
    """Jobs that run in any order, twice, or whose results are lost, and drivers that are killed or
    whose commits fail: each event is written once, and no file is left."""
    server = Server(found, 3, Random(seed), counts=kind == "search", failures=0.02)
    sink = MemorySink(replaces=replaces)
    sink.lost_before = set(data.draw(st.lists(st.integers(1, 30), max_size=3)))
    sink.lost_after = set(data.draw(st.lists(st.integers(1, 30), max_size=3)))
    with tempfile.TemporaryDirectory() as staging, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "COMMIT_SECONDS", 0.0)
        where: Any = {"server": "prod", "staging": staging, "slots": slots, "pages": pages}
        entries: list[ManifestEntry] = []
        for turn in range(60):
            calm = turn >= 8
            if calm:
                server.failures, sink.lost_before, sink.lost_after = 0.0, set(), set()
            crash = 10**9 if calm else data.draw(st.integers(1, 30))
            whole = collection_of(server, kind, in_flight=in_flight)
            killed = collection_of(
                server, kind, in_flight=in_flight, on_progress=_crash_after(crash)
            )
            try:
                jobs = await (
                    plan(killed, sink, **where)
                    if turn == 0 or not calm
                    else commit(whole, sink, entries, **where)
                )
                if calm and turn == 8:
                    jobs = await plan(whole, sink, **where)
                for job in data.draw(st.permutations(jobs)) if not calm else jobs:
                    fate = "run" if calm else data.draw(places)
                    entries += await play(fate, job, server, staging)
                if not calm:
                    server.random.shuffle(entries)
                    await commit(killed, sink, entries, **where)
            except (Crash, AconnectError):
                continue
            if calm and not jobs:
                break
        else:
            raise AssertionError("it does not end")
        assert numbers(sink.rows) == sorted(event.number for event in found)
        assert not attempts(staging)


def _crash_after(pages: int) -> Any:
    left = [pages]

    def count(_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise Crash

    return count
