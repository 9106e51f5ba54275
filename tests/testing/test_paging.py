"""Keyset pages, pages by number, and the high-volume series."""

from datetime import UTC, datetime, timedelta

import pytest

from aconnect.testing import Seed

VISITS = "/v1/instrumentation/content/visits"
USAGE = "/v1/instrumentation/shiny/usage"
AUDIT = "/v1/audit_logs"
START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=7)


def stamp(i: int) -> str:
    """Return the time of row `i`."""
    return (START + STEP * i).isoformat().replace("+00:00", "Z")


async def pages(call, path, **query):
    """Return all keyset pages, following the next cursors."""
    result = []
    cursor = None
    for _ in range(1000):
        params = {**query, **({"next": cursor} if cursor else {})}
        page = await call.json("GET", path, params=params)
        result.append(page)
        cursor = page["paging"]["cursors"].get("next")
        if cursor is None:
            return result
    raise AssertionError("too many pages")


async def rows(call, path, **query):
    """Return the rows of all keyset pages."""
    return [row for page in await pages(call, path, **query) for row in page["results"]]


@pytest.fixture
async def busy(serving):
    """A caller for a server with rows in each series."""
    return await serving(Seed(visits=137, shiny_usage=60, audit_logs=45, hits=33, content=5))


@pytest.mark.parametrize("limit", [1, 10, 137, 500])
async def test_pages_cover_everything_once(busy, limit):
    """Following the cursors returns each row once, in order."""
    if limit == 1:
        busy.server.state.visits.count = 9
    results = await rows(busy, VISITS, limit=limit)
    count = busy.server.state.visits.count
    assert [row["id"] for row in results] == [str(i + 1) for i in range(count)]
    assert [row["time"] for row in results] == [stamp(i) for i in range(count)]


async def test_default_limit(busy):
    """A page has 20 rows by default."""
    assert len((await busy.json("GET", VISITS))["results"]) == 20


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
@pytest.mark.parametrize("path", [VISITS, USAGE, AUDIT])
async def test_limit_out_of_range(busy, path, limit):
    """A limit out of range is rejected with an error of the API."""
    reply = await busy("GET", path, params={"limit": limit})
    assert (reply.status, reply.code) == (400, 3)


@pytest.mark.parametrize(("path", "order"), [(VISITS, "asc_order"), (AUDIT, "ascOrder")])
async def test_descending(busy, path, order):
    """Descending pages return the same rows in reverse order."""
    ascending = await rows(busy, path, limit=10)
    descending = await rows(busy, path, limit=10, **{order: "false"})
    assert descending == ascending[::-1]


@pytest.mark.parametrize("ascending", ["true", "false"])
async def test_previous_cursor(busy, ascending):
    """From the last page, the previous cursors lead back to the same pages."""
    query = {"limit": 10, "asc_order": ascending}
    forward = await pages(busy, VISITS, **query)
    assert forward[0]["paging"]["cursors"]["previous"] is None
    page = forward[-1]
    for expected in reversed(forward[:-1]):
        cursor = page["paging"]["cursors"]["previous"]
        page = await busy.json("GET", VISITS, params={**query, "previous": cursor})
        assert page["results"] == expected["results"]
    assert page["paging"]["cursors"]["previous"] is None
    assert page["paging"]["cursors"]["next"] is not None


async def test_links(busy):
    """Links are absolute and keep the filters; `public_url` replaces their base URL."""
    page = await busy.json("GET", VISITS, params={"limit": 5, "from": stamp(3)})
    paging = page["paging"]
    assert paging["first"].startswith(busy.server.url + "/__api__" + VISITS)
    assert "from=2025" in paging["next"]
    async with busy.session.get(
        paging["next"], headers={"Authorization": f"Key {busy.server.api_key}"}
    ) as response:
        assert (await response.json())["results"][0]["id"] == "9"
    async with busy.session.get(
        paging["last"], headers={"Authorization": f"Key {busy.server.api_key}"}
    ) as response:
        assert (await response.json())["results"][-1]["id"] == "137"
    busy.server.state.public_url = "http://wrong"
    page = await busy.json("GET", VISITS, params={"limit": 5, "from": stamp(3)})
    assert page["paging"]["next"].startswith("http://wrong/")


