"""Jobs run anywhere, in any order, twice or not at all, and each row is written once."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from aconnect import Client, collect
from aconnect.collect import Collection, RunReport, distributed, publishing, writing
from aconnect.collect.distributed import Job, ManifestEntry, commit, distribute, plan
from aconnect.collect.engines import SUFFIX
from aconnect.collect.options import Options
from aconnect.collect.sinks.lines import JsonLines
from aconnect.collect.strategies import Strategy, Tally
from aconnect.collect.strategies.slices import Slices
from aconnect.errors import (
    AconnectError,
    FileError,
    InvalidArgumentError,
    ResumeError,
    WorkerError,
)
from aconnect.testing import FakeConnect, Seed
from tests.collect.memory import EVENTS, NOW, CrashError, Event, MemorySink, Server, numbers

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


FATES = ["run", "run", "run", "twice", "lost", "file lost", "damaged"]


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


@pytest.mark.timeout(400)
@settings(max_examples=40)
@given(
    found=events(),
    kind=st.sampled_from(["windows", "search", "slices"]),
    in_flight=st.integers(1, 9),
    slots=st.integers(1, 5),
    pages=st.integers(1, 4),
    seed=st.integers(),
    lost=st.tuples(*[st.lists(st.integers(1, 30), max_size=3)] * 2),
    crashes=st.lists(st.integers(1, 30), max_size=6),
)
async def test_rows_come_once_whatever_becomes_of_jobs(
    found: list[Event],
    kind: str,
    in_flight: int,
    slots: int,
    pages: int,
    seed: int,
    lost: tuple[list[int], list[int]],
    crashes: list[int],
) -> None:
    """Each event is written once, and no file is left.

    Jobs run in any order, twice, or their results are lost; drivers are killed, and commits fail.
    """
    random = Random(seed)
    server = Server(found, 3, random, counts=kind == "search", failures=0.02)
    sink = MemorySink()
    sink.lost_before, sink.lost_after = map(set, lost)
    entries: list[ManifestEntry] = []
    with tempfile.TemporaryDirectory() as staging, pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "COMMIT_SECONDS", 0.0)
        where: Any = {"server": "prod", "staging": staging, "slots": slots, "pages": pages}
        for crash in crashes:
            killed = collection_of(
                server, kind, in_flight=in_flight, on_progress=_crash_after(crash)
            )
            with suppress(CrashError, AconnectError):
                for job in _shuffled(await plan(killed, sink, **where), random):
                    entries += await play(random.choice(FATES), job, server, staging)
                await commit(killed, sink, _shuffled(entries, random), **where)
        server.failures, sink.lost_before, sink.lost_after = 0.0, set(), set()
        whole = collection_of(server, kind, in_flight=in_flight)
        jobs = await plan(whole, sink, **where)
        while jobs:
            entries += [await carry_out(job, server) for job in jobs]
            jobs = await commit(whole, sink, _shuffled(entries, random), **where)
        assert numbers(sink.rows) == sorted(event.number for event in found)
        assert not attempts(staging)
        assert await commit(whole, sink, entries, **where) == []
        assert len(sink.rows) == len(found)


def _shuffled(values: Sequence[Any], random: Random) -> list[Any]:
    return random.sample(values, len(values))


def _crash_after(pages: int) -> Any:
    left = [pages]

    def count(_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise CrashError

    return count


class Inline:
    """An engine that runs jobs in this process, and has bad luck with some."""

    def __init__(self, server: Server, staging: str, slots: int, *, luck: float = 1.0) -> None:
        self.slots = slots
        self.running = self.most = 0
        self.jobs: list[Job] = []
        self.pushbacks: set[int] = set()
        """The numbers of jobs to which the server pushes back."""
        self._server = server
        self._staging = staging
        self._luck = luck

    async def run(self, job: Job) -> ManifestEntry:
        self.jobs.append(job)
        number = len(self.jobs)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            is_lost = self._server.random.random() >= self._luck
            # The fourth attempt would be the last one.
            is_lost = is_lost and sum(one.id == job.id for one in self.jobs) < 4
            fate = "file lost" if is_lost else "run"
            entry = (await play(fate, job, self._server, self._staging))[0]
        finally:
            self.running -= 1
        if number in self.pushbacks:
            tally = msgspec.structs.replace(entry.tally, pushbacks=1)
            return msgspec.structs.replace(entry, tally=tally)
        return entry


@settings(max_examples=60)
@given(
    found=events(),
    late=events(),
    kind=st.sampled_from(["windows", "slices"]),
    slots=st.integers(1, 4),
    seed=st.integers(),
)
async def test_what_is_new_is_added_once(
    found: list[Event], late: list[Event], kind: str, slots: int, seed: int
) -> None:
    """A run with an engine that continues another one adds what is new, and what came late."""
    for event in late:
        event.number += 1000
        # In the overlap of the first run, or after it.
        event.nanoseconds += int((NOW - timedelta(minutes=30)).timestamp() - START) * 10**9
        moment = datetime.fromtimestamp(event.nanoseconds // 10**9, UTC)
        event.text = f"{moment:%Y-%m-%dT%H:%M:%S}.{event.nanoseconds % 10**9:09}Z"
        event.user_guid = str(event.number)
    server = Server(found, 3, Random(seed))
    sink = MemorySink()
    with tempfile.TemporaryDirectory() as staging:
        engine = Inline(server, staging, slots, luck=0.9)
        for events_now, now in ((found, NOW), (found + late, NOW + timedelta(days=60))):
            server.events, server.now = events_now, now
            whole = collection_of(server, kind, since_last=True)
            await distribute(whole, engine, server="prod", staging=staging, pages=20).into(sink)
        assert not attempts(staging)
    assert numbers(sink.rows) == sorted(event.number for event in found + late)


def dense(number: int) -> list[Event]:
    times = [(START + 3600 * i) * 10**9 for i in range(number)]
    return [
        Event(n, f"{datetime.fromtimestamp(n // 10**9, UTC):%Y-%m-%dT%H:%M:%SZ}", i)
        for i, n in enumerate(times)
    ]


async def test_jobs_share_the_limits_of_the_run(tmp_path: Path) -> None:
    """Each job may make its share of the requests, and fewer jobs run after pushback."""
    server = Server(dense(1000), 3)
    engine = Inline(server, str(tmp_path), slots=4)
    engine.pushbacks = {1, 2, 3}
    whole = collection_of(server, "windows", in_flight=10, max_rate=20.0)
    sharing = distribute(whole, engine, server="prod", staging=str(tmp_path), pages=20)
    report = await sharing.into(MemorySink())
    assert {(job.limit, job.rate) for job in engine.jobs} == {(2, 5.0)}
    assert engine.most <= 4
    assert len(engine.jobs) > 16
    assert all(job.pages == 20 for job in engine.jobs)
    assert report.rows == 1000
    assert report.pushbacks == 3
    assert report.requests >= 1000 // 3
    assert "jobs of up to 20 pages" in report.reason
    halved = Inline(server, str(tmp_path), slots=4)
    halved.pushbacks = set(range(1, 10_000))
    await distribute(whole, halved, server="prod", staging=str(tmp_path), pages=5).into(
        MemorySink()
    )
    # Four were running when the first of them was refused.
    assert halved.most == 4


async def test_a_job_that_fails_for_good_ends_the_run(tmp_path: Path) -> None:
    """After some attempts the run fails with the job and the reason; another run continues."""
    server, sink = Server(dense(300), 3), MemorySink()
    engine = Inline(server, str(tmp_path), slots=3)
    good = engine.run

    async def run(job: Job) -> ManifestEntry:
        if job.unit.id == 1:
            while len(engine.jobs) < 10:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            raise WorkerError("no disk")
        return await good(job)

    engine.run = run  # type: ignore[method-assign]
    whole = collection_of(server, "windows")
    where: Any = {"server": "prod", "staging": str(tmp_path)}
    with pytest.raises(WorkerError, match=r"job visits-\w+-1-\w+ failed 4 times: no disk; .* run"):
        await distribute(whole, engine, **where).into(sink)
    engine.run = good  # type: ignore[method-assign]
    before = len(engine.jobs)
    report = await distribute(whole, engine, **where).into(sink)
    assert report.resumed
    assert len(engine.jobs) > before
    assert numbers(sink.rows) == list(range(300))


async def test_one_machine_can_finish_what_several_began(tmp_path: Path) -> None:
    """A run whose jobs are left can be continued without an engine."""
    server, sink = Server(dense(300), 3), MemorySink()
    whole = collection_of(server, "windows")
    where: Any = {"server": "prod", "staging": str(tmp_path), "pages": 10}
    jobs = await plan(whole, sink, **where)
    entry = await carry_out(jobs[0], server)
    assert entry.rest
    assert await commit(whole, sink, [entry], **where)
    report = await whole.into(sink)
    assert report.resumed == entry.rows
    assert numbers(sink.rows) == list(range(300))


async def test_planning_again_returns_the_same_jobs(tmp_path: Path) -> None:
    """A plan can be repeated; jobs are plain JSON, and a commit without a plan does nothing."""
    server, sink = Server(dense(300), 3), MemorySink()
    whole = collection_of(server, "windows")
    where: Any = {"server": "prod", "staging": str(tmp_path)}
    assert await commit(whole, sink, [], **where) == []
    assert not sink.entries
    jobs = await plan(whole, sink, **where)
    assert len(jobs) == 16
    assert await plan(whole, sink, **where) == jobs
    assert await commit(whole, sink, [], **where) == jobs
    assert json.loads(msgspec.json.encode(jobs[0]))["server"] == "prod"
    with pytest.raises(ResumeError, match="unfinished run"):
        await commit(collection_of(server, "windows", to=NOW), sink, [], **where)


async def test_a_restart_takes_no_files_of_before(tmp_path: Path) -> None:
    """A run that is started again reads everything again, whatever jobs have read before."""
    server, sink = Server(dense(300), 3), MemorySink()
    where: Any = {"server": "prod", "staging": str(tmp_path)}
    old = await plan(collection_of(server, "windows", to=NOW), sink, **where)
    entries = [await carry_out(job, server) for job in old]
    again = collection_of(server, "windows", to=NOW, restart=True)
    jobs = await plan(again, sink, **where)
    assert jobs == old
    assert await commit(again, sink, entries, **where) == jobs
    entries += [await carry_out(job, server) for job in jobs]
    assert await commit(again, sink, entries, **where) == []
    assert numbers(sink.rows) == list(range(300))


async def test_what_cannot_be_divided(tmp_path: Path) -> None:
    """A log that is read from both ends is refused by a plan, and read by the driver itself.

    Rows in order are refused.
    """
    server = Server(dense(30), 3)
    for event in server.events:
        event.id = str(event.number)
    whole = collection_of(server, "both ends")
    where: Any = {"server": "prod", "staging": str(tmp_path)}
    with pytest.raises(InvalidArgumentError, match=r"cannot be divided .* on one machine"):
        await plan(whole, MemorySink(), **where)
    engine, sink = Inline(server, str(tmp_path), 2), MemorySink()
    report = await distribute(whole, engine, **where).into(sink)
    assert not engine.jobs
    assert "cannot be divided" in " ".join(report.notes)
    assert numbers(sink.rows) == list(range(30))
    with pytest.raises(InvalidArgumentError, match="ordered"):
        distribute(collection_of(server, "windows", ordered=True), engine, **where)


def test_entries_name_files_of_their_jobs() -> None:
    """An entry cannot name a file outside of the staging folder, or of another job."""
    for name in ("../x.attempt", "y.1.attempt", "x.1.parquet", "/x.1.attempt"):
        with pytest.raises(InvalidArgumentError, match="not the file of an attempt"):
            ManifestEntry(job="x", file=name, size=1, rows=1, tally=Tally())
    ManifestEntry(job="x", file=f"x.1{SUFFIX}", size=1, rows=1, tally=Tally())


@pytest.fixture
async def real(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeConnect]:
    """A simulated server that this machine knows as `prod`."""
    seed = Seed(
        visits=6200, shiny_usage=6200, audit_logs=6200, hits=6200, burst=3, open_sessions=0.05
    )
    async with FakeConnect(seed) as server:
        monkeypatch.setenv("ACONNECT_SERVER_PROD", server.url)
        monkeypatch.setenv("ACONNECT_SERVER_PROD_API_KEY", server.api_key)
        yield server


def dataset(client: Client, name: str, **keywords: Any) -> Collection[Any]:
    if name == "hits":  # of an open beginning, one response has everything
        keywords["from_"] = datetime(2025, 1, 1, tzinfo=UTC)
    collection: Collection[Any] = getattr(collect, name)(
        client, to=datetime(2025, 1, 4, tzinfo=UTC), **keywords
    )
    return collection


@pytest.mark.parametrize("name", ["visits", "shiny_usage", "audit_logs", "hits"])
async def test_jobs_collect_what_one_machine_collects(
    real: FakeConnect, name: str, tmp_path: Path
) -> None:
    """Each dataset of events, planned, run and committed, has the rows of an ordinary run."""
    async with distributed.server_named("prod").client() as client:
        path, expected = tmp_path / "jobs.jsonl", tmp_path / "expected.jsonl"
        await dataset(client, name).to_jsonl(expected)
        whole, reports = dataset(client, name), list[RunReport]()
        staging = str(tmp_path / "staging")
        where: Any = {"server": "prod", "staging": staging, "pages": 3}
        jobs = await plan(whole, JsonLines(path), **where)
        seen = list(jobs)
        while jobs:
            assert real.api_key not in msgspec.json.encode(jobs).decode()
            entries = [await asyncio.to_thread(distributed.run_job, job) for job in jobs]
            jobs = await commit(whole, JsonLines(path), entries, **where, on_report=reports.append)
            seen += jobs
    rows = sorted(path.read_bytes().splitlines())
    assert rows == sorted(expected.read_bytes().splitlines())
    assert len({job.id for job in seen}) == len(seen) > 2
    assert reports[0].rows == len(rows)
    assert not attempts(staging)


async def test_a_job_asks_only_the_server_that_the_machine_knows(
    real: FakeConnect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without the address or the key, or with another address, makes no request."""
    async with distributed.server_named("prod").client() as client:
        where: Any = {"server": "prod", "staging": str(tmp_path / "staging")}
        (job, *_) = await plan(dataset(client, "visits"), JsonLines(tmp_path / "v.jsonl"), **where)
    before = len(real.requests)
    elsewhere = msgspec.structs.replace(job, address="https://elsewhere.example.com/__api__")
    with pytest.raises(InvalidArgumentError, match=r"elsewhere.* knows it as http"):
        await asyncio.to_thread(distributed.run_job, elsewhere)
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.delenv("ACONNECT_SERVER_PROD_API_KEY")
    with pytest.raises(
        InvalidArgumentError, match=r"no key .* 'prod'.* ACONNECT_SERVER_PROD_API_K"
    ):
        await asyncio.to_thread(distributed.run_job, job)
    monkeypatch.delenv("ACONNECT_SERVER_PROD")
    with pytest.raises(InvalidArgumentError, match=r"does not know .* ACONNECT_SERVER_PROD to its"):
        await asyncio.to_thread(distributed.run_job, job)
    assert len(real.requests) == before
    with pytest.raises(InvalidArgumentError, match="no alias"):
        distributed.server_named("prod-api-key")


