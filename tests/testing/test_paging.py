"""Laws of keyset and numbered pages."""

from datetime import UTC, datetime, timedelta

import pytest

from aconnect.testing import Seed

VISITS = "/v1/instrumentation/content/visits"
USAGE = "/v1/instrumentation/shiny/usage"
AUDIT = "/v1/audit_logs"
START = datetime(2025, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=7)


def stamp(i: int) -> str:
    return (START + STEP * i).isoformat().replace("+00:00", "Z")


async def pages(call, path, **query):
    """Follow next cursors to the end."""
    found = []
    cursor = None
    for _ in range(1000):
        params = {**query, **({"next": cursor} if cursor else {})}
        page = await call.json("GET", path, params=params)
        found.append(page)
        cursor = page["paging"]["cursors"].get("next")
        if cursor is None:
            return found
    raise AssertionError("endless")


async def rows(call, path, **query):
    return [row for page in await pages(call, path, **query) for row in page["results"]]


@pytest.fixture
async def busy(serving):
    return await serving(Seed(visits=137, shiny_usage=60, audit_logs=45, hits=33, content=5))


@pytest.mark.parametrize("limit", [1, 10, 137, 500])
async def test_pages_cover_everything_once(busy, limit):
    """Following the cursors yields each row once, in order."""
    if limit == 1:
        busy.server.state.visits.count = 9
    found = await rows(busy, VISITS, limit=limit)
    count = busy.server.state.visits.count
    assert [row["id"] for row in found] == [str(i + 1) for i in range(count)]
    assert [row["time"] for row in found] == [stamp(i) for i in range(count)]


async def test_default_limit(busy):
    """A page has 20 rows by default."""
    assert len((await busy.json("GET", VISITS))["results"]) == 20


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
@pytest.mark.parametrize("path", [VISITS, USAGE, AUDIT])
async def test_limit_out_of_range(busy, path, limit):
    """A limit out of range is an error of the API."""
    reply = await busy("GET", path, params={"limit": limit})
    assert (reply.status, reply.code) == (400, 3)


@pytest.mark.parametrize(("path", "order"), [(VISITS, "asc_order"), (AUDIT, "ascOrder")])
async def test_descending(busy, path, order):
    """Descending pages are the ascending rows in reverse."""
    up = await rows(busy, path, limit=10)
    down = await rows(busy, path, limit=10, **{order: "false"})
    assert down == up[::-1]


@pytest.mark.parametrize("ascending", ["true", "false"])
async def test_previous_leads_back(busy, ascending):
    """From the last page, the previous cursors lead back over the same pages."""
    query = {"limit": 10, "asc_order": ascending}
    there = await pages(busy, VISITS, **query)
    assert there[0]["paging"]["cursors"]["previous"] is None
    page = there[-1]
    for expected in reversed(there[:-1]):
        cursor = page["paging"]["cursors"]["previous"]
        page = await busy.json("GET", VISITS, params={**query, "previous": cursor})
        assert page["results"] == expected["results"]
    assert page["paging"]["cursors"]["previous"] is None
    assert page["paging"]["cursors"]["next"] is not None


async def test_links(busy):
    """Links are absolute, keep the filters, and can be wrong behind a proxy."""
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


async def test_end_spellings(busy):
    """At the end next is null, or absent; the last page may be empty."""
    state = busy.server.state
    last = (await pages(busy, VISITS, limit=100))[-1]["paging"]
    assert last["next"] is None
    assert last["cursors"]["next"] is None
    state.end_cursor = "absent"
    last = (await pages(busy, VISITS, limit=100))[-1]["paging"]
    assert "next" not in last
    assert "next" not in last["cursors"]
    state.empty_last_page = True
    found = await pages(busy, VISITS, limit=100)
    assert [len(page["results"]) for page in found] == [100, 37, 0]


async def test_window_is_inclusive(busy):
    """`from` and `to` are both inclusive."""
    found = await rows(busy, VISITS, **{"from": stamp(5), "to": stamp(8)})
    assert [row["id"] for row in found] == ["6", "7", "8", "9"]


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        ("2025-01-01T00:00:35.000000001Z", 6),
        ("2025-01-01T01:00:35+01:00", 5),
        ("2025-01-01T00:00:34.5Z", 5),
    ],
)
async def test_fine_times(busy, begin, expected):
    """Windows accept nanoseconds and offsets."""
    page = await busy.json("GET", VISITS, params={"from": begin})
    assert page["results"][0]["time"] == stamp(expected)


@pytest.mark.parametrize("given", ["yesterday", "2025-01-01", "2025-13-01T00:00:00Z"])
async def test_bad_times(busy, given):
    """An invalid timestamp is refused."""
    assert (await busy("GET", VISITS, params={"from": given})).status == 400


