"""`limit` and `offset` of a search select some of its items."""

from __future__ import annotations

from typing import Any

import pytest

from aconnect import errors
from aconnect.looker import Client
from aconnect.testing import VirtualClock, faults
from aconnect.testing.looker import FakeLooker

NAMES = [f"Set {number}" for number in range(9)]


@pytest.fixture
async def sets(client: Client, server: FakeLooker) -> Client:
    """A client of an instance with nine sets to search for."""
    for name in NAMES:
        await client.model_sets.create(name=name)
    server.requests.clear()
    return client


def asked(server: FakeLooker) -> list[tuple[str, str]]:
    """Return `limit` and `offset` of the searches."""
    searches = [r.query for r in server.requests if r.path.endswith("/search")]
    return [(query["limit"][0], query["offset"][0]) for query in searches]


@pytest.mark.parametrize(
    ("limit", "offset", "requests"),
    [
        (4, None, [("4", "0")]),
        (4, 3, [("4", "3")]),
        (1, 8, [("1", "8")]),
        (4, 7, [("4", "7"), ("2", "9")]),
        (None, 6, [("500", "6"), ("500", "9")]),
        (4, 20, [("4", "20")]),
    ],
)
async def test_a_window(
    sets: Client,
    server: FakeLooker,
    limit: int | None,
    offset: int | None,
    requests: list[tuple[str, str]],
) -> None:
    """Exactly these items are returned, and requested."""
    found = sets.model_sets.search(name="set%", limit=limit, offset=offset)
    start = offset or 0
    wanted = NAMES[start:][:limit]
    assert [each.name for each in await found] == wanted
    assert asked(server) == requests
    assert await found.total() == len(wanted)
    first = await found.first()
    assert (first and first.name) == next(iter(wanted), None)


async def test_pages_of_a_window(sets: Client, server: FakeLooker) -> None:
    """A page size divides a window, and a token resumes in it."""
    found = sets.model_sets.search(name="set%", limit=5, offset=2).page_size(2)
    pages = [page async for page in found.pages()]
    assert [[each.name for each in page.items] for page in pages] == [
        NAMES[2:4],
        NAMES[4:6],
        NAMES[6:7],
    ]
    assert asked(server) == [("2", "2"), ("2", "4"), ("1", "6")]
    token = pages[0].token
    rest = [each.name async for page in found.pages(token) for each in page.items]
    assert rest == NAMES[4:7]
    assert len([page async for page in found.raw().prefetch().pages(token)]) == 2
    others: list[dict[str, Any]] = [{}, {"limit": 5}, {"limit": 6, "offset": 2}]
    for other in others:
        with pytest.raises(errors.ResumeError, match="another query"):
            sets.model_sets.search(name="set%", **other).pages(token)


async def test_a_window_of_a_server_that_lowers_the_limit() -> None:
    """All items of the window arrive, even if the server returns fewer at once."""
    async with FakeLooker(max_limit=2, users=9) as server:
        client = Client(server.url, server.client_id, server.client_secret, clock=VirtualClock())
        async with client:
            found = await client.users.search(limit=5, offset=3, sorts="email")
            assert [user.last_name for user in found] == ["3", "4", "5", "6", "7"]


async def test_a_window_of_a_server_that_ignores_it(client: Client, server: FakeLooker) -> None:
    """No more items are returned than wanted, even if the server returns more."""
    rows: Any = [{"id": "1"}, {"id": "2"}, {"id": "3"}]
    server.script(faults.status(200, body=rows), on="GET /roles/search")
    assert [one.id for one in await client.roles.search(limit=2)] == ["1", "2"]


async def test_every_search_has_it(client: Client) -> None:
    """All searches, and the users of a group, accept both."""
    group = client.groups.handle((await client.groups.search())[0].id)
    for search in (
        client.users.search,
        client.groups.search,
        client.roles.search,
        client.roles.search_with_user_count,
        client.model_sets.search,
        client.permission_sets.search,
        group.users.find,
    ):
        everything = await search()
        assert [one.id for one in await search(limit=1, offset=1)] == [everything[1].id]


@pytest.mark.parametrize(
    "window", [{"limit": 0}, {"limit": -1}, {"offset": -1}, {"limit": "5"}, {"offset": True}]
)
def test_refused_windows(client: Client, window: dict[str, Any]) -> None:
    """What is no number of items is refused at once."""
    with pytest.raises(errors.InvalidArgumentError, match="must be a whole number"):
        client.roles.search(**window)


@pytest.mark.parametrize("name", ["page_size", "page", "per_page"])
def test_a_page_size_is_a_method(client: Client, name: str) -> None:
    """Other arguments that APIs have for paging are refused with a reference to `page_size`."""
    unknown: dict[str, Any] = {name: 10}
    with pytest.raises(TypeError, match=rf"{name}.*\.page_size\(n\)"):
        client.roles.search(**unknown)
