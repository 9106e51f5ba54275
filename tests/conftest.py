"""Fixtures and settings of all tests."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from aconnect import Client
from aconnect.connect import ContentItem
from aconnect.testing import FakeConnect, Seed, VirtualClock
from aconnect.testing.connect.routes.content.bundles import small_archive

# Last on the path, so that the installed aconnect is tested, not the checkout.
sys.path.append(str(Path(__file__).parents[1]))

# Examples have no deadline, because the speed of shared machines varies. The examples are the same
# in each run, so that a failure belongs to the change that is tested; `--hypothesis-profile=search`
# tries new ones.
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


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    # An archive contains the time, but ids must be the same in every process of pytest-xdist.
    is_packed = isinstance(val, bytes) and (len(val) > 16 or val.startswith(b"\x1f\x8b"))
    return argname if is_packed else None


_SUMMARY = "summary"


@pytest.fixture
def summary(record_property: Callable[[str, object], None]) -> Iterator[list[str]]:
    """Lines to print at the end of the run, whether or not output is captured."""
    lines: list[str] = []
    yield lines
    # The report of the test carries them to the terminal, from a process of pytest-xdist as well.
    for line in lines:
        record_property(_SUMMARY, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = {
        str(value)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == _SUMMARY
    }
    for line in sorted(lines):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def archive() -> bytes:
    """The smallest bundle."""
    return small_archive("python-api")[0]


@pytest.fixture
def seed() -> Seed:
    """The data of the server."""
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
    """Content of the client's user, without a bundle."""
    return await client.content.create(name="item")
