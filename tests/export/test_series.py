"""Time windows: every event is in exactly one of adjacent windows."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.export import KINDS, Window, collect, select
from aconnect.export.series import Within
from aconnect.testing import FakeConnect, Seed

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=7)


def row(time, content="c"):
    return msgspec.Raw(msgspec.json.encode({"x": [1], "time": time, "content_guid": content}))


def within(order=None, contents=None):
    window = Window(from_=BEGIN, to=BEGIN + timedelta(days=1))
    return Within(window=window, time="time", order=order, contents=contents)


@pytest.mark.parametrize(
    ("time", "kept"),
    [
        ("2025-01-01T00:00:00Z", True),
        ("2024-12-31T23:59:59.999999999Z", False),
        ("2025-01-01T23:59:59.999999999Z", True),
        ("2025-01-02T00:00:00Z", False),
        ("2025-01-02T01:00:00.1+01:00", False),
        ("2025-01-01T23:00:00-01:00", False),
        ("2025-01-02T00:30:00+01:00", True),
        ("0001-01-01T00:00:00Z", False),
        ("2006-01-02T15:04:05Z07:00", True),
        ("2025-01-05T00:00:00", True),
        (None, True),
        (17, True),
    ],
)
def test_edges(time, kept):
    """The start is inclusive and the end exclusive; rows with invalid times are kept."""
    assert bool(within()([row(time)])) is kept


@given(st.lists(st.integers(-30, 30), max_size=12), st.integers(-25, 25), st.integers(1, 20))
def test_ordered_pages(hours, start, length):
    """Checking only the ends of an ordered page keeps the same rows as checking all."""
    begin = BEGIN + timedelta(hours=start)
    window = Window(from_=begin, to=begin + timedelta(hours=length))
    for order in ("ascending", "descending"):
        times = sorted(hours, reverse=order == "descending")
        page = [row((BEGIN + timedelta(hours=h)).isoformat()) for h in times]
        fast = Within(window=window, time="time", order=order)(page)
        slow = Within(window=window, time="time")(page)
        assert [bytes(r) for r in fast or ()] == [bytes(r) for r in slow or ()]


@pytest.mark.parametrize(("order", "days"), [("ascending", 3), ("descending", -3)])
def test_beyond(order, days):
    """An ordered page after the window ends the collection."""
    assert within(order)([row((BEGIN + timedelta(days=days)).isoformat())]) is None
    assert within(order)([row((BEGIN - timedelta(days=days)).isoformat())]) == []
    assert within(order)([]) == []


def test_contents():
    """Rows of other content are omitted, even if the server sends them."""
    rows = [row("2025-01-01T01:00:00Z", c) for c in ("a", "b", None)]
    assert within(contents=frozenset({"a"}))(rows) == rows[:1]


@pytest.mark.parametrize(
    ("from_", "to"),
    [(BEGIN, BEGIN), (BEGIN + STEP, BEGIN), (datetime(2025, 1, 1), None)],  # noqa: DTZ001
)
def test_impossible_windows(from_, to):
    """An empty window and a time without a time zone are refused."""
    with pytest.raises(InvalidArgumentError):
        Window(from_=from_, to=to)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["2026.03.0", "2025.06.0", "2023.09.0"])
async def test_partition(kind, version, tmp_path):
    """Adjacent windows, split at and between events, contain every event exactly once."""
    if kind == "hits" and version < "2025.04":
        pytest.skip("these servers have no hits")
    seed = Seed(visits=60, shiny_usage=60, audit_logs=60, hits=60, burst=3, old_rows=0)
    cuts = [None, BEGIN, BEGIN + 3 * STEP, BEGIN + 5.5 * STEP, BEGIN + 19 * STEP, None]
    async with (
        FakeConnect(seed, version=version) as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        rows = []
        for i, (from_, to) in enumerate(pairwise(cuts)):
            selected = await select(client, kind, Window(from_=from_, to=to))
            path = tmp_path / str(i)
            await collect(
                selected.paged.page_size(7) if kind != "hits" else selected.paged,
                path,
                keep=selected.keep,
            )
            rows += path.read_bytes().splitlines()
        everything = await select(client, kind)
        assert sorted(rows) == sorted([bytes(r) async for r in everything.paged.raw()])
        assert len(rows) == 60


async def test_old_audit_logs_stop_early(tmp_path):
    """If the server cannot search audit logs, reading stops at the start of the window."""
    async with (
        FakeConnect(Seed(audit_logs=5000), version="2023.09.0") as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        window = Window(from_=BEGIN + 4900 * STEP, to=BEGIN + 4950 * STEP)
        selected = await select(client, "audit-logs", window)
        done = await collect(selected.paged, tmp_path / "a", keep=selected.keep)
        assert done.rows == 50
        assert server.count("GET", "/v1/audit_logs") <= 4


async def test_hits_of_some_content(tmp_path):
    """Hits of one item are collected even from servers that cannot filter them."""
    async with (
        FakeConnect(Seed(hits=60), version="2025.06.0") as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        guid = next(iter(server.state.content))
        selected = await select(client, "hits", content_guid=[guid])
        done = await collect(selected.paged, tmp_path / "a", keep=selected.keep)
        lines = (tmp_path / "a").read_bytes().splitlines()
        assert 0 < done.rows < 60
        assert {msgspec.json.decode(line)["content_guid"] for line in lines} == {guid}
        with pytest.raises(InvalidArgumentError, match="cannot be filtered by content"):
            await select(client, "audit-logs", content_guid=[guid])
        with pytest.raises(InvalidArgumentError, match="would match everything"):
            await select(client, "hits", content_guid=[])
