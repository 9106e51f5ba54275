"""Windows and filters against a server: each event is in exactly one of adjoining windows."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from aconnect import Client, collect
from aconnect.collect.datasets import collection_of
from aconnect.errors import InvalidArgumentError
from aconnect.testing import FakeConnect, Seed, VirtualClock, faults

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=7)
EVENTS = ["visits", "shiny_usage", "hits", "audit_logs"]


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    seed = Seed(visits=1530, shiny_usage=530, audit_logs=530, hits=530, old_rows=0)
    async with FakeConnect(seed) as running:
        yield running


@pytest.fixture
async def client(server: FakeConnect) -> AsyncIterator[Client]:
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as opened:
        yield opened


async def rows_of(collection):
    """Return the raw rows of a collection."""
    return [bytes(row) async for batch in collection for row in batch.raw]


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("version", ["2026.03.0", "2025.06.0", "2023.09.0"])
async def test_partition(name, version):
    """Adjacent windows, split at and between events, contain every event exactly once."""
    if name == "hits" and version < "2025.04":
        pytest.skip("these servers have no hits")
    seed = Seed(visits=60, shiny_usage=60, audit_logs=60, hits=60, burst=3, old_rows=0)
    cuts = [None, BEGIN, BEGIN + 3 * STEP, BEGIN + 5.5 * STEP, BEGIN + 19 * STEP, None]
    async with (
        FakeConnect(seed, version=version) as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        rows = []
        for from_, to in pairwise(cuts):
            rows += await rows_of(collection_of(client, name, from_=from_, to=to, page_size=7))
        assert sorted(rows) == sorted(await rows_of(collection_of(client, name)))
        assert len(rows) == 60


@pytest.mark.parametrize("hours", [None, 1, -1])
async def test_until(client, tmp_path, hours):
    """A window that is not over is complete up to the server's time less what must settle."""
    began = datetime.now(UTC).replace(microsecond=0)
    to = None if hours is None else began + timedelta(hours=hours)
    settle = timedelta(seconds=60)
    collection = collect.visits(client, from_=BEGIN, to=to, settle=settle)
    report = await collection.to_jsonl(tmp_path / "a")
    assert report.is_over is (hours == -1)
    assert report.until is not None
    if hours == -1:
        assert report.until == to
    else:
        assert began - settle <= report.until <= datetime.now(UTC) - settle


async def test_until_of_a_resumed_collection(server, client, tmp_path):
    """An output that was resumed is complete up to the time at which its first run began."""
    on = "GET /v1/instrumentation/content/visits"
    server.script(*[faults.slow_headers(0)] * 2, faults.login_page(), on=on)
    collection = collect.visits(client, in_flight=1, settle=0)
    with pytest.raises(Exception, match="HTML page") as caught:
        await collection.to_jsonl(tmp_path / "a")
    assert caught.value.__notes__ == ["500 rows are kept; repeat it to resume."]
    stopped = datetime.now(UTC)
    report = await collection.to_jsonl(tmp_path / "a")
    assert report.until is not None
    assert (report.resumed, report.until < stopped) == (500, True)
    assert report.rows == 1530


@pytest.mark.parametrize("name", ["visits", "hits"])
async def test_another_spelling(server, client, tmp_path, name):
    """A collection resumes if its window or its content is written in another way."""
    guids = list(server.state.content)[:2]
    zone = timezone(timedelta(hours=5, minutes=30))
    to = BEGIN + 3000 * STEP
    await collection_of(client, name, from_=BEGIN, to=to, content_guid=guids).to_jsonl(
        tmp_path / "a"
    )
    again = collection_of(
        client,
        name,
        from_=BEGIN.astimezone(zone),
        to=to.astimezone(zone),
        content_guid=[f"{{{guids[1].upper()}}}", guids[0], guids[1]],
    )
    report = await again.to_jsonl(tmp_path / "a")
    assert (report.strategy, report.requests) == ("none", 0)


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        (BEGIN, BEGIN),
        (BEGIN + STEP, BEGIN),
        (datetime(2025, 1, 1), None),  # noqa: DTZ001
        (None, datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))),
    ],
)
def test_impossible_windows(client, from_, to):
    """An empty window, a time without a time zone and one after the year 9999 are refused."""
    with pytest.raises(InvalidArgumentError):
        collect.visits(client, from_=from_, to=to)


@pytest.mark.parametrize(
    "time", ["2025-01-01", "2025-01-01T00:00:00Z", 1735689600, date(2025, 1, 1)]
)
def test_windows_of_times_only(client, time):
    """The ends of a window are datetimes; the error for anything else says how to write one."""
    for window in ({"from_": time}, {"to": time}):
        with pytest.raises(InvalidArgumentError, match=r"is not a datetime; write, .*datetime\("):
            collect.visits(client, **window)


async def test_hits_of_some_content():
    """Hits of one item are collected even from servers that cannot filter them."""
    async with (
        FakeConnect(Seed(hits=60), version="2025.06.0") as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        guid = next(iter(server.state.content))
        hits = [hit async for batch in collect.hits(client, content_guid=[guid]) for hit in batch]
        assert 0 < len(hits) < 60
        assert {hit.content_guid for hit in hits} == {guid}
        with pytest.raises(InvalidArgumentError, match="would match everything"):
            collect.hits(client, content_guid=[])


async def test_unknown_options(client):
    """An option that does not exist is refused, with those that do."""
    unknown: Any = {"form": BEGIN}
    with pytest.raises(
        TypeError, match=r"unexpected keyword arguments: form; there are from_, in_flight"
    ):
        collect.visits(client, **unknown)