async def test_last_page(busy):
    """On the last page, next is null or absent; the last page can be empty."""
    state = busy.server.state
    last = (await pages(busy, VISITS, limit=100))[-1]["paging"]
    assert last["next"] is None
    assert last["cursors"]["next"] is None
    state.end_cursor = "absent"
    last = (await pages(busy, VISITS, limit=100))[-1]["paging"]
    assert "next" not in last
    assert "next" not in last["cursors"]
    state.empty_last_page = True
    results = await pages(busy, VISITS, limit=100)
    assert [len(page["results"]) for page in results] == [100, 37, 0]


async def test_window_is_inclusive(busy):
    """`from` and `to` are inclusive."""
    results = await rows(busy, VISITS, **{"from": stamp(5), "to": stamp(8)})
    assert [row["id"] for row in results] == ["6", "7", "8", "9"]


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        ("2025-01-01T00:00:35.000000001Z", 6),
        ("2025-01-01T01:00:35+01:00", 5),
        ("2025-01-01T00:00:34.5Z", 5),
    ],
)
async def test_nanoseconds_and_offsets(busy, begin, expected):
    """`from` accepts nanoseconds and UTC offsets."""
    page = await busy.json("GET", VISITS, params={"from": begin})
    assert page["results"][0]["time"] == stamp(expected)


@pytest.mark.parametrize("value", ["yesterday", "2025-01-01", "2025-13-01T00:00:00Z"])
async def test_invalid_times(busy, value):
    """An invalid timestamp is rejected."""
    assert (await busy("GET", VISITS, params={"from": value})).status == 400


async def test_content_filter(busy):
    """GUIDs are separated by bars; only the first value of a repeated parameter is used."""
    guids = list(busy.server.state.content)
    all_rows = await rows(busy, VISITS, limit=500)
    expected = [row for row in all_rows if row["content_guid"] in guids[1:3]]
    assert await rows(busy, VISITS, limit=7, content_guid="|".join(guids[1:3])) == expected
    repeated = [("content_guid", guids[1]), ("content_guid", guids[2]), ("limit", "500")]
    page = await busy.json("GET", VISITS, params=repeated)
    assert {row["content_guid"] for row in page["results"]} == {guids[1]}
    assert (await busy("GET", VISITS, params={"content_guid": "|".join(["x"] * 3)})).status == 200
    many = "|".join(str(i) for i in range(41))
    assert (await busy("GET", VISITS, params={"content_guid": many})).status == 400


async def test_filter_in_both_directions(serving):
    """Filters work in both directions for more rows than the period of seeded rows."""
    call = await serving(Seed(visits=9000, content=50))
    guid = list(call.server.state.content)[7]
    results = await rows(call, VISITS, limit=100, content_guid=guid)
    numbers = [int(row["id"]) for row in results]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > 8192
    descending = await rows(call, VISITS, limit=100, content_guid=guid, asc_order="false")
    assert descending == results[::-1]
    all_rows = await rows(call, VISITS, limit=500)
    assert results == [row for row in all_rows if row["content_guid"] == guid]


async def test_data_versions(busy):
    """Rows with old data versions are only returned on request."""
    for version, difference in ((3, 0), (2, 1), (1, 2), (0, 3), (4, -137)):
        results = await rows(busy, VISITS, limit=500, min_data_version=version)
        assert len(results) == 137 + difference
        assert all(row["data_version"] >= version for row in results)
    assert len(await rows(busy, USAGE, limit=500)) == 60
    assert len(await rows(busy, USAGE, limit=500, min_data_version=0)) == 63


async def test_anonymous_visits(busy):
    """Some visits have no user."""
    users = [row["user_guid"] for row in await rows(busy, VISITS, limit=500)]
    assert 0 < users.count(None) < 60


