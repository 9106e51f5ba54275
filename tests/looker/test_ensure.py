"""`ensure_role` brings a role to the described state."""

from __future__ import annotations

from typing import Any

import pytest

from aconnect import errors
from aconnect.looker import Client, Group, User
from aconnect.testing.looker import FakeLooker


def changes(server: FakeLooker) -> list[str]:
    """Return the requests that change something, except login and logout."""
    return [
        f"{r.method} {r.path}"
        for r in server.requests
        if r.method != "GET" and r.path not in {"/login", "/logout"}
    ]


async def test_from_nothing(client: Client, server: FakeLooker) -> None:
    """`ensure_role` plans the role and sets, `apply` creates them; a second run does nothing."""
    group, user = next(iter(server.state.groups)), next(iter(server.state.users))
    described: dict[str, Any] = {
        "permission_set": "Analysts can",
        "permissions": ["access_data", "explore"],
        "model_set": "Costs",
        "models": ["costs"],
        "users": [user],
        "groups": [group],
    }
    change = await client.ensure_role("Analyst", **described)
    assert change
    assert str(change) == (
        "role 'Analyst': create\n"
        "  use the permission set 'Analysts can'\n"
        "  create the permission set 'Analysts can': + access_data, + explore\n"
        "  use the model set 'Costs'\n"
        "  create the model set 'Costs': + costs\n"
        f"  groups: + {group}\n"
        f"  users: + {user}"
    )
    assert changes(server) == []
    role = await change.apply()
    assert len(changes(server)) == 5
    assert role.permission_set is not None
    assert role.permission_set.permissions == ["access_data", "explore"]
    assert [u.id for u in await client.roles.users(role.id, direct_association_only=True)] == [user]
    assert [g.id for g in await client.roles.groups(role.id)] == [group]
    again = await client.ensure_role("Analyst", **described)
    assert not again
    assert str(again) == "role 'Analyst': nothing to do"
    assert (await again.apply()).id == role.id
    assert len(changes(server)) == 5


async def test_in_part(client: Client, server: FakeLooker) -> None:
    """Only the differences are changed; users that have the role through a group keep it."""
    (role,) = await client.roles.search(name="Sales viewer")
    (direct,) = server.state.role_users[role.id]
    other = list(server.state.users)[4]
    change = await client.ensure_role(
        "Sales viewer",
        permissions=["access_data", "explore"],
        model_set="All",
        users=[other],
        groups=server.state.role_groups[role.id],
    )
    assert str(change) == (
        "role 'Sales viewer': change\n"
        "  change the permission set 'Viewer': + explore, - see_looks\n"
        "  use the model set 'All'\n"
        f"  users: + {other}, - {direct}"
    )
    changed = await change.apply()
    assert changes(server) == [
        f"PATCH /permission_sets/{role.permission_set_id}",
        f"PATCH /roles/{role.id}",
        f"PUT /roles/{role.id}/users",
    ]
    assert changed.model_set is not None
    assert changed.model_set.name == "All"
    assert server.state.role_users[role.id] == [other]


async def test_undescribed_types_are_kept(client: Client, server: FakeLooker) -> None:
    """A name alone changes nothing; an empty list removes the role from everyone."""
    assert not await client.ensure_role("Sales viewer")
    assert not await client.ensure_role("Sales viewer", permission_set="Viewer", model_set="Sales")
    change = await client.ensure_role("Sales viewer", users=[], groups=[])
    await change.apply()
    (role,) = await client.roles.search(name="Sales viewer")
    assert server.state.role_users[role.id] == server.state.role_groups[role.id] == []


