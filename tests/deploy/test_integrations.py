"""The integrations that a manifest requests are there before a build, and associated after it."""

import json

import pytest

from aconnect import Client
from aconnect.deploy import deploy
from aconnect.errors import InvalidArgumentError
from aconnect.testing import FakeConnect, VirtualClock


def request(folder, *requests):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "integration_requests": requests}))


async def create(client, name):
    return await client.oauth.integrations.create(
        name=name, template="connect", config={"max_role": "Viewer"}
    )


@pytest.mark.parametrize("version", ["2025.08.0", "2026.06.0"])
async def test_requested_integrations(folder, version):
    """The first integration that matches each request is associated, by any server version."""
    async with (
        FakeConnect(version=version) as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        wanted = await create(client, "Connect production")
        await create(client, "Connect test")
        request(folder, {"type": "connect", "name": "prod"})
        item = await (await deploy(client, folder, name="my-app"))
        (association,) = await item.oauth.associations.find()
        assert association.oauth_integration_guid == wanted.guid
        # Again: nothing is added or lost.
        item = await (await deploy(client, folder, name="my-app"))
        assert await item.oauth.associations.count() == 1


async def test_a_request_without_a_match(server, client, folder):
    """A request that no integration matches is an error before anything is sent."""
    await create(client, "Connect test")
    request(folder, {"type": "connect", "name": "production"})
    with pytest.raises(InvalidArgumentError, match=r"name='production'.*has: .*Connect test"):
        await deploy(client, folder, name="my-app")
    assert server.count("POST", "/v1/content") == 0


async def test_requests_that_are_no_requests(server, client, folder):
    """Requests of another form are refused before anything is sent."""
    request(folder, "connect")
    with pytest.raises(InvalidArgumentError, match="list of objects"):
        await deploy(client, folder, name="my-app")
    assert server.requests == []


async def test_servers_without_integrations(folder):
    """A server that is older than integrations gets the bundle; it ignores the requests."""
    async with (
        FakeConnect(version="2023.09.0") as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        request(folder, {"type": "connect"})
        item = await (await deploy(client, folder, name="my-app"))
        assert item.bundle_id is not None
