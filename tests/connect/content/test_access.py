"""Who can see or change content: rows with names, in as few requests as possible."""

from uuid import UUID

import pytest

from aconnect import Client, errors
from aconnect._core.events import CallStarted
from aconnect.testing import FakeConnect, Seed


@pytest.fixture
def people(server):
    """Guids of users by name; the first item has a group and a user, the second a collaborator."""
    state = server.state
    guids = {row["username"]: row["guid"] for row in state.users.values()}
    group = next(iter(state.groups))
    state.members[group] = [guids["viewer"], guids["publisher"]]
    first, second, *_ = state.content
    state.permissions.clear()
    state.permit(first, group, "viewer")
    state.permit(first, guids["viewer"], "viewer")
    state.permit(second, guids["publisher"], "owner")
    return guids


def shown(rows):
    return [
        (row.content_name[-1], row.principal_name, row.role, row.group_name, row.problem)
        for row in rows
    ]


@pytest.mark.parametrize("expanded", [False, True])
async def test_rows(server, client, people, expanded):
    """The owner comes first, then users and groups, and each group is followed by its members."""
    group = next(iter(server.state.groups.values()))["name"]
    rows = await client.content.access(expand_groups=expanded)
    members = [("0", name, "viewer", group, None) for name in ("publisher", "viewer")]
    assert shown(rows) == [
        ("0", "admin", "content owner", None, None),
        ("0", group, "viewer", None, None),
        *(members if expanded else []),
        ("0", "viewer", "viewer", None, None),
        ("1", rows[-3].owner, "content owner", None, None),
        ("1", "publisher", "owner", None, None),
        ("2", rows[-1].owner, "content owner", None, None),
    ]
    as_dict = rows[0].to_dict()
    assert as_dict["principal_guid"] == people["admin"]
    assert (as_dict["access_type"], as_dict["principal_type"]) == ("acl", "user")


@pytest.mark.usefixtures("people")
async def test_the_number_of_requests(server, client):
    """One for the content, one for each item, and one page of users and of groups."""
    await client.content.access(expand_groups=True)
    assert len(server.requests) == 1 + len(server.state.content) + 1 + 1 + 1
    server.requests.clear()
    await client.content.access([next(iter(server.state.content))])
    assert server.count("GET", "/v1/content") == 0
    assert len(server.requests) == 1 + 1 + 2


@pytest.mark.parametrize(("named", "requests"), [(1, 2), (2, 3), (40, 8)])
async def test_names_on_a_server_with_many_users(named, requests):
    """Names are looked up one by one, until a list of all users takes fewer requests."""
    async with FakeConnect(Seed(users=1500, content=1)) as server:
        state = server.state
        (guid,) = state.content
        state.permissions.clear()
        for user in list(state.users)[-named:]:
            state.permit(guid, user, "viewer")
        async with Client(server.url, server.api_key) as client:
            rows = await client.content.access([guid])
        assert [row.principal_guid for row in rows[1:]] == list(state.users)[-named:]
        assert all(row.principal_name for row in rows)
        users = sum("/v1/users" in request.path for request in server.requests)
        assert users == requests


@pytest.mark.usefixtures("people")
async def test_items_that_are_deleted_meanwhile(server, client):
    """They are left out, and the others are not affected."""
    first = next(iter(server.state.content))

    def see(event):
        if isinstance(event, CallStarted) and event.operation.startswith("content.permissions"):
            server.state.content.pop(first, None)

    client.subscribe(see)
    rows = await client.content.access(limit=1)
    assert {row.content_name[-1] for row in rows} == {"1", "2"}
    assert await client.content.access([first]) == []


async def test_what_the_key_may_not_read(server, people):
    """Items whose permissions the key may not read are said, with their owner."""
    state = server.state
    for row in state.content.values():
        row.update(access_type="logged_in", owner_guid=people["admin"])
    async with Client(server.url, server.api_key_for("publisher")) as client:
        rows = await client.content.access()
    assert [(row.principal_name, row.role) for row in rows if row.content_name[-1] == "1"] == [
        ("admin", "content owner"),
        ("publisher", "owner"),
    ]
    owner, problem = (row for row in rows if row.content_name[-1] == "0")
    assert (owner.role, owner.problem) == ("content owner", None)
    assert (problem.principal_guid, problem.role, problem.owner) == (None, None, "admin")
    assert problem.problem


async def test_what_names_an_item(client, server):
    """A guid in any spelling names one; a name, or nothing, as of a failed look-up, is refused."""
    guid = next(iter(server.state.content))
    for item in (guid.upper(), UUID(guid), client.content.handle(guid)):
        assert {row.content_guid for row in await client.content.access([item])} == {guid}
    for wrong in (None, "content-0001"):
        with pytest.raises(errors.InvalidArgumentError):
            await client.content.access([wrong])


async def test_items_that_the_key_may_not_read(server):
    """A guid that the key may not read is said as well, and the others are not affected."""
    first, second, *_ = server.state.content
    server.state.content[first]["access_type"] = "acl"
    server.state.permissions.clear()
    server.state.content[second]["access_type"] = "all"
    async with Client(server.url, server.api_key_for("viewer")) as client:
        denied, *others = await client.content.access([first, second])
    assert (denied.content_guid, denied.owner, denied.role) == (first, None, None)
    assert denied.problem is not None
    assert "permission" in denied.problem
    assert {row.content_guid for row in others} == {second}


@pytest.mark.usefixtures("people")
async def test_principals_that_no_longer_exist(server, client):
    """They have a guid and no name."""
    missing = "00000000-0000-4000-8000-000000000000"
    server.state.permit(next(iter(server.state.content)), missing, "viewer")
    rows = [row for row in await client.content.access() if row.principal_guid == missing]
    assert shown(rows) == [("0", None, "viewer", None, None)]
