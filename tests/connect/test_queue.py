"""Listing the queue and removing items."""

import pytest

from aconnect import Client, RetryPolicy, errors
from aconnect.testing import Seed, VirtualClock
from aconnect.testing.connect.routes.queue import new_queue_item

ATTEMPTS = 3


@pytest.fixture
def seed():
    return Seed(queue=10)


@pytest.fixture
async def client(server):
    policy = RetryPolicy(attempts=ATTEMPTS)
    async with Client(server.url, server.api_key, clock=VirtualClock(), retry=policy) as client:
        yield client


async def test_find(server, client):
    """All items are listed, over one or several pages, in either order."""
    found = await client.queue.find()
    assert [item.id for item in found] == [str(n) for n in range(1, 11)]
    assert {item.name for item in found} == {"default", "git", "memberships", "job-finalizer"}
    assert {item.started_time for item in found} == {None}
    server.requests.clear()
    assert await client.queue.find().page_size(4) == found
    assert len(server.requests) == 3
    assert await client.queue.find(asc_order=False) == found[::-1]


@pytest.mark.parametrize("names", ["git", ["git"], ["git", "default"], ("none",)])
async def test_some_queues(client, names):
    """The list can be limited to one or several queues."""
    wanted = {names} if isinstance(names, str) else set(names)
    expected = [item for item in await client.queue.find() if item.name in wanted]
    assert await client.queue.find(queue_names=names) == expected


async def test_delete(client):
    """A deleted item leaves the queue; deleting it again raises NotFoundError."""
    first, *others = await client.queue.find()
    await first.delete()
    assert await client.queue.find() == others
    with pytest.raises(errors.NotFoundError, match="17"):
        await first.delete()


async def test_items_in_progress(server, client):
    """Deleting an item in progress is retried as the policy allows, then raises an error."""
    server.state.queue["99"] = new_queue_item(99, "git", server.state.now(), started=True)
    *_, item = await client.queue.find()
    assert item.started_time is not None
    with pytest.raises(errors.BadRequestError, match="100"):
        await item.delete()
    assert server.count("DELETE", "/v1/queue/99") == ATTEMPTS
    assert "99" in server.state.queue


async def test_for_administrators(server):
    """Publishers may not list the queue."""
    async with Client(server.url, server.api_key_for("publisher")) as client:
        with pytest.raises(errors.PermissionDeniedError):
            await client.queue.find()
