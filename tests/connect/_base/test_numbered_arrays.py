"""Lists that may or may not be paged: every item once, whatever the server does."""

import asyncio
import math

import pytest
from hypothesis import given, strategies as st

from aconnect.connect import Bundle
from aconnect.connect._base.paging import NumberedArray
from tests.client.pager import FakePager


class Lists:
    """A list of bundles, newest first, of a server that pages it in one of several ways."""

    def __init__(self, count, *, cap=None, takes_size=True, ignores=False, new=0, asc=False):
        self.ids = list(range(count, 0, -1))
        self.cap = cap
        self.takes_size = takes_size
        self.ignores = ignores
        self.new = new
        self.asc = asc
        self.requests = 0

    def __call__(self, query):
        self.requests += 1
        assert query.keys() == {"page_number", "page_size"}
        if 1 < self.requests < 5:
            self.ids[:0] = [len(self.ids) + i for i in range(self.new, 0, -1)]
        ids = self.ids[::-1] if self.asc else self.ids
        if not self.ignores:
            size = int(query["page_size"]) if self.takes_size else 20
            size = min(size, self.cap or size)
            start = (int(query["page_number"]) - 1) * size
            ids = ids[start : start + size]
        # Whether a bundle is active may change between two pages.
        return [{"id": str(i), "active": i % 2 == self.requests % 2} for i in ids]


SERVERS = st.one_of(
    st.just({"ignores": True}),
    st.sampled_from([20, 25, 50, 100, 500, None]).map(lambda cap: {"cap": cap}),
    st.just({"takes_size": False}),
)
COUNTS = st.one_of(
    st.integers(0, 130), st.sampled_from([19, 20, 21, 39, 40, 41, 100, 499, 500, 501, 1000])
)


def found(server, method, size=None):
    paged = FakePager(server).find(NumberedArray(), Bundle)
    return asyncio.run(method(paged if size is None else paged.page_size(size)))


@given(
    behaviour=SERVERS,
    count=COUNTS,
    size=st.one_of(st.none(), st.integers(1, 60)),
    new=st.integers(0, 5),
    asc=st.booleans(),
)
def test_every_item_once(behaviour, count, size, new, asc):
    """Each item that was there is yielded once, and none that appears twice."""
    # Of fewer new items than a page has; more cannot be told from a server that ignores pages.
    new = min(new, min(size or 20, 20) - 1)

    async def items(paged):
        return [bundle.id async for bundle in paged]

    server = Lists(count, new=new, asc=asc, **behaviour)
    ids = found(server, items, size)
    assert len(ids) == len(set(ids))
    assert {str(i) for i in range(1, count + 1)} <= set(ids)

    async def raw(paged):
        return [bytes(row) async for row in paged.raw()]

    assert len(found(Lists(count, new=new, asc=asc, **behaviour), raw, size)) == len(ids)


@given(behaviour=SERVERS, count=COUNTS, size=st.one_of(st.none(), st.integers(1, 60)))
def test_the_other_ways_to_read_a_list(behaviour, count, size):
    """`first`, `take` and `total` agree with the list, and resume tokens continue it."""
    ids = [str(i) for i in range(count, 0, -1)]

    async def resumed(paged):
        for number in range(len([page async for page in paged.pages()])):
            before, token = [], None
            async for page in paged.pages():
                before += page.items
                token = page.token
                if page.number > number:
                    break
            after = [] if token is None else [page async for page in paged.pages(token)]
            assert [b.id for b in before + [b for page in after for b in page.items]] == ids

    async def taken(paged):
        for number in (0, 1, 3, 20, 45):
            assert [bundle.id async for bundle in paged.take(number)] == ids[:number]

    first = found(Lists(count, **behaviour), lambda paged: paged.first(), size)
    assert (first and first.id) == (ids[0] if ids else None)
    assert found(Lists(count, **behaviour), lambda paged: paged.total(), size) == count
    found(Lists(count, **behaviour), taken, size)
    if count <= 130:
        found(Lists(count, **behaviour), resumed, size)


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (19, 1), (20, 2), (400, 2)])
@pytest.mark.parametrize("method", ["all", "total"])
def test_short_lists_cost_one_request(count, requests, method):
    """A list shorter than the documented page is requested once, also to count it."""
    server = Lists(count, ignores=True)

    async def read(paged):
        return len(await paged) if method == "all" else await paged.total()

    assert found(server, read) == count
    # The total of a longer list is known after all of it.
    assert server.requests == requests + (method == "total" and requests > 1)


def test_items_without_an_id():
    """Items without an id are told apart by their content."""
    rows = [{"name": str(i)} for i in range(30)]

    async def read(paged):
        return await paged

    paged = FakePager(lambda _: rows).find(NumberedArray(), dict)
    assert asyncio.run(read(paged)) == rows


@given(count=st.integers(0, 300), size=st.integers(1, 60))
def test_no_page_too_many(count, size):
    """A server that pages as it is asked gets one request for each page, and for the end."""
    server = Lists(count)

    async def read(paged):
        return len(await paged)

    assert found(server, read, size) == count
    pages = math.ceil(count / size)
    assert server.requests <= pages + 1