async def test_a_changed_set_is_in_the_role(client: Client, server: FakeLooker) -> None:
    """If only the set changes, the returned role has the updated set."""
    change = await client.ensure_role("Sales viewer", models=["sales", "costs"])
    assert str(change).endswith("change the model set 'Sales': + costs")
    role = await change.apply()
    assert role.model_set is not None
    assert role.model_set.models == ["sales", "costs"]
    assert changes(server) == [f"PATCH /model_sets/{role.model_set_id}"]


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({}, "requires both sets"),
        ({"permission_set": "Viewer", "model_set": "None such"}, "no model set 'None such'"),
        ({"permission_set": "Viewer", "model_set": "Sales", "users": "12"}, "must be a list"),
        ({"users": [None]}, "users contains None"),
        ({"groups": [True]}, "groups contains True"),
        ({"models": [""]}, "models contains ''"),
        ({"users": [User()]}, "users contains ''"),
        ({"users": [Group(id="6")]}, "users contains Group"),
    ],
)
async def test_refused_descriptions(
    client: Client, server: FakeLooker, described: dict[str, Any], message: str
) -> None:
    """Invalid descriptions are refused before anything is changed."""
    with pytest.raises(errors.InvalidArgumentError, match=message):
        await client.ensure_role("New", **described)
    assert changes(server) == []


@pytest.mark.parametrize("number", [int, str])
async def test_ids_may_be_numbers(client: Client, server: FakeLooker, number: type) -> None:
    """Numbers are compared and sent as the texts that Looker's ids are."""
    (role,) = await client.roles.search(name="Sales viewer")
    user, group = list(server.state.users)[3], list(server.state.groups)[1]
    described: dict[str, Any] = {"users": [number(user)], "groups": iter([number(group)])}
    await (await client.ensure_role("Sales viewer", **described)).apply()
    assert server.state.role_users[role.id] == [user]
    assert server.state.role_groups[role.id] == [group]
    again = await client.ensure_role(
        "Sales viewer", users=[number(user), user], groups=[number(group)]
    )
    assert str(again) == "role 'Sales viewer': nothing to do"


async def test_objects_are_the_same_as_their_ids(client: Client, server: FakeLooker) -> None:
    """Users and groups are accepted instead of their ids."""
    described: dict[str, Any] = {"users": await client.users.search(limit=2), "groups": []}
    change = await client.ensure_role("Sales viewer", **described)
    role = await change.apply()
    assert set(server.state.role_users[role.id]) == {user.id for user in described["users"]}
    assert not await client.ensure_role("Sales viewer", **described)


@pytest.mark.parametrize(
    ("name", "described", "message"),
    [
        (
            "Sales viewer",
            {"permissions": ["see_looks"], "model_set": "All", "models": ["sales"]},
            r"the model set 'All' is built in and cannot be changed \(- costs, - people\)",
        ),
        (
            "New",
            {
                "permission_set": "Admin",
                "permissions": ["explore"],
                "model_set": "New",
                "models": ["sales"],
            },
            "the permission set 'Admin' is built in",
        ),
        (
            "Admin",
            {"permissions": ["explore"], "users": []},
            "the permission set 'Admin' is built in",
        ),
        (
            "Admin",
            {"permission_set": "Viewer", "permissions": ["explore"]},
            "role 'Admin' is built in and cannot use 'Viewer'",
        ),
    ],
)
async def test_built_in_objects_are_refused_at_once(
    client: Client, server: FakeLooker, name: str, described: dict[str, Any], message: str
) -> None:
    """A change of what is built in is refused before anything is changed."""
    with pytest.raises(errors.InvalidArgumentError, match=message):
        await client.ensure_role(name, **described)
    assert changes(server) == []


async def test_a_built_in_role_can_be_given(client: Client, server: FakeLooker) -> None:
    """Built-in sets can be used, and a built-in role can be given to users."""
    everything = server.state.permission_sets[
        next(r["permission_set_id"] for r in server.state.roles.values() if r["internal"])
    ]["permissions"]
    user = next(iter(server.state.users))
    change = await client.ensure_role(
        "Admin", permissions=reversed(everything), model_set="All", users=[user]
    )
    assert str(change) == f"role 'Admin': change\n  users: + {user}"
    await change.apply()
    assert len(changes(server)) == 1