@pytest.mark.usefixtures("real")
async def test_an_attempt_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A job whose requests fail raises their error; one that cannot write, a file error."""
    staging = tmp_path / "staging"
    async with distributed.server_named("prod").client() as client:
        where: Any = {"server": "prod", "staging": str(staging)}
        (job, *_) = await plan(dataset(client, "visits"), JsonLines(tmp_path / "v.jsonl"), **where)
    foreign = msgspec.structs.replace(job.unit, token="nonsense")
    with pytest.raises(ResumeError):
        await asyncio.to_thread(distributed.run_job, msgspec.structs.replace(job, unit=foreign))
    assert not attempts(str(staging))
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(FileError, match="cannot write to the staging folder"):
        await asyncio.to_thread(
            distributed.run_job, msgspec.structs.replace(job, staging=str(blocked / "x"))
        )


@pytest.mark.usefixtures("real")
async def test_attempts_in_an_object_store(tmp_path: Path) -> None:
    """The staging folder may be a URL, which machines need not share as a folder."""
    pytest.importorskip("fsspec")
    name = tmp_path.name
    async with distributed.server_named("prod").client() as client:
        whole, path = dataset(client, "visits"), tmp_path / "visits.jsonl"
        where: Any = {"server": "prod", "staging": f"memory://{name}/staging", "pages": 3}
        jobs = await plan(whole, JsonLines(path), **where)
        while jobs:
            entries = [await asyncio.to_thread(distributed.run_job, job) for job in jobs]
            jobs = await commit(whole, JsonLines(path), entries, **where)
    assert len(path.read_bytes().splitlines()) == 6200
    assert publishing.open_destination(f"memory://{name}").find("") == []