async def test_content_filter(busy):
    """Several GUIDs are joined by a bar; of a repeated parameter, the first counts."""
    guids = list(busy.server.state.content)
    everything = await rows(busy, VISITS, limit=500)
    wanted = [row for row in everything if row["content_guid"] in guids[1:3]]
    assert await rows(busy, VISITS, limit=7, content_guid="|".join(guids[1:3])) == wanted
    repeated = [("content_guid", guids[1]), ("content_guid", guids[2]), ("limit", "500")]
    page = await busy.json("GET", VISITS, params=repeated)
    assert {row["content_guid"] for row in page["results"]} == {guids[1]}
    assert (await busy("GET", VISITS, params={"content_guid": "|".join(["x"] * 3)})).status == 200
    many = "|".join(str(i) for i in range(41))
    assert (await busy("GET", VISITS, params={"content_guid": many})).status == 400


async def test_filter_backwards(serving):
    """Filters apply across the repetition of seeded rows, in both directions."""
    call = await serving(Seed(visits=9000, content=50))
    guid = list(call.server.state.content)[7]
    found = await rows(call, VISITS, limit=100, content_guid=guid)
    numbers = [int(row["id"]) for row in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > 8192
    down = await rows(call, VISITS, limit=100, content_guid=guid, asc_order="false")
    assert down == found[::-1]
    everything = await rows(call, VISITS, limit=500)
    assert found == [row for row in everything if row["content_guid"] == guid]


async def test_data_versions(busy):
    """Old rows are returned only on request."""
    for version, more in ((3, 0), (2, 1), (1, 2), (0, 3), (4, -137)):
        found = await rows(busy, VISITS, limit=500, min_data_version=version)
        assert len(found) == 137 + more
        assert all(row["data_version"] >= version for row in found)
    assert len(await rows(busy, USAGE, limit=500)) == 60
    assert len(await rows(busy, USAGE, limit=500, min_data_version=0)) == 63


async def test_some_are_anonymous(busy):
    """Some visits have no user."""
    users = [row["user_guid"] for row in await rows(busy, VISITS, limit=500)]
    assert 0 < users.count(None) < 60


async def test_usage_overlaps(busy):
    """Usage contains every session that overlaps the window, including the open one."""
    everything = await rows(busy, USAGE, limit=500)
    begin, end = stamp(20), stamp(30)
    wanted = [
        row
        for row in everything
        if row["started"] <= end and (row["ended"] is None or row["ended"] >= begin)
    ]
    assert await rows(busy, USAGE, limit=3, **{"from": begin, "to": end}) == wanted
    assert any(row["started"] < begin for row in wanted)
    assert everything[-1]["ended"] is None
    late = await rows(busy, USAGE, **{"from": "2030-01-01T00:00:00Z"})
    assert late == everything[-1:]


async def test_bursts(serving):
    """Rows can share a time; windows and cursors handle them correctly."""
    call = await serving(Seed(visits=20, burst=4))
    found = await rows(call, VISITS, limit=3)
    assert [row["time"] for row in found] == [stamp(i // 4) for i in range(20)]
    window = await rows(call, VISITS, **{"from": stamp(1), "to": stamp(2)})
    assert [row["id"] for row in window] == [str(i) for i in range(5, 13)]


async def test_no_step(serving):
    """All rows can share one time."""
    call = await serving(Seed(visits=5, step=timedelta(0)))
    assert len(await rows(call, VISITS, limit=2)) == 5
    assert len(await rows(call, VISITS, **{"from": stamp(0), "to": stamp(0)})) == 5
    assert await rows(call, VISITS, **{"from": stamp(1)}) == []


async def test_added_rows(busy):
    """Added rows are sorted by time, among cached pages too."""
    await rows(busy, VISITS, limit=10)
    series = busy.server.state.visits
    for i, seconds in enumerate((0, 1, 10**6, 1, -100)):
        time = START + STEP * 50 + timedelta(seconds=seconds)
        series.append({"id": f"own{i}", "content_guid": "own", "time": time, "data_version": 3})
    found = await rows(busy, VISITS, limit=10)
    times = [datetime.fromisoformat(row["time"]) for row in found]
    assert times == sorted(times)
    assert len(found) == 142
    assert [row["id"] for row in found if row["id"].startswith("own")] == [
        "own4",
        "own0",
        "own1",
        "own3",
        "own2",
    ]
    assert await rows(busy, VISITS, limit=7, asc_order="false") == found[::-1]
    assert len(await rows(busy, VISITS, limit=1, content_guid="own")) == 5


async def test_same_seed_same_rows(serving, busy):
    """The same seed makes the same data."""
    other = await serving(Seed(visits=137, shiny_usage=60, audit_logs=45, hits=33, content=5))
    assert await rows(other, VISITS, limit=500) == await rows(busy, VISITS, limit=500)
    assert await rows(other, AUDIT, limit=500) == await rows(busy, AUDIT, limit=500)


async def test_a_million_rows(serving):
    """A million rows take no memory, and the last is as fast as the first."""
    call = await serving(Seed(visits=1_000_000, audit_logs=1_000_000))
    page = await call.json("GET", VISITS, params={"asc_order": "false", "limit": 1})
    assert page["results"][0]["id"] == "1000000"
    found = await call.json(
        "GET", "/v1/search/auditlogs", params={"q": "action:add_tag", "page_number": 4000}
    )
    assert found["total"] > 50_000
    assert len(found["results"]) == 20


async def test_page_cache_is_bounded(serving):
    """The cache of encoded pages is limited; cached pages are the same as new ones."""
    call = await serving(Seed(visits=100), page_cache=3)
    first = await rows(call, VISITS, limit=10)
    assert len(call.server.state.pages) == 3
    assert await rows(call, VISITS, limit=10) == first


async def test_bad_cursor(busy):
    """An invented cursor is refused."""
    for cursor in ("x", "!!!", "bm9uc2Vuc2U"):
        assert (await busy("GET", VISITS, params={"next": cursor})).status == 400


async def test_hits(busy, serving):
    """Hits are one array, filtered by window, and by content on new servers only."""
    path = "/v1/instrumentation/content/hits"
    found = await busy.json("GET", path)
    assert [row["id"] for row in found] == list(range(1, 34))
    window = await busy.json("GET", path, params={"from": stamp(2), "to": stamp(4)})
    assert [row["id"] for row in window] == [3, 4, 5]
    guid = found[0]["content_guid"]
    some = await busy.json("GET", path, params={"content_guid": guid})
    assert some == [row for row in found if row["content_guid"] == guid]
    old = await serving(Seed(hits=33), version="2023.09.0")
    assert len(await old.json("GET", path, params={"content_guid": "x"})) == 33
    assert await (await serving()).json("GET", path) == []


async def test_hits_in_pieces(serving):
    """Many hits are one valid array."""
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
    """The query language filters, negates and selects windows; pages are numbered."""
    everything = await rows(busy, AUDIT, limit=500)
    wanted = [row for row in everything if test(row)][::-1]
    found = []
    for number in range(1, 30):
        page = await busy.json(
            "GET", "/v1/search/auditlogs", params={"q": q, "page_size": 3, "page_number": number}
        )
        assert page["total"] == len(wanted)
        found += page["results"]
    assert found == wanted


@pytest.mark.parametrize("q", ["from:never", "colour:red", "-from:2025-01-01T00:00:00Z", '"'])
async def test_bad_audit_search(busy, q):
    """A malformed query is refused."""
    assert (await busy("GET", "/v1/search/auditlogs", params={"q": q})).status == 400


async def test_old_visits(serving):
    """Old servers send ids as numbers and omit later fields."""
    call = await serving(Seed(visits=20), version="2023.09.0")
    found = await rows(call, VISITS, limit=20)
    assert all(isinstance(row["bundle_id"], int) for row in found)
    assert {type(row["rendering_id"]) for row in found} == {int, type(None)}
    assert not found[0].keys() & {"id", "path", "user_agent"}


async def test_users_by_page(serving):
    """Users are paged by number, up to 500 at once; with a prefix, page 2 is empty."""
    call = await serving(Seed(users=45))
    found = []
    for number in (1, 2, 3, 4):
        page = await call.json("GET", "/v1/users", params={"page_number": number})
        assert (page["current_page"], page["total"]) == (number, 45)
        found += page["results"]
    assert len(found) == len({row["guid"] for row in found}) == 45
    assert (await call("GET", "/v1/users", params={"page_size": 501})).status == 400
    query = {"prefix": "USER", "page_size": 10}
    assert len((await call.json("GET", "/v1/users", params=query))["results"]) == 10
    page = await call.json("GET", "/v1/users", params={**query, "page_number": 2})
    assert (page["total"], page["results"]) == (42, [])


@pytest.mark.parametrize(("version", "empty"), [("2025.04.0", True), ("2025.03.0", False)])
async def test_groups_by_prefix(serving, version, empty):
    """Before 2025.04, groups found by prefix repeat page 1 for ever."""
    call = await serving(Seed(groups=5), version=version)
    query = {"prefix": "Group", "page_size": 5}
    first = await call.json("GET", "/v1/groups", params=query)
    second = await call.json("GET", "/v1/groups", params={**query, "page_number": 2})
    assert len(first["results"]) == first["total"] == 5
    assert (second["results"] == []) is empty
    assert (second == first) is not empty
