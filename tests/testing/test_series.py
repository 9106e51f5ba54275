"""Rows of the high-volume series that tests add, change and read by windows."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

import pytest
from hypothesis import given, strategies as st

from aconnect.testing import FakeConnect, Seed, faults
from aconnect.testing.connect.series import Selection

VISITS = "/v1/instrumentation/content/visits"
USAGE = "/v1/instrumentation/shiny/usage"
HITS = "/v1/instrumentation/content/hits"
SEARCH = "/v1/search/auditlogs"
START = datetime(2025, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SECONDS = st.integers(-60, 180)


def at(seconds):
    """Return a time this many seconds after the first seeded row."""
    return START + SECOND * seconds


def text(time):
    """Return a time in the format of the API."""
    return time.isoformat().replace("+00:00", "Z")


async def rows_of(call, path, **query):
    """Return the rows of all keyset pages."""
    rows, cursor = [], None
    while True:
        params = {**query, **({"next": cursor} if cursor else {})}
        page = await call.json("GET", path, params=params)
        rows += page["results"]
        cursor = page["paging"]["cursors"]["next"]
        if cursor is None:
            return rows


def overlaps(row, start, end):
    """Return True if a session overlaps a window."""
    return (end is None or row["started"] <= end) and (
        start is None or row["ended"] is None or row["ended"] >= start
    )


def paged(series, selection, *, ascending, limit):
    """Return the rows of all pages."""
    rows, position = [], None
    while True:
        page = series.page(position, selection, ascending=ascending, limit=limit)
        rows += [row for _, row in page[:limit]]
        if len(page) <= limit:
            return rows
        position = page[limit - 1][0]


@given(
    seeded=st.integers(0, 30),
    share=st.sampled_from([0.0, 0.2, 1.0]),
    burst=st.integers(1, 3),
    added=st.lists(st.tuples(SECONDS, st.none() | st.integers(0, 100)), max_size=12),
    ended=st.sets(st.integers(0, 40), max_size=4),
    window=st.tuples(st.none() | SECONDS, st.none() | SECONDS),
    ascending=st.booleans(),
    limit=st.integers(1, 7),
)
def test_sessions_of_a_window(seeded, share, burst, added, ended, window, ascending, limit):
    """A window has each session that overlaps it, once, ordered by `started`, whatever is added."""
    seed = Seed(
        shiny_usage=seeded, open_sessions=share, step=SECOND * 5, burst=burst, old_rows=0, content=2
    )
    series = FakeConnect(seed).state.shiny_usage
    known = [series.row(i) for i in range(seeded)]
    new = [
        {
            "content_guid": "new",
            "started": at(begin),
            "ended": None if length is None else at(begin + length),
            "data_version": 1,
        }
        for begin, length in added
    ]
    series.extend(new[:5])
    for row in new[5:]:
        series.append(row)
    known = sorted([*known, *new], key=lambda row: row["started"])
    for i in ended:
        started = at(i * 5)
        still_open = [r for r in known if r["started"] == started and r["ended"] is None]
        if not still_open:
            with pytest.raises(ValueError, match="no open session"):
                series.end_sessions(started, at(500))
            continue
        series.end_sessions(started, at(500 + i))
        for row in still_open:
            row["ended"] = at(500 + i)
    start, end = (None if seconds is None else at(seconds) for seconds in window)
    selection = Selection(start, end, min_version=1, overlap=True)
    expected = [row for row in known if overlaps(row, start, end)]
    result = paged(series, selection, ascending=ascending, limit=limit)
    assert result == (expected if ascending else expected[::-1])


@given(
    seeded=st.integers(0, 30),
    times=st.lists(SECONDS, max_size=20),
    window=st.tuples(st.none() | SECONDS, st.none() | SECONDS),
    ascending=st.booleans(),
    limit=st.integers(1, 7),
    version=st.sampled_from([0, 3]),
)
def test_rows_at_any_times(seeded, times, window, ascending, limit, version):
    """Rows that were added at any times are in their windows, in order, both ends inclusive."""
    series = FakeConnect(Seed(visits=seeded, step=SECOND * 5, old_rows=0)).state.visits
    known = [series.row(i) for i in range(seeded)]
    new = series.add(map(at, times))
    assert [row["time"] for row in new] == [at(seconds) for seconds in times]
    start, end = (None if seconds is None else at(seconds) for seconds in window)
    expected = [
        row
        for row in sorted([*known, *new], key=lambda row: row["time"])
        if (start is None or row["time"] >= start) and (end is None or row["time"] <= end)
    ]
    selection = Selection(start, end, min_version=version)
    result = paged(series, selection, ascending=ascending, limit=limit)
    assert result == (expected if ascending else expected[::-1])
    assert len({row["id"] for row in [*known, *new]}) == seeded + len(times)
    assert series.total(selection) == len(expected)
    first = series.slice(selection, ascending=ascending, skip=2, limit=limit)
    assert first == result[2 : 2 + limit]


async def test_usage_is_ordered_by_its_start(serving):
    """Sessions come in order of `started`; with `asc_order=false`, the newest are first."""
    call = await serving(Seed(shiny_usage=500, open_sessions=0.1))
    ascending = await rows_of(call, USAGE, limit=60)
    started = [row["started"] for row in ascending]
    assert started == sorted(started)
    assert len(started) == 500
    assert await rows_of(call, USAGE, limit=60, asc_order="false") == ascending[::-1]
    assert await rows_of(call, USAGE, limit=60, asc_order="true") == ascending


async def test_sessions_that_never_end(serving):
    """The chosen share of sessions never ended, and overlaps every later window."""
    call = await serving(Seed(shiny_usage=5000, open_sessions=0.05))
    rows = await rows_of(call, USAGE, limit=500)
    still_open = [row for row in rows if row["ended"] is None]
    assert 200 < len(still_open) < 300
    assert await rows_of(call, USAGE, limit=500, **{"from": "2030-01-01T00:00:00Z"}) == still_open
    assert not await rows_of(call, USAGE, to="2024-01-01T00:00:00Z")


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_out_of_range(share):
    """A share is between 0 and 1."""
    with pytest.raises(ValueError, match="open_sessions must be between 0 and 1"):
        Seed(open_sessions=share)


async def test_a_session_ends(serving):
    """A session that ends is sent with its end from then on, also if its page was cached."""
    call = await serving(Seed(shiny_usage=20))
    last = (await rows_of(call, USAGE))[-1]
    assert last["ended"] is None
    ended = START + timedelta(days=3)
    call.server.state.shiny_usage.end_sessions(datetime.fromisoformat(last["started"]), ended)
    assert (await rows_of(call, USAGE))[-1] == {**last, "ended": text(ended)}
    later = text(ended + SECOND)
    assert await rows_of(call, USAGE, **{"from": later}) == []
    assert len(await rows_of(call, USAGE, **{"from": text(ended)})) == 1


async def test_late_rows(serving):
    """A row that is added with an old time is in its window, also if the page was cached."""
    call = await serving(Seed(visits=100, step=SECOND))
    window = {"from": text(at(10)), "to": text(at(12))}
    assert len(await rows_of(call, VISITS, **window)) == 3
    (late,) = call.server.state.visits.add([at(11)])
    rows = await rows_of(call, VISITS, **window)
    assert [row["id"] for row in rows] == ["11", "12", late["id"], "13"]


async def test_pages_of_added_rows_are_cached(serving):
    """A page of added rows is encoded once, until rows are added or the number of rows changes."""
    call = await serving()
    series, cache = call.server.state.visits, call.server.state.pages
    series.add([at(0), at(5)])
    for _ in range(3):
        assert len(await rows_of(call, VISITS)) == 2
    assert len(cache) == 1
    series.add([at(3)])
    assert len(await rows_of(call, VISITS)) == 3
    series.count = 4
    assert len(await rows_of(call, VISITS)) == 7


async def test_many_rows_at_any_times(serving):
    """Tens of thousands of rows at any times are added at once and read in pages and windows."""
    call = await serving()
    random = Random(1)
    times = [START + timedelta(microseconds=random.randrange(10**12)) for _ in range(50_000)]
    state = call.server.state
    for series in (state.visits, state.audit_logs, state.hits, state.shiny_usage):
        series.add(times)
    ordered = [text(time) for time in sorted(times)]
    rows = await rows_of(call, VISITS, limit=500)
    assert [row["time"] for row in rows] == ordered
    window = {"from": ordered[777], "to": ordered[7_777]}
    inside = ordered[777:7_778]
    assert [row["time"] for row in await rows_of(call, VISITS, limit=500, **window)] == inside
    assert [row["timestamp"] for row in await call.json("GET", HITS, params=window)] == inside
    newest_first = await rows_of(call, USAGE, limit=500, asc_order="false", to=window["to"])
    assert [row["started"] for row in newest_first] == ordered[7_777::-1]
    q = f"from:{window['from']} to:{window['to']}"
    page = await call.json("GET", SEARCH, params={"q": q, "page_size": 1})
    assert page["total"] == len(inside)
    assert [row["time"] for row in page["results"]] == inside[-1:]
    page = await call.json("GET", SEARCH, params={"q": q, "page_size": 500, "page_number": 15})
    assert [row["time"] for row in page["results"]] == inside[:1]


async def test_windows_of_hits_and_searches_are_inclusive(serving):
    """Both ends of a window of hits, and of a search, belong to it."""
    call = await serving(Seed(hits=10, audit_logs=10, step=SECOND))
    call.server.state.hits.add([at(3)])
    call.server.state.audit_logs.add([at(3)])
    window = {"from": text(at(3)), "to": text(at(5))}
    hits = await call.json("GET", HITS, params=window)
    assert [row["timestamp"] for row in hits] == [text(at(i)) for i in (3, 3, 4, 5)]
    q = f"from:{window['from']} to:{window['to']}"
    page = await call.json("GET", SEARCH, params={"q": q, "page_size": 1})
    assert page["total"] == 4
    assert [row["time"] for row in page["results"]] == [text(at(5))]


async def test_an_upgraded_server(serving):
    """The same rows, seeded or added, gain the fields of the new version; also cached ones."""
    call = await serving(Seed(visits=5), version="2023.09.0")
    call.server.state.visits.add([at(1)])
    before = await rows_of(call, VISITS)
    assert not before[0].keys() & {"id", "path", "user_agent"}
    assert isinstance(before[0]["bundle_id"], int)
    assert (await call("GET", HITS)).status == 404
    call.server.upgrade("2026.06.0")
    after = await rows_of(call, VISITS)
    assert [row["id"] for row in after] == ["1", "6", "2", "3", "4", "5"]
    assert [row["time"] for row in after] == [row["time"] for row in before]
    assert [row["bundle_id"] for row in after] == [str(row["bundle_id"]) for row in before]
    assert (await call("GET", HITS)).status == 200
    assert (await call.json("GET", "/server_settings"))["version"] == "2026.06.0"
    call.server.upgrade("2023.09.0")
    assert await rows_of(call, VISITS) == before


async def test_the_time_of_the_server(serving):
    """`Date` is the time of the server, in responses, errors and dates to retry at."""
    call = await serving()
    moment = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    call.server.state.now = lambda: moment
    call.server.script(faults.status(429, retry_after=30, http_date=True), on=f"GET {USAGE}")
    for path in (VISITS, HITS, "/v1/users/unknown"):
        reply = await call("GET", path)
        assert parsedate_to_datetime(reply.headers["Date"]) == moment
    reply = await call("GET", USAGE)
    assert parsedate_to_datetime(reply.headers["Date"]) == moment
    assert parsedate_to_datetime(reply.headers["Retry-After"]) == moment + SECOND * 30
