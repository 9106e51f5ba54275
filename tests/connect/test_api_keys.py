"""API keys are returned once and work until they expire; users have content and groups."""

from datetime import timedelta

import pytest
from rich.pretty import pretty_repr

from aconnect import Client, errors
from aconnect.connect import UserRole
from aconnect.testing import Seed


@pytest.fixture
def seed():
    return Seed(users=6, groups=4, content=4)


async def test_a_key_lives_and_ends(server, client):
    """A new key works, is returned only when it is created, and is refused once deleted."""
    me = await client.me()
    key = await me.keys.create(name="night job", user_role=UserRole.VIEWER)
    assert key.key is not None
    async with Client(server.url, key.key) as other:
        assert (await other.me()).guid == me.guid
        with pytest.raises(errors.PermissionDeniedError):
            await other.content.create(name="not-for-viewers")
        again = await me.keys.get(key.id)
        assert (again.name, again.key) == ("night job", key.key[-4:])
        assert key.id in {one.id for one in await me.keys.find()}
        await again.delete()
        with pytest.raises(errors.AuthenticationError):
            await other.me()
    assert key.id not in {one.id for one in await me.keys.find()}
    with pytest.raises(errors.NotFoundError):
        await me.keys.get(key.id)


async def test_a_key_is_not_printed(client):
    """A key is redacted in every printed form of its object; the attribute has the value."""
    key = await (await client.me()).keys.create(name="secret")
    assert key.key is not None
    for shown in (repr(key), str(key), f"{[key]}", pretty_repr(key)):
        assert key.key not in shown
        assert "***" in shown
    assert key.to_dict()["key"] == key.key


async def test_a_key_expires(server, client):
    """A key is refused after it expires."""
    now = server.state.now()
    me = await client.me()
    key = await me.keys.create(name="short", expires_at=now + timedelta(hours=1))
    assert key.key is not None
    async with Client(server.url, key.key) as other:
        await other.me()
        server.state.now = lambda: now + timedelta(hours=2)
        with pytest.raises(errors.AuthenticationError):
            await other.me()


async def test_keys_of_others(server, client):
    """A key can be created only for the caller, and not with a higher role."""
    publisher = server.state.user_named("publisher")["guid"]
    with pytest.raises(errors.PermissionDeniedError):
        await client.users.handle(publisher).keys.create(name="for another")
    async with Client(server.url, server.api_key_for("publisher")) as other:
        keys = (await other.me()).keys
        with pytest.raises(errors.BadRequestError):
            await keys.create(name="too much", user_role="administrator")
        assert len(await keys.find()) == 1
        with pytest.raises(errors.NotFoundError):
            await other.users.handle((await client.me()).guid).keys.find()


async def test_content_of_a_user(server, client):
    """The content of a user is listed."""
    me = await client.me()
    mine = [row["guid"] for row in server.state.content.values() if row["owner_guid"] == me.guid]
    assert [item.guid for item in await me.content.find()] == mine
    assert await me.content.count() == len(mine) == 2
    first = await me.content.find_one(include="owner")
    assert first is not None
    assert first.owner is not None
    assert first.owner.guid == me.guid


async def test_groups_of_a_user(server, client):
    """The groups of a user are listed with one request per group, and can be joined and left."""
    user = await client.users.find_one(prefix="viewer")
    assert user is not None
    state = server.state
    mine = [guid for guid, members in state.members.items() if user.guid in members]
    others = [guid for guid in state.groups if guid not in mine]
    server.requests.clear()
    assert [group.guid for group in await user.groups.find()] == mine
    assert len(server.requests) == 1 + len(state.groups)
    await user.groups.add(others[0])
    await user.groups.delete(await client.groups.get(mine[0]))
    now = {group.guid async for group in user.groups.find()}
    assert now == {*mine[1:], others[0]}
