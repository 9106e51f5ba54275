"""Every operation against the simulated instance, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aconnect import errors
from aconnect._client.operation import REGISTRY
from aconnect.looker import Client
from aconnect.testing import VirtualClock
from aconnect.testing.looker import FakeLooker

READ_ONLY = {"can", "url", "built_in", "all_access", "id", "internal", "users_url", "user_count"}


def test_all_operations_are_declared() -> None:
    """24 operations of roles and sets, 10 of users and groups, and 3 of sessions are declared."""
    assert len([key for key in REGISTRY if key.startswith("looker:")]) == 37


@pytest.mark.parametrize("kind", ["model_sets", "permission_sets"])
async def test_sets(client: Client, server: FakeLooker, kind: str) -> None:
    """A set is created, found, changed and deleted."""
    sets: Any = getattr(client, kind)
    content = "models" if kind == "model_sets" else "permissions"
    made = await sets.create(name="Mine", **{content: ["explore"]})
    assert (made.name, getattr(made, content), made.built_in) == ("Mine", ["explore"], False)
    assert (await sets.get(made.id)).name == "Mine"
    assert (await sets.get(made.id, fields=["name"])).id == ""
    assert made.id in [row.id for row in await sets.all()]
    assert {row.id for row in await sets.all(fields="name")} == {""}
    for filters in (
        {"name": "mi%"},
        {"name": "_ine"},
        {"id": ["0", made.id]},
        {content: "explor%", "built_in": False},
        {"name": "Mine", "id": "0", "filter_or": True},
    ):
        assert [row.name for row in await sets.search(**filters)] == ["Mine"]
    assert await sets.search(name="IS NULL") == []
    changed = await sets.update(made.id, **{content: ["access_data"]})
    assert (changed.name, getattr(changed, content)) == ("Mine", ["access_data"])
    await sets.delete(made.id)
    with pytest.raises(errors.NotFoundError):
        await sets.get(made.id)
    bodies = [json.loads(r.body) for r in server.requests if r.body and r.path != "/login"]
    assert bodies == [{"name": "Mine", content: ["explore"]}, {content: ["access_data"]}]


async def test_permissions(client: Client) -> None:
    """Permissions are listed, each with the permission that it requires."""
    found = {p.permission: p.parent for p in await client.permissions.all()}
    assert found["explore"] == "see_looks"


async def test_roles(client: Client, server: FakeLooker) -> None:
    """A role is created, found, changed and deleted."""
    permission_set = (await client.permission_sets.search(name="Viewer"))[0].id
    model_set = (await client.model_sets.search(name="Sales"))[0].id
    everything = (await client.model_sets.search(built_in=True))[0].id
    role = await client.roles.create(
        name="Mine", permission_set_id=permission_set, model_set_id=model_set
    )
    assert role.permission_set is not None
    assert role.permission_set.name == "Viewer"
    assert (await client.roles.get(role.id)).name == "Mine"
    assert len(await client.roles.all()) == 3
    others = [other.id for other in await client.roles.all() if other.id != role.id]
    assert [r.id for r in await client.roles.all(ids=others, get_all_support_roles=False)] == others
    assert server.requests[-1].query["ids"] == [",".join(others)]
    by_sets = await client.roles.search(model_set_ids=model_set, permission_set_ids=permission_set)
    assert [found.name for found in by_sets] == ["Sales viewer", "Mine"]
    descending = await client.roles.search(sorts=["name desc"], built_in=False)
    assert [found.name for found in descending] == ["Sales viewer", "Mine"]
    changed = await client.roles.update(role.id, model_set_id=everything)
    assert changed.model_set_id == everything
    await client.roles.delete(role.id)
    with pytest.raises(errors.NotFoundError):
        await client.roles.get(role.id)
    for request in server.requests:
        if request.method in {"POST", "PATCH"} and request.path != "/login":
            assert not READ_ONLY & request.json().keys()


async def test_who_has_a_role(client: Client, server: FakeLooker) -> None:
    """Groups and users of a role are read and replaced; users of groups can be excluded."""
    (role,) = await client.roles.search_with_user_count(name="sales%")
    first, second = server.state.groups
    assert [group.id for group in await client.roles.groups(role.id)] == [first]
    direct = await client.roles.users(role.id, direct_association_only=True)
    everyone = await client.roles.users(role.id, fields=["id", "email"])
    assert len(direct) == 1
    assert role.user_count == len(everyone) == 5
    groups = await client.roles.set_groups(role.id, [second])
    assert [group.name for group in groups] == [f"Group {second}"]
    assert server.requests[-1].json() == [second]
    assert await client.roles.set_users(role.id, []) == []
    assert len(await client.roles.users(role.id)) == 4


async def test_search_reads_all_pages(client: Client, server: FakeLooker) -> None:
    """A search requests the next offset until a page is empty."""
    for number in range(7):
        await client.model_sets.create(name=f"Set {number}")
    server.requests.clear()
    rows = [row.name async for row in client.model_sets.search(name="set%").page_size(3)]
    assert rows == [f"Set {number}" for number in range(7)]
    asked = [(r.query["limit"][0], r.query["offset"][0]) for r in server.requests]
    assert asked == [("3", "0"), ("3", "3"), ("3", "6"), ("3", "7")]


@pytest.mark.parametrize("most", [1, 3, 10])
async def test_search_of_a_server_that_lowers_the_limit(most: int) -> None:
    """All rows arrive once, even if the server returns fewer than requested."""
    async with FakeLooker(max_limit=most) as server:
        client = Client(server.url, server.client_id, server.client_secret, clock=VirtualClock())
        async with client:
            for number in range(7):
                await client.model_sets.create(name=f"Set {number}")
            found = client.model_sets.search(name="set%")
            assert [row.name for row in await found] == [f"Set {number}" for number in range(7)]
            assert await found.total() == 7


@pytest.mark.parametrize("given", [[], [""], ["", "3"], "", iter(())])
@pytest.mark.parametrize(
    "find",
    [
        lambda client, ids: client.roles.all(ids=ids),
        lambda client, ids: client.roles.search(id=ids),
        lambda client, ids: client.roles.search(model_set_ids=ids),
        lambda client, ids: client.roles.search_with_user_count(id=ids),
        lambda client, ids: client.permission_sets.search(id=ids),
    ],
)
async def test_no_ids_do_not_match_everything(
    client: Client, server: FakeLooker, find: Callable[[Client, object], object], given: object
) -> None:
    """Empty ids are refused: a filter that is left out would match everything."""
    with pytest.raises(errors.InvalidArgumentError, match="would match everything"):
        find(client, given)
    assert server.requests == []


async def test_lists_that_filter_nothing_may_be_empty(client: Client) -> None:
    """Without fields to sort by or to return, the search is the same as without these arguments."""
    assert await client.roles.search(sorts=[], fields=[]) == await client.roles.search()
