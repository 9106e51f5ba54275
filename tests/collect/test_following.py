"""Following: what is new, again and again, also while the server is out of order."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aconnect import Client, collect
from aconnect.collect.sinks.lines import JsonLines, StandardOutput
from aconnect.errors import (
    AuthenticationError,
    CertificateError,
    FileError,
    InvalidArgumentError,
    ResumeError,
    ServerError,
    TransportError,
)
from aconnect.testing import FakeConnect, Seed, VirtualClock, faults

VISITS = "GET /v1/instrumentation/content/visits"
MINUTE = timedelta(minutes=1)


class ClockedConnect(FakeConnect):
    """A server whose clock is that of the test."""

    clock: VirtualClock

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.time(), UTC)

    def happens(self, number: int, ago: timedelta = timedelta(0)) -> None:
        """Add a visit."""
        self.state.visits.append({"id": f"{number}", "time": self.now() - ago})


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server(clock) -> AsyncIterator[ClockedConnect]:
    async with ClockedConnect(Seed(visits=30, old_rows=0)) as running:
        running.clock = clock
        yield running


@pytest.fixture
async def client(server, clock) -> AsyncIterator[Client]:
    async with Client(server.url, api_key=server.api_key, clock=clock) as opened:
        yield opened


class Enough(Exception):  # noqa: N818
    """Ends what would go on for ever."""


class Until:
    """A callback that ends after so many calls, and does something after each."""

    def __init__(self, count: int, then: Callable[[int], object] = lambda _: None) -> None:
        self.calls: list[Any] = []
        self._count = count
        self._then = then

    def __call__(self, value: object) -> None:
        self.calls.append(value)
        if len(self.calls) == self._count:
            raise Enough
        self._then(len(self.calls))


def ids_in(path):
    return sorted(int(json.loads(line)["id"]) for line in path.read_text().splitlines())


async def follow(client, sink, on_report, **more):
    with pytest.raises(Enough):
        await collect.visits(client).follow(MINUTE).into(sink, on_report=on_report, **more)


async def test_exactly_once_over_restarts(server, client, tmp_path):
    """Each event is written once, those that are recorded late and after a restart included."""
    path, numbers = tmp_path / "a.jsonl", iter(range(1000, 2000))

    def more(_):
        server.happens(next(numbers))
        server.happens(next(numbers), ago=5 * MINUTE)

    for _ in range(3):
        await follow(client, JsonLines(path), Until(4, more))
        more(0)
    await follow(client, JsonLines(path), Until(3))
    assert ids_in(path) == [*range(1, 31), *range(1000, next(numbers))]


async def test_intervals(client, clock, tmp_path):
    """A run begins after each interval, counted from the beginning of the last one."""
    times: list[float] = []
    await follow(client, JsonLines(tmp_path / "a"), Until(3, lambda _: times.append(clock.time())))
    assert times[1] - times[0] == pytest.approx(60)


@pytest.mark.parametrize("fault", [faults.reset(), faults.status(502)])
async def test_a_server_out_of_order(server, client, tmp_path, fault):
    """A server that cannot be reached, or fails, is asked again at the next interval."""
    path = tmp_path / "a.jsonl"

    def breaks(count):
        server.happens(1000 + count)
        server.outage = fault

    def repairs(_):
        server.outage = None

    failures = Until(9, repairs)
    await follow(client, JsonLines(path), Until(3, breaks), on_failure=failures)
    assert len(failures.calls) == 2
    assert all(isinstance(error, TransportError | ServerError) for error in failures.calls)
    assert 1001 in ids_in(path)


async def test_failures_are_logged(server, client, tmp_path, caplog):
    """Without a callback, a run that fails is logged."""
    server.script(*[faults.reset()] * 5, on=VISITS)
    with caplog.at_level(logging.WARNING, "aconnect"):
        await follow(client, JsonLines(tmp_path / "a"), Until(1))
    (record,) = [each for each in caplog.records if "trying again" in each.message]
    assert VISITS.partition(" ")[2] in record.message


@pytest.mark.parametrize("error", [AuthenticationError, CertificateError, ResumeError, FileError])
async def test_what_ends_it(server, client, tmp_path, monkeypatch, error):
    """What somebody has to change something for ends it."""
    sink = JsonLines(tmp_path / "a")
    if error is AuthenticationError:
        server.script(*[faults.error(401, 30)] * 9, on=VISITS)
    else:
        failing = error("no")
        monkeypatch.setattr(sink, "open", lambda _: (_ for _ in ()).throw(failing))
    with pytest.raises(error):
        await collect.visits(client).follow(MINUTE).into(sink)


async def test_batches_begin_now(server, client):
    """The program gets each event once, from the time on at which it starts."""
    server.happens(999, ago=MINUTE)
    batches: Any = aiter(collect.visits(client).follow(MINUTE))
    waiting = asyncio.ensure_future(anext(batches))
    while server.count("GET", "/server_settings") < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    server.happens(1000)
    assert [row.id for row in await waiting] == ["1000"]
    server.happens(1001)
    assert [row.id for row in await anext(batches)] == ["1001"]
    await batches.aclose()


@pytest.mark.parametrize("labels", [None, {"dataset": "visits"}])
async def test_standard_output(server, client, labels):
    """A stream gets each event once while the program runs, and may have labels."""
    stream = io.BytesIO()
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    following = collect.visits(client, from_=begin).follow(MINUTE)
    on_report = Until(4, lambda n: server.happens(1000 + n))
    with pytest.raises(Enough):
        await following.into(StandardOutput(stream, labels=labels), on_report=on_report)
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    if labels is not None:
        assert {tuple(row) for row in rows} == {("dataset", "row")}
        rows = [row["row"] for row in rows]
    assert sorted(int(row["id"]) for row in rows) == [*range(1, 31), 1001, 1002]


async def test_restart_is_for_the_first_run(client, tmp_path):
    """With `restart`, the first run discards what is there, and no other one."""
    path = tmp_path / "a.jsonl"
    await collect.visits(client).to_jsonl(path)
    following = collect.visits(client, restart=True).follow(MINUTE)
    reports = Until(3)
    with pytest.raises(Enough):
        await following.into(JsonLines(path), on_report=reports)
    assert [report.rows for report in reports.calls] == [30, 0, 0]


def test_what_cannot_be_followed(client):
    """A snapshot, a window with an end, and an interval of nothing are refused."""
    with pytest.raises(InvalidArgumentError, match="what the server has now"):
        collect.users(client).follow()
    with pytest.raises(InvalidArgumentError, match="leave to= out"):
        collect.visits(client, to=datetime(2030, 1, 1, tzinfo=UTC)).follow()
    with pytest.raises(InvalidArgumentError, match="every=0"):
        collect.visits(client).follow(0)
