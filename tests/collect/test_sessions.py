"""Sessions that last, late events and servers that change, over real requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aconnect import Client, collect
from aconnect.testing import FakeConnect, Seed, VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(visits=0, shiny_usage=0, old_rows=0)) as running:
        set_time(running, START + timedelta(days=10))
        yield running


@pytest.fixture
async def client(server: FakeConnect) -> AsyncIterator[Client]:
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as opened:
        yield opened


def set_time(server: FakeConnect, moment: datetime) -> None:
    server.state.now = lambda: moment


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def start_sessions(server: FakeConnect, *started: datetime) -> None:
    """Start sessions of one user and one application."""
    fields = {"content_guid": "c", "user_guid": "u", "ended": None, "data_version": 1}
    server.state.shiny_usage.extend({**fields, "started": moment} for moment in started)


async def test_appended_sessions_wait_for_their_end(
    server: FakeConnect, client: Client, tmp_path: Path
) -> None:
    """A file that is appended to gets each session once, when it has ended."""
    path, series = tmp_path / "sessions.jsonl", server.state.shiny_usage
    start_sessions(server, START + HOUR, START + 2 * HOUR)
    series.end_sessions(START + 2 * HOUR, START + 3 * HOUR)
    report = await collect.shiny_usage(client, since_last=True).to_jsonl(path)
    assert [row["started"] for row in lines(path)] == ["2026-01-01T02:00:00Z"]
    assert any("had not ended" in note and note.endswith(": 1") for note in report.notes)

    set_time(server, START + timedelta(days=11))
    await collect.shiny_usage(client, since_last=True).to_jsonl(path)
    assert len(lines(path)) == 1
    series.end_sessions(START + HOUR, START + timedelta(days=11, hours=1))
    set_time(server, START + timedelta(days=12))
    for _ in range(2):
        await collect.shiny_usage(client, since_last=True).to_jsonl(path)
        assert Counter(str(row["started"]) for row in lines(path)) == {
            "2026-01-01T02:00:00Z": 1,
            "2026-01-01T01:00:00Z": 1,
        }


async def test_session_that_never_ends_is_written_after_a_time(
    server: FakeConnect, client: Client, tmp_path: Path
) -> None:
    """After `open_after`, a session is written as it is, and not asked for again."""
    path = tmp_path / "sessions.jsonl"
    start_sessions(server, START + HOUR)
    for day in (10, 31, 40):
        set_time(server, START + timedelta(days=day))
        await collect.shiny_usage(client, since_last=True).to_jsonl(path)
    set_time(server, START + timedelta(days=41))
    await collect.shiny_usage(client, since_last=True).to_jsonl(path)
    assert [row["ended"] for row in lines(path)] == [None]


@pytest.mark.parametrize("target", ["duckdb", "parquet"])
async def test_replaced_sessions_change_in_place(
    server: FakeConnect, client: Client, tmp_path: Path, target: str
) -> None:
    """A table has an open session at once, and its end once it has ended; equal ones stay two."""
    duckdb, series = pytest.importorskip("duckdb"), server.state.shiny_usage
    start_sessions(server, START + HOUR, START + HOUR, START + 2 * HOUR)

    async def collected() -> list[tuple[int, int, int]]:
        usage = collect.shiny_usage(client, since_last=True)
        if target == "duckdb":
            await usage.to_duckdb(tmp_path / "usage.duckdb")
            connection, table = duckdb.connect(str(tmp_path / "usage.duckdb")), "shiny_usage"
        else:
            await usage.to_parquet(tmp_path)
            connection = duckdb.connect()
            table = f"read_parquet('{tmp_path}/shiny_usage/**/*.parquet')"
        with connection:
            columns = "hour(started AT TIME ZONE 'UTC'), count(ended), count(*)"
            query = f"SELECT {columns} FROM {table} GROUP BY 1 ORDER BY 1"  # noqa: S608  ours
            found: list[tuple[int, int, int]] = connection.execute(query).fetchall()
        return found

    assert await collected() == [(1, 0, 2), (2, 0, 1)]
    series.end_sessions(START + 2 * HOUR, START + timedelta(days=10, hours=1))
    set_time(server, START + timedelta(days=11))
    assert await collected() == [(1, 0, 2), (2, 1, 1)]
    series.end_sessions(START + HOUR, START + timedelta(days=11, hours=1))
    set_time(server, START + timedelta(days=12))
    assert await collected() == [(1, 2, 2), (2, 1, 1)]


async def test_sessions_that_never_end_cost_few_requests(tmp_path: Path) -> None:
    """Sessions that overlap every later window are not fetched with every later window."""
    async with (
        FakeConnect(Seed(shiny_usage=20_000, open_sessions=0.05)) as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        report = await collect.shiny_usage(client).to_jsonl(tmp_path / "all.jsonl")
    assert len(lines(tmp_path / "all.jsonl")) == 20_000
    assert report.requests < 1.5 * 20_000 / 500


@pytest.mark.parametrize("late", [0, 3])
async def test_server_that_is_upgraded_between_two_runs(
    server: FakeConnect, client: Client, tmp_path: Path, late: int
) -> None:
    """Events that were written without an id are recognized when they are read with one."""
    path, visits = tmp_path / "visits.jsonl", server.state.visits
    server.upgrade("2023.09.0")
    end = START + timedelta(days=10)
    visits.add([end - timedelta(minutes=5 * i) for i in range(1, 21)] * 2)
    await collect.visits(client, since_last=True, overlap=2 * HOUR).to_jsonl(path)
    assert len(lines(path)) == 40
    assert not any("id" in row for row in lines(path))
    server.upgrade("2026.06.0")
    visits.add([end - timedelta(minutes=7)] * late)
    set_time(server, end + HOUR)
    await collect.visits(client, since_last=True, overlap=2 * HOUR).to_jsonl(path)
    assert len(lines(path)) == 40 + late


@pytest.mark.parametrize("open_after", [timedelta(0), timedelta(minutes=10)])
async def test_sessions_that_are_not_waited_for(
    server: FakeConnect, client: Client, tmp_path: Path, open_after: timedelta
) -> None:
    """A session that was written as it is, is not written again when it is read again."""
    path, now = tmp_path / "sessions.jsonl", START + timedelta(days=10)
    start_sessions(server, now - timedelta(minutes=20))
    for minutes in range(0, 40, 10):
        set_time(server, now + timedelta(minutes=minutes))
        usage = collect.shiny_usage(client, since_last=True, open_after=open_after)
        await usage.to_jsonl(path)
    assert len(lines(path)) == 1


async def test_session_of_a_closed_window_that_never_ends(
    server: FakeConnect, client: Client, tmp_path: Path
) -> None:
    """The age of a session is that on the server's clock, not at the end of the window."""
    path, to = tmp_path / "sessions.jsonl", START + timedelta(days=5)
    start_sessions(server, START + timedelta(days=4))
    for day, rows in ((6, 0), (40, 1), (50, 1)):
        set_time(server, START + timedelta(days=day))
        await collect.shiny_usage(client, from_=START, to=to).to_jsonl(path)
        assert len(lines(path)) == rows


@pytest.mark.parametrize("target", ["to_duckdb", "to_parquet"])
async def test_session_that_a_window_has_replaced(
    server: FakeConnect, client: Client, tmp_path: Path, target: str
) -> None:
    """A session whose end a window has read is not added once more by what continues."""
    duckdb = pytest.importorskip("duckdb")
    place = tmp_path / ("usage.duckdb" if target == "to_duckdb" else "usage")
    start_sessions(server, START + HOUR)

    async def collected(**options: Any) -> list[tuple[int]]:
        await getattr(collect.shiny_usage(client, **options), target)(place)
        source = f"'{place}/shiny_usage/**/*.parquet'" if place.is_dir() else "shiny_usage"
        with duckdb.connect(":memory:" if place.is_dir() else str(place)) as connection:
            query = f"SELECT count(*) FROM {source}"  # noqa: S608  ours
            rows: list[tuple[int]] = connection.execute(query).fetchall()
            return rows

    assert await collected(since_last=True) == [(1,)]
    server.state.shiny_usage.end_sessions(START + HOUR, START + timedelta(days=11))
    set_time(server, START + timedelta(days=12))
    assert await collected(from_=START, to=START + timedelta(days=2)) == [(1,)]
    assert await collected(since_last=True) == [(1,)]
