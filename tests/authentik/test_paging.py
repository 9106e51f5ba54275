"""authentik's pages: no row is lost or repeated, for any page size."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect.authentik import Client
from aconnect.authentik.paging import Pages
from aconnect.testing import VirtualClock
from aconnect.testing.authentik import FakeAuthentik
from tests.client.pager import FakePager


def serve(count: int, *, number: type = int, repeats: bool = False, cap: int = 100):
    """Return pages as authentik does."""

    def response(query: dict[str, str]) -> dict[str, object]:
        page, size = int(query["page"]), min(int(query["page_size"]), cap)
        rows = [{"n": n} for n in range(count)]
        pages = max(1, -(-count // size))
        assert page <= pages, "the server would answer 404"
        shown = rows if repeats else rows[(page - 1) * size : page * size]
        values = {
            "next": page + 1 if page < pages else 0,
            "previous": page - 1,
            "count": count,
            "current": page,
            "total_pages": pages,
            "start_index": (page - 1) * size + 1 if count else 0,
            "end_index": min(page * size, count),
        }
        pagination = {name: number(value) for name, value in values.items()}
        return {"pagination": pagination, "results": shown, "autocomplete": {}}

    return response


@given(
    st.integers(0, 60),
    st.integers(1, 25),
    st.sampled_from([int, float]),
    st.booleans(),
    st.integers(1, 30),
)
async def test_all_rows_once_in_order(
    count: int, size: int, number: type, repeats: bool, cap: int
) -> None:
    """All rows arrive once and in order, with one request per page."""
    pager = FakePager(serve(count, number=number, cap=cap))
    rows = await pager.find(Pages(repeats=repeats)).page_size(size)
    assert [row["n"] for row in rows] == list(range(count))
    assert len(pager.targets) == max(1, -(-count // min(size, cap)))


@given(st.integers(0, 40), st.integers(1, 25), st.integers(0, 40))
async def test_a_server_that_returns_all_rows_on_every_page(
    count: int, size: int, hidden: int
) -> None:
    """If every page has all rows, each row is yielded once, even if the count is higher."""
    whole = serve(count + hidden)

    def response(query: dict[str, str]) -> dict[str, object]:
        return {**whole(query), "results": [{"n": n} for n in range(count)]}

    pager = FakePager(response)
    found = pager.find(Pages(repeats=True)).page_size(size)
    assert [row["n"] for row in await found] == list(range(count))
    assert len(pager.targets) <= 2
    assert await found.total() == count


@given(st.integers(1, 40), st.integers(1, 10), st.integers(1, 10), st.booleans())
async def test_going_on_with_a_token(count: int, size: int, other: int, repeats: bool) -> None:
    """A token resumes with the remaining rows, even with another page size."""
    pager = FakePager(serve(count))
    style = Pages(repeats=repeats)
    seen: list[int] = []
    async for page in pager.find(style).page_size(size).pages():
        seen += [row["n"] for row in page.items]
        if page.token is None:
            assert seen == list(range(count))
            break
        rest = pager.find(style).page_size(other).pages(page.token)
        late = [row["n"] async for later in rest for row in later.items]
        assert seen + late == list(range(count))


async def test_pages_without_pagination_data() -> None:
    """A page needs no pagination data except the number of the next page."""
    whole = serve(10)

    def response(query: dict[str, str]) -> dict[str, object]:
        page = whole(query)
        return {**page, "pagination": {"next": page["pagination"]["next"]}}

    for repeats in (False, True):
        found = FakePager(response).find(Pages(repeats=repeats)).page_size(3)
        assert [row["n"] for row in await found] == list(range(10))
        assert await found.total() == 10


async def test_the_count_is_one_small_request() -> None:
    """`total` returns the server's count with one small request."""
    pager = FakePager(serve(250))
    assert await pager.find(Pages()).total() == 250
    assert pager.targets == ["/v1/things?page=1&page_size=1"]


@pytest.mark.parametrize("after", [1, 2])
async def test_a_page_that_comes_again_ends_the_paging(after: int) -> None:
    """A server that returns the same next page again raises PageLoopError."""
    response = serve(10)

    def again(query: dict[str, str]) -> dict[str, object]:
        page = response(query)
        return {**page, "pagination": {**page["pagination"], "next": after}}

    with pytest.raises(errors.PageLoopError):
        await FakePager(again).find(Pages()).page_size(3)


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{}", b'{"results": []}', b'{"results": [], "pagination": {"next": "two"}}'],
)
async def test_a_page_of_another_shape_is_an_error(body: bytes) -> None:
    """A response without rows or pagination data raises DecodeError."""
    with pytest.raises(errors.DecodeError):
        await FakePager(lambda _: body).find(Pages())


async def test_over_a_socket(server: FakeAuthentik, client: Client) -> None:
    """The simulated server pages tokens, and the full list of endpoints for a superuser."""
    for number in range(230):
        endpoint = server.state.add_endpoint(f"more-{number:03}")
        server.state.add_connection_token(endpoint["pk"])
    server.requests.clear()
    assert len({one.pk for one in await client.connection_tokens.find()}) == 234
    assert len(server.requests) == 3
    full = client.endpoints.find(superuser_full_list=True).page_size(50)
    assert [one.name for one in await full] == sorted(
        one["name"] for one in server.state.endpoints.values()
    )
    assert len(server.requests) == 3 + 5


@pytest.mark.parametrize("hidden", [0, 1, 5, 30, 150, 230])
async def test_endpoints_that_the_owner_may_open(hidden: int) -> None:
    """Each endpoint is yielded once, although every page contains all of them."""
    async with FakeAuthentik(endpoints=230) as server:
        server.state.forbidden.update(list(server.state.endpoints)[:hidden])
        async with Client(server.url, server.reader_token, clock=VirtualClock()) as client:
            for query in (client.endpoints.find(), client.endpoints.find(superuser_full_list=True)):
                names = [one.name for one in await query]
                assert names == [f"machine-{n:03}" for n in range(hidden, 230)]
                assert await query.total() == 230 - hidden
                raw = [json.loads(bytes(row))["name"] for row in await query.raw()]
                assert raw == names
