"""A simulated authentik and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aconnect.authentik import Client
from aconnect.testing import VirtualClock
from aconnect.testing.authentik import FakeAuthentik


@pytest.fixture
async def server() -> AsyncIterator[FakeAuthentik]:
    async with FakeAuthentik(endpoints=3, connection_tokens=4) as server:
        yield server


@pytest.fixture
async def client(server: FakeAuthentik) -> AsyncIterator[Client]:
    async with Client(server.url, server.token, clock=VirtualClock()) as client:
        yield client
