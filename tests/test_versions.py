"""Every declared operation against servers of other versions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from aconnect import NO_RETRY, Client, RetryPolicy, errors
from aconnect._client.operation import REGISTRY
from aconnect.testing import FakeConnect, Seed, VirtualClock
from tests.calls import OLD, SEED, ConnectScene

OPERATIONS = sorted(key for key in REGISTRY if key.startswith("connect:"))
TABLE = Path(__file__).parent / "contracts" / "connect-2023.09.json"
# An old server takes the last segment of the path for an id.
TAKEN_FOR_IDS = {"connect:content.storage.find"}
# The simulated server has it on every version, because it is unknown when it was added.
UNKNOWN_SINCE = {"connect:content.render"}


def known_in_2023() -> set[str]:
    """Return the operations of the old contract."""
    known = json.loads(TABLE.read_text())["operations"]
    return {
        key
        for key in OPERATIONS
        if f"{REGISTRY[key].method} {REGISTRY[key].template}" in known
        or not REGISTRY[key].template.startswith(("/v1", "/content"))
        or (REGISTRY[key].since or "9999") <= OLD
    }


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_on_an_old_server(operation: str) -> None:
    """On a server of 2023.09, an operation works or reports that the server lacks it."""
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
            since = REGISTRY[operation].since
            said = "too old" if since is None else f"was added in Posit Connect {since}"
            taken = operation in TAKEN_FOR_IDS
            kind = errors.NotFoundError if taken else errors.EndpointMissingError
            with pytest.raises(kind, match=said):
                await call()


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if REGISTRY[o].until])
async def test_removed_operations(operation: str) -> None:
    """On a new server, a removed operation reports that later versions lack it."""
    async with (
        FakeConnect(seed=SEED) as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        it = ConnectScene(server, client)
        await it.set_up()
        with pytest.raises(
            errors.EndpointMissingError, match=r"later versions of Posit Connect do not have"
        ):
            await it.call(operation)()


async def test_the_version_is_read_once() -> None:
    """The version is requested once; the first three numbers count."""
    async with (
        FakeConnect(version="2023.11.0-dev+103-g1a2b") as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        assert await client.version() == await client.version() == "2023.11.0"
        assert server.count("GET", "/server_settings") == 1


async def test_the_version_is_read_once_at_a_time() -> None:
    """Concurrent requests for the version share one response."""
    async with FakeConnect() as server, Client(server.url, api_key=server.api_key) as client:
        versions = await asyncio.gather(*(client.version() for _ in range(20)))
        assert len(set(versions)) == 1
        assert server.count("GET", "/server_settings") == 1


@pytest.mark.parametrize("hidden", [None, ""])
async def test_a_hidden_version_can_be_passed(hidden: str | None) -> None:
    """If the server hides its version, it is None, unless the caller passes it."""
    async with FakeConnect(version=hidden) as server:
        async with Client(server.url, api_key=server.api_key) as client:
            assert await client.version() is None
        async with Client(server.url, api_key=server.api_key, version="2025.06.0") as client:
            version = await client.version()
            assert version is not None
            assert version > "2025.05"


@pytest.mark.parametrize("retry", [RetryPolicy(), NO_RETRY], ids=["retries", "no retries"])
async def test_an_old_server_without_the_vanity_url(retry: RetryPolicy) -> None:
    """`include=vanity_url` still returns the content of a server that refuses the parameter."""
    async with (
        FakeConnect(version=OLD) as server,
        Client(server.url, api_key=server.api_key, retry=retry) as client,
    ):
        items = await client.content.find(include=["owner", "vanity_url"])
        assert items
        assert all(item.owner is not None for item in items)
        assert [request.query for request in server.requests] == [
            {"include": ["owner,vanity_url"]},
            {"include": ["owner"]},
        ]


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("2023.09.0", ["owner,tags,vanity_url"]),
        ("2024.03.0", ["owner,tags,vanity_url", "owner,tags"]),
        ("2026.06.0", ["owner,tags,vanity_url"]),
    ],
)
async def test_details_of_one_item(version: str, asked: list[str]) -> None:
    """`content.get` asks for owner, tags and vanity URL; any version returns the item."""
    async with (
        FakeConnect(version=version) as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        guid, row = next(iter(server.state.content.items()))
        item = await client.content.get(guid)
        assert [request.query for request in server.requests] == [{"include": [a]} for a in asked]
        if version > "2024":
            assert item.owner is not None
            assert item.owner.guid == row["owner_guid"]
            assert item.included_tags is not None
        await item.refresh()
        plain = await client.content.get(guid, include=None)
        assert server.requests[-1].query == {}
        assert plain.owner is None
        await client.content.get(guid=guid, include="tags")
        assert server.requests[-1].query == {"include": ["tags"]}


async def test_other_words_are_refused_as_ever() -> None:
    """A value that no server supports is an error, and is not retried."""
    async with FakeConnect() as server, Client(server.url, api_key=server.api_key) as client:
        with pytest.raises(errors.BadRequestError, match="INVALID_INCLUDE"):
            await client.content.find(include=["owner", "weather"])
        assert server.count("GET", "/v1/content") == 1


async def test_groups_by_prefix_on_an_old_server_come_once() -> None:
    """If a server repeats the first page of groups for ever, no group is returned twice."""
    async with (
        FakeConnect(seed=Seed(groups=12), version=OLD) as server,
        Client(server.url, api_key=server.api_key) as client,
    ):
        guids = [group.guid async for group in client.groups.find(prefix="group").page_size(5)]
        assert len(guids) == len(set(guids)) == 5
