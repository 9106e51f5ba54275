"""Methods that make an operation more convenient, wherever an operation can be passed."""

import re
from operator import attrgetter

import pytest

from aconnect import errors
from aconnect._client.endpoint import call_with
from aconnect._client.operation import REGISTRY
from aconnect._core.message import CallOptions
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from tests.calls import OAUTH_CONFIG, PICTURE

CONVENIENCES = {
    "content.oauth.associations.update": lambda world: ((world.integration,), {}),
    "content.permissions.create": lambda world: ((world.user,), {"role": "viewer"}),
    "content.permissions.delete": lambda world: ((world.permitted,), {}),
    "content.tags.add": lambda world: ((world.tag,), {}),
    "content.tags.delete": lambda world: ((world.tag,), {}),
    "content.thumbnail.get": lambda _: ((), {}),
    "content.thumbnail.put": lambda world: ((world.picture,), {}),
    "groups.members.add": lambda world: ((world.user,), {}),
    "groups.members.delete": lambda world: ((world.member,), {}),
}
"""The arguments of each by its own signature, which is not that of the operation."""


class World:
    """Objects to call them with."""

    async def set_up(self, server, client, item):
        self.item = item
        # Only deployed content has a thumbnail.
        server.state.content[item.guid]["bundle_id"] = "1"
        self.picture = PICTURE
        members = [member.guid for member in await (await client.groups.find_one()).members.find()]
        owner, self.permitted, *others = await client.users.find()
        assert owner.guid == item.owner_guid
        self.user = next(user for user in others if user.guid not in members)
        self.group = await client.groups.find_one()
        self.member = await self.group.members.find_one()
        self.tag = await client.tags.get_by_path("Department/Finance")
        config = {"auth_type": "Service Account", **OAUTH_CONFIG}
        server.state.oauth_integrations["g"] = new_integration(
            "g", 2, "custom", config, server.state.seed.start
        )
        self.integration = "g"
        await item.permissions.create(self.permitted, role="viewer")
        await item.tags.add(self.tag)
        return self

    def method(self, name):
        if name.startswith("content."):
            return attrgetter(name.removeprefix("content."))(self.item)
        return attrgetter(name.removeprefix("groups."))(self.group)


@pytest.fixture
async def world(server, client, item):
    return await World().set_up(server, client, item)


def test_all_conveniences_are_here():
    """Each private operation of Connect with a public method of its name is tested here."""
    expected = set()
    for key, operation in REGISTRY.items():
        name = operation.function.__name__
        owner = operation.function.__qualname__.partition(".")[0]
        module = __import__(operation.function.__module__, fromlist=[owner])
        public = hasattr(getattr(module, owner), name.removeprefix("_"))
        private = key.startswith("connect:") and name.startswith("_") and operation.style is None
        if private and public:
            expected.add(operation.name)
    assert set(CONVENIENCES) == expected


@pytest.mark.parametrize("name", CONVENIENCES)
async def test_with_response(world, client, name):
    """`with_response` takes its real signature."""
    args, kwargs = CONVENIENCES[name](world)
    response = await client.with_response(world.method(name), *args, **kwargs)
    assert response.status in {200, 201, 204}


@pytest.mark.parametrize("name", CONVENIENCES)
async def test_stream(world, server, client, name):
    """`stream` takes its real signature, and the operation is carried out once."""
    args, kwargs = CONVENIENCES[name](world)
    async with client.stream(world.method(name), *args, **kwargs) as stream:
        assert stream.status in {200, 201, 204}
    declared = REGISTRY[f"connect:{name}"]
    assert server.count(declared.method, re.sub("{.*?}", "*", declared.template)) == 1 + (
        # What the fixture did.
        name in {"content.permissions.create", "content.tags.add"}
    )


async def test_stream_that_never_starts(client, world):
    """An error before the request is raised as by calling the method."""
    with pytest.raises(errors.InvalidArgumentError, match="no permission of its own"):
        async with client.stream(world.item.permissions.delete, world.user):
            pass
    with pytest.raises(errors.InvalidArgumentError, match="not an operation"):
        async with client.stream(world.item.environment_variables.clear):
            pass


@pytest.mark.parametrize("name", CONVENIENCES)
async def test_call_with(world, name):
    """Options of one call apply to it by its real signature."""
    args, kwargs = CONVENIENCES[name](world)
    await call_with(CallOptions(deadline=30.0), world.method(name), *args, **kwargs)
