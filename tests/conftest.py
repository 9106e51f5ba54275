"""What all tests share."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aconnect import Client
from aconnect.connect import ContentItem
from aconnect.testing import FakeConnect, Seed, VirtualClock
from aconnect.testing.connect.routes.content.bundles import small_archive

# Behind everything else, so that an installed aconnect is what gets tested, not the checkout.
sys.path.append(str(Path(__file__).parents[1]))

# Machines that run tests are busy, so how long an example takes says nothing. The same tree gets
# the same examples, so that a failure belongs to the change it is seen with; new ones are looked
# for with `--hypothesis-profile=search`.
settings.register_profile(
    "aconnect",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("aconnect"), derandomize=False, max_examples=2000
)
settings.load_profile("aconnect")

_SUMMARY = pytest.StashKey[list[str]]()


@pytest.fixture
def summary(pytestconfig: pytest.Config) -> list[str]:
    """Lines to be shown at the end of the run, whether or not output is captured."""
    return pytestconfig.stash.setdefault(_SUMMARY, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash.get(_SUMMARY, []):
        terminalreporter.write_line(line)


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