async def test_usage_window(busy):
    """A window of usage contains all sessions that overlap it, including the open session."""
    all_rows = await rows(busy, USAGE, limit=500)
    begin, end = stamp(20), stamp(30)
    expected = [
        row
        for row in all_rows
        if row["started"] <= end and (row["ended"] is None or row["ended"] >= begin)
    ]
    assert await rows(busy, USAGE, limit=3, **{"from": begin, "to": end}) == expected
    assert any(row["started"] < begin for row in expected)
    assert all_rows[-1]["ended"] is None
    late = await rows(busy, USAGE, **{"from": "2030-01-01T00:00:00Z"})
    assert late == all_rows[-1:]


async def test_bursts(serving):
    """Several rows can have the same time; windows and cursors include each of them once."""
    call = await serving(Seed(visits=20, burst=4))
    results = await rows(call, VISITS, limit=3)
    assert [row["time"] for row in results] == [stamp(i // 4) for i in range(20)]
    window = await rows(call, VISITS, **{"from": stamp(1), "to": stamp(2)})
    assert [row["id"] for row in window] == [str(i) for i in range(5, 13)]


async def test_no_step(serving):
    """With a step of zero, all rows have the same time."""
    call = await serving(Seed(visits=5, step=timedelta(0)))
    assert len(await rows(call, VISITS, limit=2)) == 5
    assert len(await rows(call, VISITS, **{"from": stamp(0), "to": stamp(0)})) == 5
    assert await rows(call, VISITS, **{"from": stamp(1)}) == []


async def test_added_rows(busy):
    """Added rows are returned in order of time, even if pages are cached."""
    await rows(busy, VISITS, limit=10)
    series = busy.server.state.visits
    for i, seconds in enumerate((0, 1, 10**6, 1, -100)):
        time = START + STEP * 50 + timedelta(seconds=seconds)
        series.append({"id": f"new{i}", "content_guid": "new", "time": time, "data_version": 3})
    results = await rows(busy, VISITS, limit=10)
    times = [datetime.fromisoformat(row["time"]) for row in results]
    assert times == sorted(times)
    assert len(results) == 142
    assert [row["id"] for row in results if row["id"].startswith("new")] == [
        "new4",
        "new0",
        "new1",
        "new3",
        "new2",
    ]
    assert await rows(busy, VISITS, limit=7, asc_order="false") == results[::-1]
    assert len(await rows(busy, VISITS, limit=1, content_guid="new")) == 5


async def test_same_seed_same_rows(serving, busy):
    """The same seed produces the same data."""
    other = await serving(Seed(visits=137, shiny_usage=60, audit_logs=45, hits=33, content=5))
    assert await rows(other, VISITS, limit=500) == await rows(busy, VISITS, limit=500)
    assert await rows(other, AUDIT, limit=500) == await rows(busy, AUDIT, limit=500)


async def test_a_million_rows(serving):
    """Rows are created on demand: the last of a million rows is available immediately."""
    call = await serving(Seed(visits=1_000_000, audit_logs=1_000_000))
    page = await call.json("GET", VISITS, params={"asc_order": "false", "limit": 1})
    assert page["results"][0]["id"] == "1000000"
    page = await call.json(
        "GET", "/v1/search/auditlogs", params={"q": "action:add_tag", "page_number": 4000}
    )
    assert page["total"] > 50_000
    assert len(page["results"]) == 20


async def test_page_cache_is_bounded(serving):
    """The cache of encoded pages is bounded; cached pages have the same rows as new ones."""
    call = await serving(Seed(visits=100), page_cache=3)
    first = await rows(call, VISITS, limit=10)
    assert len(call.server.state.pages) == 3
    assert await rows(call, VISITS, limit=10) == first


async def test_invalid_cursor(busy):
    """An invalid cursor is rejected."""
    for cursor in ("x", "!!!", "bm9uc2Vuc2U"):
        assert (await busy("GET", VISITS, params={"next": cursor})).status == 400


async def test_hits(busy, serving):
    """Hits are an array; servers filter them by window and, in new versions, by content."""
    path = "/v1/instrumentation/content/hits"
    results = await busy.json("GET", path)
    assert [row["id"] for row in results] == list(range(1, 34))
    window = await busy.json("GET", path, params={"from": stamp(2), "to": stamp(4)})
    assert [row["id"] for row in window] == [3, 4, 5]
    guid = results[0]["content_guid"]
    filtered = await busy.json("GET", path, params={"content_guid": guid})
    assert filtered == [row for row in results if row["content_guid"] == guid]
    old = await serving(Seed(hits=33), version="2025.04.0")
    assert len(await old.json("GET", path, params={"content_guid": "x"})) == 33
    assert await (await serving()).json("GET", path) == []


async def test_many_hits(serving):
    """A large number of hits is a valid array."""
    call = await serving(Seed(hits=5001))
    assert len(await call.json("GET", "/v1/instrumentation/content/hits")) == 5001


@pytest.mark.parametrize(
    ("q", "test"),
    [
        ("action:add_tag", lambda r: r["action"] == "add_tag"),
        ("-action:add_tag", lambda r: r["action"] != "add_tag"),
        (f"from:{stamp(10)} to:{stamp(12)}", lambda r: stamp(10) <= r["time"] <= stamp(12)),
        ("user_id:2 -action:add_tag", lambda r: r["user_id"] == "2" and r["action"] != "add_tag"),
        ("created", lambda r: "created" in r["event_description"]),
    ],
)
async def test_audit_search(busy, q, test):
    """Queries filter, negate and select windows; results are paged by number, latest first."""
    all_rows = await rows(busy, AUDIT, limit=500)
    expected = [row for row in all_rows if test(row)][::-1]
    results = []
    for number in range(1, 30):
        page = await busy.json(
            "GET", "/v1/search/auditlogs", params={"q": q, "page_size": 3, "page_number": number}
        )
        assert page["total"] == len(expected)
        results += page["results"]
    assert results == expected


@pytest.mark.parametrize("q", ["from:never", "colour:red", "-from:2025-01-01T00:00:00Z", '"'])
async def test_invalid_audit_search(busy, q):
    """An invalid query is rejected."""
    assert (await busy("GET", "/v1/search/auditlogs", params={"q": q})).status == 400


async def test_old_visits(serving):
    """Old servers send ids as numbers and omit fields that were added later."""
    call = await serving(Seed(visits=20), version="2023.09.0")
    results = await rows(call, VISITS, limit=20)
    assert all(isinstance(row["bundle_id"], int) for row in results)
    assert {type(row["rendering_id"]) for row in results} == {int, type(None)}
    assert not results[0].keys() & {"id", "path", "user_agent"}


async def test_users_by_page(serving):
    """Users are paged by number, up to 500 per page; with a prefix, page 2 is empty."""
    call = await serving(Seed(users=45))
    results = []
    for number in (1, 2, 3, 4):
        page = await call.json("GET", "/v1/users", params={"page_number": number})
        assert (page["current_page"], page["total"]) == (number, 45)
        results += page["results"]
    assert len(results) == len({row["guid"] for row in results}) == 45
    assert (await call("GET", "/v1/users", params={"page_size": 501})).status == 400
    query = {"prefix": "USER", "page_size": 10}
    assert len((await call.json("GET", "/v1/users", params=query))["results"]) == 10
    page = await call.json("GET", "/v1/users", params={**query, "page_number": 2})
    assert (page["total"], page["results"]) == (42, [])


@pytest.mark.parametrize(("version", "empty"), [("2025.04.0", True), ("2025.03.0", False)])
async def test_groups_by_prefix(serving, version, empty):
    """With a prefix, page 2 of groups is empty; before 2025.04, it repeats page 1."""
    call = await serving(Seed(groups=5), version=version)
    query = {"prefix": "Group", "page_size": 5}
    first = await call.json("GET", "/v1/groups", params=query)
    second = await call.json("GET", "/v1/groups", params={**query, "page_number": 2})
    assert len(first["results"]) == first["total"] == 5
    assert (second["results"] == []) is empty
    assert (second == first) is not empty
