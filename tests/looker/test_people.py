"""Users and groups: exact look-ups, and changes of who has a role that keep all others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aconnect import errors
from aconnect.looker import Client, Group, Role, User
from aconnect.testing import faults
from aconnect.testing.looker import FakeLooker


def writes(server: FakeLooker) -> list[tuple[str, str, object]]:
    """Return the requests that change something, except logins."""
    return [
        (r.method, r.path, r.json())
        for r in server.requests
        if r.method not in {"GET", "DELETE"}
        if not r.path.startswith("/login")
    ]


async def test_users(client: Client, server: FakeLooker) -> None:
    """A user is found by id, by credential and by pattern; `me` is the owner of the credentials."""
    first, second, *_ = server.state.users
    assert (await client.me()).id == (await client.users.me(fields="id")).id == first
    user = await client.users.get(second)
    assert user.email == "user0001@example.com"
    assert (await client.users.get_by_credential("email", user.email)).id == second
    with pytest.raises(errors.NotFoundError):
        await client.users.get_by_credential("email", "user000_@example.com")
    assert len(await client.users.search(email="user000_@example.com")) == 8
    group = server.state.users[second]["group_ids"][0]
    assert second in [u.id for u in await client.users.search(group_id=group, is_disabled=False)]
    assert await client.users.search(full_name="user 1", embed_user=True) == []
    assert [u.id for u in await client.users.search(full_name="user 1")] == [second]


async def test_groups(client: Client, server: FakeLooker) -> None:
    """The users of a group are listed, and one is added; a member stays one."""
    first, second = server.state.groups
    group = await client.groups.find_by(name=f"Group {second}")
    assert group is not None
    assert (await client.groups.get(second)).user_count == group.user_count == 4
    assert await group.users.count() == 4
    user = next(u for u in server.state.users.values() if u["group_ids"] == [first])
    for _ in range(2):
        assert (await group.users.add(client.users.handle(user["id"]))).id == user["id"]
    assert user["group_ids"] == [first, second]
    found = await client.groups.handle(int(second)).users.find_by(email=user["email"])
    assert found is not None
    assert found.id == user["id"]


NAMES = ["a_b", "aXb", "a%b", "A_B", "axxb", "a\\b", "IS NULL", "a b", "a+b&c"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("resource", "rows", "field"),
    [
        ("users", "users", "email"),
        ("users", "users", "last_name"),
        ("groups", "groups", "name"),
        ("roles", "roles", "name"),
        ("model_sets", "model_sets", "name"),
        ("permission_sets", "permission_sets", "name"),
    ],
)
async def test_a_look_up_is_exact(resource: str, rows: str, field: str, name: str) -> None:
    """`find_by` finds the object with exactly this text, of those that its pattern would match."""
    async with FakeLooker(users=len(NAMES), groups=len(NAMES)) as server:
        objects = getattr(server.state, rows)
        template = next(iter(objects.values()))
        for number, other in enumerate(NAMES):
            objects[f"n{number}"] = {**template, "id": f"n{number}", field: other}
        for role in server.state.roles:
            server.state.role_users.setdefault(role, [])
            server.state.role_groups.setdefault(role, [])
        async with Client(server.url, server.client_id, server.client_secret) as client:
            found = await getattr(client, resource).find_by(**{field: name})
            assert found.id == f"n{NAMES.index(name)}"
            for absent in ("%", "a__b", "NOT NULL", "a_", "A%"):
                assert await getattr(client, resource).find_by(**{field: absent}) is None


async def test_a_look_up_requests_what_may_match_only(client: Client, server: FakeLooker) -> None:
    """The server filters by a pattern, the arguments of the search can be passed as well."""
    user = await client.users.find_by(email="user0003@example.com", full_name="User%")
    assert user is not None
    query = server.requests[-1].query
    assert query["email"] == ["user0003@example.com"]
    assert query["full_name"] == ["User%"]
    with pytest.raises(TypeError, match="takes no fields"):
        await client.users.find_by(email="user0003@example.com", fields="id")
    with pytest.raises(TypeError, match="did you mean email"):
        await client.users.find_by(mail="user0003@example.com")


@pytest.fixture
async def role(client: Client) -> Role:
    """The role that is not built in."""
    role = await client.roles.find_by(name="Sales viewer")
    assert role is not None
    return role


async def test_users_of_a_role(client: Client, server: FakeLooker, role: Role) -> None:
    """Users are given a role and lose it, others keep it; nothing is written without a change."""
    before = list(server.state.role_users[role.id])
    first, second, third = await client.users.search(limit=3, offset=5)
    assert await role.users.add(first, second.id, int(third.id), first)
    given = server.state.role_users[role.id]
    assert given == [*before, first.id, second.id, third.id]
    assert not await role.users.add(second, *before)
    assert not await role.users.add()
    assert [user.id for user in await role.users.find(direct_association_only=True)]
    assert await role.users.remove(first, int(third.id))
    assert server.state.role_users[role.id] == [*before, second.id]
    assert not await role.users.remove(first)
    path = f"/roles/{role.id}/users"
    assert writes(server) == [("PUT", path, given), ("PUT", path, [*before, second.id])]


async def test_concurrent_changes_of_a_list(server: FakeLooker, role: Role) -> None:
    """Changes that one program makes at the same time are all kept, through any client."""
    before = list(server.state.role_users[role.id])
    others = [user for user in server.state.users if user not in before]
    async with Client(server.url, server.client_id, server.client_secret) as second:
        same = second.roles.handle(role.id)
        changes = [(role, same)[i % 2].users.add(user) for i, user in enumerate(others)]
        changes += [role.users.remove(before[0]), same.groups.remove("no such group")]
        assert await asyncio.gather(*changes) == [True] * (len(others) + 1) + [False]
    assert set(server.state.role_users[role.id]) == {*before[1:], *others}


async def test_a_role_through_a_group_is_not_made_direct(
    client: Client, server: FakeLooker, role: Role
) -> None:
    """Who has a role through a group does not have it directly after a change of others."""
    (group,) = server.state.role_groups[role.id]
    through, *_ = (u["id"] for u in server.state.users.values() if group in u["group_ids"])
    assert not await role.users.remove(through)
    assert await client.roles.handle(role.id).users.add(list(server.state.users)[-1])
    assert through not in server.state.role_users[role.id]
    assert through in [user.id for user in await role.users.find()]


async def test_groups_of_a_role(client: Client, server: FakeLooker, role: Role) -> None:
    """Groups are given a role and lose it, others keep it; nothing is written without a change."""
    first, second = await client.groups.search()
    assert await role.groups.add(second, first.id)
    assert not await role.groups.add(first)
    assert await role.groups.count() == 2
    assert await role.groups.remove(int(first.id))
    assert not await role.groups.remove(first)
    path = f"/roles/{role.id}/groups"
    assert writes(server) == [("PUT", path, [first.id, second.id]), ("PUT", path, [second.id])]


async def test_roles_of_a_user(client: Client, server: FakeLooker, role: Role) -> None:
    """A user is given roles and loses them, and keeps the others."""
    admin = await client.roles.find_by(internal=True)
    assert admin is not None
    user = client.users.handle(list(server.state.users)[-1])
    assert await user.roles.add(admin)
    assert await user.roles.add(role.id)
    assert not await user.roles.add(role, admin)
    direct = await user.roles.find(direct_association_only=True)
    assert {found.id for found in direct} == {admin.id, role.id}
    assert await user.roles.remove(role)
    assert [found.id for found in await user.roles.set([admin.id])] == [admin.id]
    assert await direct[0].users.find_by(id=user.id) is not None


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (None, "None"),
        ("", "''"),
        (True, "True"),
        (1.5, "1.5"),
        (["5"], r"\['5'\]"),
        (Group(id="5"), "a Group"),
        (User(), "a User without an id"),
        (Role(id="5"), "a Role"),
        ({"id": "5"}, "{'id': '5'}"),
    ],
)
async def test_no_user(server: FakeLooker, role: Role, wrong: Any, shown: str) -> None:
    """What is no user, such as the result of a look-up that found none, is refused unsent."""
    sent = len(server.requests)
    message = f"pass a User of Looker or its id, not {shown}$"
    for change in (role.users.add, role.users.remove):
        with pytest.raises(errors.InvalidArgumentError, match=message):
            await change(wrong)
    assert len(server.requests) == sent


@pytest.mark.parametrize(
    "rows", [[{}], [{"id": None}, {"id": "5"}], [{"id": ""}], [{"id": True}], [None], ["5"]]
)
async def test_a_list_that_cannot_be_read_is_not_written(
    server: FakeLooker, role: Role, rows: Any
) -> None:
    """An entry without an id is an error: writing the others would take the role from somebody."""
    server.script(faults.status(200, body=rows), on=f"GET /roles/{role.id}/users")
    with pytest.raises(errors.DecodeError, match="nothing was changed"):
        await role.users.add("5")
    assert writes(server) == []


async def test_a_role_without_an_id(client: Client) -> None:
    """A role that was requested without its id says so, instead of meaning another one."""
    (role,) = await client.roles.search(name="Sales viewer", fields="name")
    with pytest.raises(errors.InvalidArgumentError, match="did not return its id"):
        await role.users.add("5")
