"""GUIDs in any spelling address the same object, and names are reported."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from aconnect import Client, collect, errors
from aconnect.testing import FakeConnect, Seed

OLD = "2025.06.0"
"""A version that cannot filter hits by content."""
SPELLINGS = [str.upper, "{{{}}}".format, " {}\n".format, UUID]
every_spelling = pytest.mark.parametrize(
    "spell", SPELLINGS, ids=["upper case", "braces", "blanks", "UUID"]
)


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(visits=30, hits=30, content=3), version=OLD) as running:
        yield running


@pytest.fixture
async def client(server: FakeConnect) -> AsyncIterator[Client]:
    async with Client(server.url, api_key=server.api_key) as made:
        yield made


@pytest.fixture
def guid(server: FakeConnect) -> str:
    return next(iter(server.state.content))


@every_spelling
async def test_in_paths(client, guid, spell):
    """A path takes any spelling, and so do handles."""
    assert (await client.content.get(spell(guid))).guid == guid
    handle = client.content.handle(spell(guid))
    assert handle.guid == guid
    assert (await handle.refresh()).guid == guid
    me = await client.me()
    assert client.users.handle(spell(me.guid)).guid == me.guid


@every_spelling
async def test_in_filters(client, guid, spell):
    """A filter finds the same rows for any spelling, whoever applies it."""
    visits = await client.instrumentation.visits(content_guid=guid)
    assert visits
    assert await client.instrumentation.visits(content_guid=spell(guid)) == visits
    assert await client.instrumentation.visits(content_guid=[spell(guid)]) == visits
    me = await client.me()
    found = await client.content.find(owner_guid=spell(me.guid))
    owned = await client.content.of(spell(me.guid)).find()
    assert [item.guid for item in found] == [item.guid for item in owned]
    assert found
    hits = [batch async for batch in collect.hits(client, content_guid=spell(guid))]
    assert {hit.content_guid for batch in hits for hit in batch} == {guid}


@every_spelling
async def test_in_bodies_and_comparisons(client, guid, spell):
    """A body takes any spelling, and what is compared here is compared by its value."""
    user = await client.users.create(username="newcomer", email="new@example.com")
    group = await client.groups.create(name="some-group")
    await group.members.add(user_guid=spell(user.guid))
    assert [one.guid for one in await client.groups.of(spell(user.guid)).find()] == [group.guid]
    item = client.content.handle(guid)
    made = await item.permissions.create(
        principal_guid=spell(user.guid), principal_type="user", role="viewer"
    )
    assert made.principal_guid == user.guid
    found = await item.permissions.find_one(principal_guid=spell(user.guid))
    assert found is not None
    assert found.id == made.id
    await user.update(user_role="publisher")
    moved = await item.update(owner_guid=spell(user.guid))
    assert moved.owner_guid == user.guid
    await group.members.delete(spell(user.guid))
    assert await group.members.count() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda client, _: client.content.get("my-report"),
        lambda client, _: client.content.handle("my-report").bundles.find(),
        lambda client, _: client.content.handle("my-report").delete(),
        lambda _, group: group.members.add("my-report"),
    ],
    ids=["get", "find", "delete", "body"],
)
async def test_a_name_instead(client, call):
    """A name instead of a GUID is explained by the error of the server."""
    group = await client.groups.create(name="some-group")
    with pytest.raises(errors.NotFoundError, match=r"guid='my-report' is not a GUID; .*look up"):
        await call(client, group)


async def test_a_missing_object(client):
    """A GUID of nothing is not called anything else."""
    with pytest.raises(errors.NotFoundError) as caught:
        await client.content.get(UUID(int=1))
    assert "not a GUID" not in str(caught.value)


@pytest.mark.parametrize("guids", ["my-report", ["my-report"]], ids=["text", "list"])
async def test_a_name_as_filter(server, client, guids):
    """A name is refused as a filter, for which a server would return nothing."""
    with pytest.raises(errors.InvalidArgumentError, match="'my-report' is not a GUID"):
        await client.instrumentation.visits(content_guid=guids)
    with pytest.raises(errors.InvalidArgumentError, match="'my-report' is not a GUID"):
        collect.hits(client, content_guid=guids)
    with pytest.raises(errors.InvalidArgumentError, match="'my-report' is not a GUID"):
        await client.content.find(owner_guid="my-report")
    assert not server.requests
