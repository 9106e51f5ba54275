"""A simulated Looker instance and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aconnect.looker import Client
from aconnect.testing import VirtualClock
from aconnect.testing.looker import FakeLooker


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server(clock: VirtualClock) -> AsyncIterator[FakeLooker]:
    async with FakeLooker(clock=clock.monotonic, users=8) as server:
        yield server


@pytest.fixture
async def client(server: FakeLooker, clock: VirtualClock) -> AsyncIterator[Client]:
    client = Client(server.url, server.client_id, server.client_secret, clock=clock)
    async with client:
        yield client
