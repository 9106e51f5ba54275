"""Time windows: every event is in exactly one of adjacent windows."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.errors import DecodeError, InvalidArgumentError, ResumeError
from aconnect.export import KINDS, Window, collect, select
from aconnect.export.series import Within
from aconnect.testing import FakeConnect, Seed, faults

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
        ("0001-01-01T00:00:00Z", True),
        ("2006-01-02T15:04:05Z07:00", True),
        ("2025-01-05T00:00:00", True),
        (None, True),
        (17, True),
    ],
)
def test_edges(time, kept):
    """The start is inclusive and the end exclusive; rows with invalid or unset times are kept."""
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


@pytest.mark.parametrize(("order", "sign"), [("ascending", 1), ("descending", -1)])
@pytest.mark.parametrize("other", [timedelta(hours=1), None, "0001-01-01T00:00:00Z"])
def test_out_of_order(order, sign, other):
    """A row out of order, or one that cannot be judged, is kept and does not end the collection."""
    past = row((BEGIN + sign * timedelta(days=3)).isoformat())
    kept = row((BEGIN + other).isoformat() if isinstance(other, timedelta) else other)
    for page in ([past, kept], [past, kept, past], [past, past, kept]):
        assert within(order)(page) == [kept]
    assert within(order)([past, past]) is None


@pytest.mark.parametrize("kind", ["visits", "hits"])
async def test_another_spelling(server, client, tmp_path, kind):
    """A collection resumes if its window or its content is written in another way."""
    guids = list(server.state.content)[:2]
    zone = timezone(timedelta(hours=5, minutes=30))
    first = await select(
        client, kind, Window(from_=BEGIN, to=BEGIN + 500 * STEP), content_guid=guids
    )

    class StopError(Exception):
        pass

    def stop(_):
        raise StopError

    with pytest.raises(StopError):
        await collect(first.paged, tmp_path / "a", keep=first.keep, progress=stop)
    window = Window(from_=BEGIN.astimezone(zone), to=(BEGIN + 500 * STEP).astimezone(zone))
    again = await select(
        client, kind, window, content_guid=[f"{{{guids[1].upper()}}}", guids[0], guids[1]]
    )
    done = await collect(again.paged, tmp_path / "a", keep=again.keep)
    assert 0 < done.resumed <= done.rows


@pytest.mark.parametrize("hours", [None, 1, -1])
async def test_until(client, tmp_path, hours):
    """A window that is not over is complete up to the time when its collection began."""
    began = datetime.now(UTC)
    to = None if hours is None else began + timedelta(hours=hours)
    selected = await select(client, "visits", Window(from_=BEGIN, to=to))
    done = await collect(selected.paged, tmp_path / "a", keep=selected.keep)
    if hours == -1:
        assert done.until == to
    else:
        assert began <= done.until <= datetime.now(UTC)


async def test_until_of_a_resumed_collection(server, client, tmp_path):
    """A file that was resumed is complete up to the time when its first run began."""
    server.script(faults.slow_headers(0), faults.login_page())
    selected = await select(client, "visits", Window(from_=BEGIN))
    with pytest.raises(DecodeError):
        await collect(selected.paged, tmp_path / "a", keep=selected.keep)
    stopped = datetime.now(UTC)
    done = await collect(selected.paged, tmp_path / "a", keep=selected.keep)
    assert (done.resumed, done.until < stopped) == (500, True)


ROW = {"id": "9", "action": "user_login", "event_description": "", "user_description": ""}


@pytest.mark.parametrize("when", ["within a run", "between two runs"])
@pytest.mark.parametrize("change", [-1, 0, 1])
async def test_shifted_pages(server, client, tmp_path, when, change):
    """Pages by number are not continued after rows were deleted, which would lose others."""
    logs = server.state.audit_logs
    selected = await select(client, "audit-logs", Window(from_=BEGIN))
    paged = selected.paged.page_size(100)

    def alter(done=None):
        if done is None or done.pages == 2:
            logs.count += min(change, 0)
            if change > 0:
                logs.append({**ROW, "time": BEGIN + 600 * STEP})

    if when == "between two runs":
        server.script(*[faults.slow_headers(0)] * 2, faults.login_page())
        with pytest.raises(DecodeError):
            await collect(paged, tmp_path / "a", keep=selected.keep)
        alter()
        refused, progress = change != 0, None
    else:
        refused, progress = change < 0, alter
    if refused:
        with pytest.raises(
            ResumeError, match=r"shifted.*restart=True|removed since the token"
        ) as caught:
            await collect(paged, tmp_path / "a", keep=selected.keep, progress=progress)
        assert not getattr(caught.value, "__notes__", [])
        assert not (tmp_path / "a").exists()
        progress = None
    done = await collect(
        paged, tmp_path / "a", keep=selected.keep, restart=refused, progress=progress
    )
    assert done.rows == 530 + change


def test_contents():
    """Rows of other content are omitted, even if the server sends them."""
    for time in ("2025-01-01T01:00:00Z", "0001-01-01T00:00:00Z", "no time"):
        rows = [row(time, c) for c in ("a", "b", None)]
        assert within(contents=frozenset({"a"}))(rows) == rows[:1]


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        (BEGIN, BEGIN),
        (BEGIN + STEP, BEGIN),
        (datetime(2025, 1, 1), None),  # noqa: DTZ001
        (None, datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))),
    ],
)
def test_impossible_windows(from_, to):
    """An empty window, a time without a time zone and one after the year 9999 are refused."""
    with pytest.raises(InvalidArgumentError):
        Window(from_=from_, to=to)


@pytest.mark.parametrize(
    "time", ["2025-01-01", "2025-01-01T00:00:00Z", 1735689600, date(2025, 1, 1)]
)
def test_windows_of_times_only(time):
    """The ends of a window are datetimes; the error for anything else says how to write one."""
    for window in ({"from_": time}, {"to": time}):
        with pytest.raises(InvalidArgumentError, match=r"is not a datetime; write, .*datetime\("):
            Window(**window)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("vists", r"no series 'vists' \(did you mean 'visits'\?\); choose one of visits, shiny"),
        ("audit_logs", "did you mean 'audit-logs'"),
        ("x", "no series 'x'; choose one of visits, shiny-usage, hits, audit-logs"),
        (None, "no series None; choose one of visits"),
    ],
)
async def test_unknown_series(client, kind, words):
    """For a series that does not exist, all are listed and the nearest is suggested."""
    with pytest.raises(InvalidArgumentError, match=words):
        await select(client, kind)


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
        unknown: Any = "vists"
        with pytest.raises(InvalidArgumentError, match="visits, shiny-usage, hits, audit-logs"):
            await select(client, unknown)
