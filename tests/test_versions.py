"""Every declared operation against servers of other versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aconnect import Client, errors
from aconnect._core.endpoint import REGISTRY
from aconnect.testing import FakeConnect, VirtualClock
from tests.calls import SEED, ConnectScene

OPERATIONS = sorted(key for key in REGISTRY if key.startswith("connect:"))
OLD = "2023.09.0"
TABLE = Path(__file__).parent / "contracts" / "connect-2023.09.json"
# An old server takes the last word of the path for an id.
TAKEN_FOR_IDS = {"connect:content.storage.find"}
# The simulated server has these on every version, as it is not known when they came.
UNKNOWN_SINCE = {"connect:content.render", "connect:instrumentation.hits"}


def known_in_2023() -> set[str]:
    """Give the operations that the old contract has."""
    known = json.loads(TABLE.read_text())["operations"]
    return {
        key
        for key in OPERATIONS
        if f"{REGISTRY[key].method} {REGISTRY[key].template}" in known
        or not REGISTRY[key].template.startswith("/v1")
        or (REGISTRY[key].since or "9999") <= OLD
    }


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_on_an_old_server(operation: str) -> None:
    """On a server of 2023.09 an operation works, or it says that the server does not know it."""
    async with (
        FakeConnect(seed=SEED, version=OLD) as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        it = ConnectScene(server, client)
        await it.set_up()
        call = it.call(operation)
        if operation in known_in_2023() | UNKNOWN_SINCE:
            await call()
        else:
            taken = operation in TAKEN_FOR_IDS
            kind = errors.NotFoundError if taken else errors.EndpointMissingError
            with pytest.raises(kind, match=r"too old|is older"):
                await call()


async def test_the_version_is_read_once() -> None:
    """A server is asked for its version once; the first three numbers count."""
    async with (
        FakeConnect(version="2023.11.0-dev+103-g1a2b") as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        assert await client.version() == await client.version() == "2023.11.0"
        assert server.count("GET", "/server_settings") == 1


@pytest.mark.parametrize("hidden", [None, ""])
async def test_a_hidden_version_can_be_told(hidden: str | None) -> None:
    """Where the server hides its version it is None, unless the user says it."""
    async with FakeConnect(version=hidden) as server:
        async with Client(server.url, api_key=server.api_key) as client:
            assert await client.version() is None
        async with Client(server.url, api_key=server.api_key, version="2025.06.0") as client:
            version = await client.version()
            assert version is not None
            assert version > "2025.05"
