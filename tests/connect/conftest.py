"""A server, a client that does not wait, and what most tests need; a module may override each."""

from collections.abc import AsyncIterator

import pytest

from aconnect import Client
from aconnect.connect import ContentItem
from aconnect.testing import FakeConnect, Seed, VirtualClock
from aconnect.testing.connect.routes.bundles import small_archive


@pytest.fixture(scope="session")
def archive() -> bytes:
    """The smallest bundle."""
    return small_archive("python-api")[0]


@pytest.fixture
def seed() -> Seed:
    """What the server holds."""
    return Seed()


@pytest.fixture
async def server(seed: Seed) -> AsyncIterator[FakeConnect]:
    async with FakeConnect(seed) as server:
        yield server


@pytest.fixture
def clock() -> VirtualClock:
    """The client's clock."""
    return VirtualClock()


@pytest.fixture
async def client(server: FakeConnect, clock: VirtualClock) -> AsyncIterator[Client]:
    async with Client(server.url, server.api_key, clock=clock) as client:
        yield client


@pytest.fixture
async def item(client: Client) -> ContentItem:
    """Content of the client's own, without a bundle."""
    return await client.content.create(name="item")
