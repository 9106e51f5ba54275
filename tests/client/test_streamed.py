"""Lists that come in one response, streamed while they arrive."""

import asyncio
import json
import logging
from contextlib import aclosing

import msgspec
import pytest

from aconnect import Client, errors
from aconnect._core.events import PageFetched
from aconnect._core.message import Response
from aconnect._core.paging import Offset, Unpaged
from aconnect.connect._base.paging import UnpagedEnvelope
from aconnect.connect.instrumentation import ContentHit
from aconnect.testing import FakeConnect, Seed, VirtualClock, faults

HITS = "GET /v1/instrumentation/content/hits"


class Thing(msgspec.Struct, kw_only=True):
    """An item of a list."""

    id: int | None = None
    name: str | None = None


THINGS = [{"id": i, "name": f'the "{i}", {{or}} so'} for i in range(50)]


async def all_of(chunks):
    """Return the items of all chunks, of which none is empty."""
    async with aclosing(chunks):
        parts = [part async for part in chunks]
    assert all(parts)
    return [item for part in parts for item in part]


@pytest.fixture
async def server():
    async with FakeConnect(Seed(hits=5000)) as server:
        yield server


@pytest.fixture
async def client(server):
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client:
        yield client


@pytest.mark.parametrize("chunk_size", [1, 64, 100_000])
@pytest.mark.parametrize("prefetch", [0, 2])
async def test_chunks_are_the_list(fake_pager, chunk_size, prefetch):
    """In chunks, decoded or raw, the items are those of the whole list."""
    pager = fake_pager(lambda _: THINGS)
    pager.chunk_size = chunk_size
    found = pager.find(Unpaged(), row=Thing).prefetch(prefetch)
    assert await all_of(found.chunks()) == await found
    raw = await all_of(found.raw().chunks())
    assert [msgspec.json.decode(row) for row in raw] == THINGS
    assert [event.rows for event in pager.events if isinstance(event, PageFetched)] == [50] * 3


async def test_where(fake_pager):
    """`where` applies to decoded and raw chunks; a chunk of which nothing is kept is left out."""
    found = fake_pager(lambda _: THINGS).find(Unpaged(), row=Thing).where(lambda t: t.id % 20 == 1)
    assert [thing.id for thing in await all_of(found.chunks())] == [1, 21, 41]
    assert len(await all_of(found.raw().chunks())) == 3


async def test_items_are_bound(fake_pager):
    """Items with methods are bound to their client, as those of pages are."""
    bound = []
    pager = fake_pager(lambda _: THINGS)
    found = pager.find(Unpaged(), row=Thing, bind=lambda items, _: bound.extend(items))
    assert await all_of(found.chunks()) == bound


async def test_invalid_values_are_dropped(fake_pager, caplog):
    """An invalid value is dropped and logged, and the rest of its item is kept."""
    found = fake_pager(lambda _: [{"id": 1, "name": 5}, {"id": 2}]).find(Unpaged(), row=Thing)
    with caplog.at_level(logging.WARNING, "aconnect"):
        assert await all_of(found.chunks()) == [Thing(id=1), Thing(id=2)]
    assert "name" in caplog.text


@pytest.mark.parametrize("response", [[], b"null", Response(status=204, headers={})], ids=repr)
async def test_nothing(fake_pager, response):
    """An empty list, null and status 204 have no items."""
    assert await all_of(fake_pager(lambda _: response).find(Unpaged()).chunks()) == []


@pytest.mark.parametrize("style", [Offset(), UnpagedEnvelope()], ids=repr)
async def test_other_lists_are_refused(fake_pager, style):
    """For a list that is paged, or part of an object, no request is made."""
    pager = fake_pager(lambda _: [])
    with pytest.raises(errors.InvalidArgumentError, match=r"use pages\(\)"):
        pager.find(style).chunks()
    assert pager.targets == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Log in</html>", "HTML page"),
        (b'{"error":"x"}', "an object instead of an array"),
        (json.dumps(THINGS).encode()[:-9], "damaged or truncated after 49 elements"),
    ],
)
async def test_bodies_that_are_no_list(fake_pager, body, message):
    """A body that is no list, or not all of it, is a `DecodeError` that names the call."""
    found = fake_pager(lambda _: body).find(Unpaged(), row=Thing)
    with pytest.raises(errors.DecodeError, match=f"GET http://x/v1/things.*{message}"):
        await all_of(found.chunks())


async def test_hits(client):
    """Hits are streamed in many lists, whether decoded or raw."""
    hits = client.instrumentation.hits()
    parts = [part async for part in hits.chunks()]
    assert len(parts) > 3
    rows = [row for part in parts for row in part]
    assert rows == await hits
    assert all(isinstance(row, ContentHit) for row in rows)
    assert [row.id for row in rows] == [str(i + 1) for i in range(5000)]
    raw = await all_of(hits.raw().chunks())
    assert [str(msgspec.json.decode(row)["id"]) for row in raw] == [row.id for row in rows]


async def test_larger_than_the_largest_body(server):
    """A list may be larger than the client accepts as a whole."""
    async with Client(server.url, api_key=server.api_key, max_body=100_000) as client:
        hits = client.instrumentation.hits()
        with pytest.raises(errors.BodyTooLargeError):
            await hits
        assert len(await all_of(hits.chunks())) == 5000


async def test_a_connection_that_breaks_halfway(server, client):
    """Items that arrived are yielded, then the failure is raised and the call is not repeated."""
    server.script(faults.reset_mid_body(), on=HITS)
    seen = 0
    with pytest.raises(errors.TransportError):  # noqa: PT012  the rows before it count
        async for part in client.instrumentation.hits().chunks():
            seen += len(part)
    assert 0 < seen < 5000
    assert server.count(*HITS.split()) == 1


async def test_failures_before_the_first_item_are_retried(server, client):
    """Until a response begins, a call is retried as any other."""
    server.script(faults.status(503), faults.reset(), on=HITS)
    assert len(await all_of(client.instrumentation.hits().chunks())) == 5000
    assert server.count(*HITS.split()) == 3


async def test_a_login_page(server, client):
    """A login page with status 200 is a `DecodeError`."""
    server.script(faults.login_page(), on=HITS)
    with pytest.raises(errors.DecodeError, match="HTML page"):
        await all_of(client.instrumentation.hits().raw().chunks())


async def test_refusals_are_errors_of_the_api(server):
    """An error response is raised as for any other call."""
    key = server.api_key_for("viewer")
    async with Client(server.url, api_key=key) as client:
        with pytest.raises(errors.PermissionDeniedError):
            await all_of(client.instrumentation.hits().chunks())


@pytest.mark.parametrize("prefetch", [0, 2])
async def test_left_early(client, prefetch):
    """A stream that is left early ends the call, and the client can be used on."""
    async with aclosing(client.instrumentation.hits().prefetch(prefetch).chunks()) as chunks:
        async for _ in chunks:
            break
    await asyncio.sleep(0)
    assert (await client.me()).username == "admin"
    assert client.in_flight == 0
