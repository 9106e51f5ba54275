"""The storage of bundles, per content item and for the whole server."""

import pytest

from aconnect import Client, errors
from aconnect.connect import SystemStorage
from aconnect.testing import FakeConnect, Seed


@pytest.fixture
def seed():
    return Seed(content=7)


async def test_sums(client, archive):
    """The total of an item is the sum of its bundles; the server's total that of all items."""
    item = await client.content.find().first()
    spare = await item.bundles.create(archive)
    detail = await item.storage()
    assert [(b.id, b.size_bytes, b.is_active) for b in detail.bundles] == [
        (b.id, b.size, b.active) for b in await item.bundles.find(asc_order=False)
    ]
    assert detail.bundle_bytes_inactive == spare.size == len(archive)
    assert detail.bundle_bytes_total == detail.bundle_bytes_active + spare.size
    rows = {row.content_guid: row async for row in client.content.storage.find()}
    assert rows[item.guid].bundles.bytes_total == detail.bundle_bytes_total
    assert rows[item.guid].owner_username == detail.owner_username == "admin"
    whole = (await SystemStorage(client).get()).bundles
    assert whole is not None
    assert whole.bytes_total == sum(row.bundles.bytes_total for row in rows.values())
    assert whole.count == sum(row.bundles.count for row in rows.values()) == 8
    assert whole.content_count == len(rows) == 7


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_sorted_over_pages(server, client, archive, order):
    """Rows are sorted across pages."""
    await (await client.content.find().first()).bundles.create(archive)
    server.requests.clear()
    rows = await client.content.storage.find(sort="count", order=order).page_size(3)
    counts = [row.bundles.count for row in rows]
    assert counts == sorted(counts, reverse=order == "desc")
    assert len(server.requests) == 3
    assert len({row.content_guid for row in rows}) == len(rows) == 7


async def test_for_administrators(server, client):
    """Publishers may not read the storage; unknown sort columns are refused."""
    with pytest.raises(errors.BadRequestError):
        await client.content.storage.find(sort="colour")
    async with Client(server.url, server.api_key_for("publisher")) as publisher:
        for call in (publisher.content.storage.find, SystemStorage(publisher).get):
            with pytest.raises(errors.PermissionDeniedError):
                await call()


async def test_an_older_server_names_the_version():
    """On an older server, the error names the version that added the operation."""
    async with (
        FakeConnect(version="2026.03.0") as server,
        Client(server.url, server.api_key) as old,
    ):
        with pytest.raises(errors.NotFoundError, match=r"was added in Posit Connect 2026\.06\.0"):
            await old.content.storage.find()
