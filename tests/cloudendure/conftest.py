"""A simulated CloudEndure, and clients of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from aconnect.cloudendure import Client
from aconnect.testing import VirtualClock
from aconnect.testing.cloudendure import FakeCloudEndure

MakeClient = Callable[..., Client]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER_API_TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"CLOUDENDURE_{name}", raising=False)


@pytest.fixture
async def server() -> AsyncIterator[FakeCloudEndure]:
    async with FakeCloudEndure() as running:
        yield running


@pytest.fixture
async def make_client(server: FakeCloudEndure) -> AsyncIterator[MakeClient]:
    async with AsyncExitStack() as stack:
        clients: list[Client] = []

        def make(**options: Any) -> Client:
            if not options.keys() & {"user_api_token", "username"}:
                options["user_api_token"] = server.user_api_token
            client = Client(**{"base_url": server.url, "clock": VirtualClock(), **options})
            clients.append(client)
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    return make_client()
