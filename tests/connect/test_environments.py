"""Environments can be found, updated without loss, and restricted by permissions."""

import msgspec
import pytest

from aconnect import Client, errors
from aconnect.connect import EnvironmentMatching
from aconnect.testing import FakeConnect, VirtualClock

IMAGE = "ghcr.io/example/image:1"
MOUNT = {
    "source": {"volume_type": "nfs", "nfs_host": "nfs.example.com", "nfs_export_path": "/data"},
    "target": {"path": "/mnt/data", "read_only": True},
}
PYTHON = {"installations": [{"version": "3.12.7", "path": "/opt/python/bin/python"}]}


@pytest.fixture
async def environment(client):
    return await client.environments.create(
        name=IMAGE, cluster_name="Kubernetes", title="Old", python=PYTHON, volume_mounts=[MOUNT]
    )


async def test_sent_fields_are_returned(client, environment):
    """A new environment has the fields that were sent, and is matched automatically by default."""
    assert await client.environments.get(environment.guid) == environment
    assert msgspec.to_builtins(environment.python) == PYTHON
    assert environment.volume_mounts[0].source.nfs_host == "nfs.example.com"
    assert environment.volume_mounts[0].target.read_only is True
    assert environment.matching is EnvironmentMatching.ANY
    assert environment.managed_by is None


async def test_update_keeps_the_others(environment):
    """An update keeps the other fields, although the server replaces the whole environment."""
    changed = await environment.update(title="New", matching="exact")
    assert (changed.title, changed.matching) == ("New", EnvironmentMatching.EXACT)
    assert (changed.python, changed.volume_mounts) == (
        environment.python,
        environment.volume_mounts,
    )
    assert await environment.refresh() == changed
    assert (await changed.update(description=None, volume_mounts=[])).volume_mounts == []


async def test_update_of_the_whole(client, environment):
    """An update by GUID removes the fields that it does not send."""
    changed = await client.environments.update(environment.guid, title="New")
    assert changed.python.installations == []


async def test_update_on_an_old_server():
    """An update on a 2023.09 server sends the required title, and no fields of later versions."""
    async with (
        FakeConnect(version="2023.09.0") as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
    ):
        environment = (await client.environments.find())[0]
        server.requests.clear()
        assert (await environment.update(matching="none")).title == environment.title
        sent = server.requests[0].json()
        assert sent.keys().isdisjoint({"nodejs", "tensorflow", "volume_mounts"})


async def test_find_by(client, environment):
    """`find_by` returns the first environment that matches all fields, or None."""
    find_by = client.environments.find_by
    assert await find_by(name=IMAGE) == environment
    assert await find_by(title="Old", cluster_name="Kubernetes", managed_by=None) == environment
    assert await find_by(title="Old", name="other") is None
    with pytest.raises(TypeError, match="colour"):
        await find_by(colour="red")


async def test_delete(client, environment):
    """Deleting an environment deletes its permissions."""
    permission = await environment.permissions.create(user_guid=(await client.me()).guid)
    await environment.delete()
    assert await client.environments.find_by(guid=environment.guid) is None
    with pytest.raises(errors.NotFoundError):
        await permission.delete()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"title": ""}, 168),
        ({"title": "x" * 65}, 168),
        ({"description": "x" * 4097}, 169),
        ({"cluster_name": "Local"}, 170),
        ({"name": "two words"}, 171),
        ({"matching": "some"}, 172),
        ({"r": {"installations": [{"version": "4.4.2", "path": "bin/R"}]}}, 173),
        ({"r": {"installations": [{"version": "4", "path": "/bin/R"}]}}, 174),
        ({"supervisor": "a\nb"}, 177),
        ({"volume_mounts": [{"source": {}, "target": {}}]}, 254),
    ],
)
async def test_refused(client, fields, code):
    """An invalid environment is refused with the vendor's code."""
    whole = {"name": IMAGE, "cluster_name": "Kubernetes", "title": "x", **fields}
    with pytest.raises(errors.BadRequestError) as caught:
        await client.environments.create(**whole)
    assert caught.value.code == code


@pytest.mark.usefixtures("environment")
async def test_taken(client):
    """A name that is already in use raises ConflictError."""
    with pytest.raises(errors.ConflictError, match=IMAGE) as caught:
        await client.environments.create(name=IMAGE, cluster_name="Kubernetes", title="Other")
    assert caught.value.code == 175


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_managed(client, change):
    """An environment that is managed by a file cannot be changed by the API."""
    managed = await client.environments.find_by(managed_by="config")
    with pytest.raises(errors.ConflictError) as caught:
        await (managed.update(title="x") if change == "update" else managed.delete())
    assert caught.value.code == 265


async def test_permissions(server, environment):
    """Permissions for users and groups are created, listed and deleted; duplicates are refused."""
    user, group = next(iter(server.state.users)), next(iter(server.state.groups))
    one = await environment.permissions.create(user_guid=user)
    other = await environment.permissions.create(group_guid=group)
    assert (one.user_guid, one.group_guid) == (user, None)
    assert (other.user_guid, other.group_guid) == (None, group)
    assert await environment.permissions.find() == [one, other]
    assert await environment.permissions.get(other.guid) == other
    with pytest.raises(errors.ConflictError) as caught:
        await environment.permissions.create(user_guid=user)
    assert caught.value.code == 247
    await one.delete()
    assert await environment.permissions.find() == [other]


@pytest.mark.parametrize("who", [{}, {"user_guid": "a", "group_guid": "b"}])
async def test_permission_of_none_or_two(environment, who):
    """A permission needs either a user or a group, not both."""
    with pytest.raises(errors.BadRequestError) as caught:
        await environment.permissions.create(**who)
    assert caught.value.code == 246


async def test_who_may_use_it(server, environment):
    """Permissions restrict which publishers see an environment; publishers cannot change it."""
    async with Client(server.url, server.api_key_for("publisher")) as publisher:
        assert environment in await publisher.environments.find()
        with pytest.raises(errors.PermissionDeniedError):
            await publisher.environments.update(environment.guid, title="x")
        await environment.permissions.create(user_guid=server.state.user_named("admin")["guid"])
        assert environment not in await publisher.environments.find()
        with pytest.raises(errors.PermissionDeniedError):
            await publisher.environments.get(environment.guid)
        await environment.permissions.create(user_guid=(await publisher.me()).guid)
        assert await publisher.environments.get(environment.guid) == environment
