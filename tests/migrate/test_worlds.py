"""The servers of the other tests: what they have, and that the API agrees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aconnect import Client
from aconnect.errors import ConflictError
from aconnect.testing import FakeConnect
from tests.migrate.worlds import CLEAN, CONFLICTS, described, destination, secrets, source
from tests.serving import running


@pytest.fixture(params=[source, destination])
def world(request: pytest.FixtureRequest) -> Iterator[FakeConnect]:
    """A server that is not started."""
    server: FakeConnect = request.param()
    yield server
    server.state.close()


async def test_the_same_each_time(world: FakeConnect) -> None:
    """A server is the same each time, and its description is a JSON value."""
    again = {"source": source, "destination": destination}[world.api_key.partition("-")[0]]()
    assert json.loads(json.dumps(described(world))) == described(again)
    again.state.close()


async def test_nothing_in_common() -> None:
    """No GUID, id or secret of one server means anything on the other."""
    async with source() as first, destination() as second:
        one, other = first.state, second.state
        for name in ("users", "groups", "content", "tags", "oauth_integrations", "environments"):
            assert not getattr(one, name).keys() & getattr(other, name).keys()
        assert not secrets(first) & secrets(second)
        bundles = [{key for rows in s.bundles.values() for key in rows} for s in (one, other)]
        assert not bundles[0] & bundles[1]


async def test_everything_is_served(world: FakeConnect) -> None:
    """The key of a server reads everything that its description has."""
    async with world, Client(world.url, world.api_key) as client:
        found = described(world)
        items = await client.content.find(include=["owner", "tags", "vanity_url"])
        assert {f"{item.owner.username}/{item.name}" for item in items if item.owner} == set(
            found["content"]
        )
        for item in items:
            assert item.owner is not None
            entry = found["content"][f"{item.owner.username}/{item.name}"]
            assert await item.environment_variables.find() == [*entry["variables"]]
            assert len(await item.permissions.find()) == len(entry["permissions"])
            assert len(await item.bundles.find()) == len(entry["bundles"])
            assert len(await item.oauth.associations.find()) == len(entry["integrations"])
            assert await item.thumbnail.get() == world.state.thumbnails.get(item.guid)
        assert len(await client.vanities.find()) == len(found["vanities"])
        assert {user.username for user in await client.users.find()} == set(found["users"])


async def test_bundles_are_accepted() -> None:
    """The bundles of the source can be downloaded by their owners, and uploaded elsewhere."""
    async with (
        source() as first,
        destination() as second,
        Client(second.url, second.api_key) as client,
    ):
        target = await client.content.create(name="target")
        stored = 0
        for guid, bundles in first.state.bundles.items():
            username = first.state.users[first.state.content[guid]["owner_guid"]]["username"]
            if username == "dave":  # locked
                continue
            async with Client(first.url, first.api_key_for(username)) as owner:
                for number, bundle in bundles.items():
                    if bundle.row["size"]:
                        data = await owner.content.handle(guid).bundles.download(number)
                        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
                        assert digest == bundle.archive.md5
                        await target.bundles.create(data)
                        stored += 1
        assert stored > len(CLEAN) + len(CONFLICTS) - 3


@pytest.mark.parametrize("kind", [*CLEAN, *CONFLICTS])
def test_kinds(kind: str) -> None:
    """Several items of a kind can be made; none has the name or path of another."""
    server = source(3, kinds=[kind])
    names = [row["name"] for row in server.state.content.values()]
    assert names == [kind, f"{kind}-2", f"{kind}-3"]
    paths = [row["path"] for row in server.state.vanities.values()]
    assert len(set(paths)) == len(paths)
    server.state.close()


def test_secrets() -> None:
    """Keys, values of variables, secrets of integrations and passwords in addresses are secrets."""
    server = source()
    found = secrets(server)
    assert {server.api_key, "value-of-TOKEN-for-app-on-source"} <= found
    assert "client-secret-of-Warehouse-on-source" in found
    assert {"password-of-git-on-source", "password-of-packages-on-source"} <= found
    assert all(len(secret) > 16 for secret in found)
    server.state.close()


def _twice(server: FakeConnect) -> None:
    guid = next(iter(server.state.bundles))
    bundles = server.state.bundles[guid]
    bundles["new"] = next(iter(bundles.values()))


def _variable(server: FakeConnect) -> None:
    next(iter(server.state.environment.values()))["TOKEN"] = "another"


def _mail(server: FakeConnect) -> None:
    server.state.mail(next(iter(server.state.users.values())), "permission")


def _inactive(server: FakeConnect) -> None:
    next(iter(server.state.bundles.values())).popitem()[1].row["active"] = False


def _member(server: FakeConnect) -> None:
    next(iter(server.state.members.values())).append(next(iter(server.state.users)))


CHANGES: list[Callable[[FakeConnect], Any]] = [_twice, _variable, _mail, _inactive, _member]


@pytest.mark.parametrize("change", CHANGES)
def test_differences_show(change: Callable[[FakeConnect], Any]) -> None:
    """A description shows what is there twice, and values that the API does not return."""
    first, second = destination(), destination()
    change(second)
    assert described(first) != described(second)
    for server in (first, second):
        server.state.close()


async def test_in_another_process() -> None:
    """A server in another process is the same, counts its requests, and can be asked."""
    with running(source, items=2, kinds=["report", "app"], latency=0.001) as server:
        async with Client(server.url, server.api_key) as client:
            items = await client.content.find()
            await items[0].update(title="New")
            with pytest.raises(ConflictError):
                await items[1].update(owner_guid=items[0].owner_guid, name="report")
        assert (server.count("GET", "/v1/content"), server.count("PATCH")) == (1, 2)
        server.clear_counts()
        assert server.count() == 0
        content = server.ask(described)["content"]
        assert content["alice/report"]["settings"]["title"] == "New"


async def test_large_bundles() -> None:
    """Large bundles have the requested size, and the same bytes are kept once; each can be lost."""
    async with source(20, kinds=["gone", "own"], bundle_size=1_000_000) as server:
        rows = [bundle for rows in server.state.bundles.values() for bundle in rows.values()]
        there = [bundle for bundle in rows if bundle.row["size"]]
        assert len(there) == 10
        assert len({id(bundle.archive._memory) for bundle in there}) == 1
        assert all(1_000_000 < bundle.row["size"] < 1_100_000 for bundle in there)
        assert all(sum(map(len, bundle.archive.pieces())) > 1_000_000 for bundle in there)
