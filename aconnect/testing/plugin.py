"""A pytest plugin with fixtures for a simulated server and a client.

The server is configured with `@pytest.mark.connect(...)`, which takes the arguments of
`FakeConnect`. Expensive imports are inside the fixtures, because pytest loads this module in every
run. If pytest-asyncio is not installed, the fixtures are not defined.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.testing.connect.server import FakeConnect

try:
    import pytest_asyncio
except ImportError:
    pass
else:

    @pytest_asyncio.fixture
    async def connect_server(request: pytest.FixtureRequest) -> AsyncIterator["FakeConnect"]:
        """A running simulated Connect server, configured with `@pytest.mark.connect(...)`."""
        from aconnect.testing.connect.server import FakeConnect  # noqa: PLC0415 - see the module docstring

        marker = request.node.get_closest_marker("connect")
        arguments: dict[str, Any] = marker.kwargs if marker else {}
        async with FakeConnect(**arguments) as server:
            yield server

    @pytest_asyncio.fixture
    async def connect_client(connect_server: "FakeConnect") -> AsyncIterator["Client"]:
        """A client of `connect_server` with the administrator's key."""
        from aconnect import Client  # noqa: PLC0415 - see the module docstring

        async with Client(connect_server.url, api_key=connect_server.api_key) as client:
            yield client


def pytest_configure(config: pytest.Config) -> None:
    """Register the `connect` marker."""
    config.addinivalue_line(
        "markers", "connect(**arguments): arguments of FakeConnect for the connect_server fixture"
    )
