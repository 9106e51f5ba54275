"""Users, groups and content that shall exist: created once, updated where they differ."""

import pytest

from aconnect import Client, errors
from aconnect.testing import FakeConnect, VirtualClock, faults
from tests.faulting import FAULTS, Unharmed


def writes(server):
    """Return the requests that change something."""
    return [f"{one.method} {one.path}" for one in server.requests if one.method != "GET"]


def user_named(server, name):
    (row,) = (row for row in server.state.users.values() if row["username"] == name)
    return row


async def test_users(server, client):
    """A user is created, then updated only where it differs, and never gets another password."""
    fields = {"email": "ana@example.com", "user_role": "publisher", "first_name": "Ana"}
    made = await client.users.ensure(username="ana", password="a-long-passphrase", **fields)
    assert (made.username, made.user_role, made.first_name) == ("ana", "publisher", "Ana")
    server.requests.clear()
    fields["email"] = "ANA@example.com"
    again = await client.users.ensure(username="ana", password="another-passphrase", **fields)
    assert again.guid == made.guid
    assert await client.users.ensure(username="ana", user_role=None) == again
    assert writes(server) == []
    changed = await client.users.ensure(username="ana", first_name="Anna", user_role="viewer")
    assert (changed.guid, changed.first_name, changed.user_role) == (made.guid, "Anna", "viewer")
    assert changed.email == "ana@example.com"
    assert writes(server) == [f"PUT /v1/users/{made.guid}"]


async def test_what_of_users_is_refused(server, client):
    """An administrator keeps the role, and somebody with another external id is not changed."""
    with pytest.raises(errors.InvalidArgumentError, match="administrator"):
        await client.users.ensure(username="admin", user_role="viewer", first_name="X")
    server.state.known_user("viewer")["external_id"] = "theirs"
    with pytest.raises(errors.InvalidArgumentError, match="somebody else"):
        await client.users.ensure(username="viewer", external_id="ours", first_name="X")
    assert writes(server) == []
    locked = await client.users.ensure(username="viewer", external_id="theirs")
    await locked.lock()
    assert (await client.users.ensure(username="viewer", first_name="Y")).locked is True


@pytest.mark.parametrize("noun", ["users", "groups"])
async def test_names_that_differ_in_case_only(server, client, noun):
    """The server decides whether they are the same; its refusal names the existing one."""
    name = {"users": "viewer", "groups": next(iter(server.state.groups.values()))["name"]}[noun]
    key = {"users": "username", "groups": "name"}[noun]
    code = {"users": 8, "groups": 15}[noun]
    server.script(faults.error(409, code), on=f"POST /v1/{noun}")
    with pytest.raises(errors.ConflictError) as caught:
        await getattr(client, noun).ensure(**{key: name.upper()})
    assert caught.value.__notes__ == [f"there is {name!r}; write the name like this"]


@pytest.mark.parametrize("noun", ["users", "groups"])
async def test_directories(server, client, noun):
    """With a directory, users and groups are created from a search of it, and then updated."""
    server.state.authentication = "ldap"
    if noun == "users":
        user = await client.users.ensure(username="remote1", user_role="publisher")
        assert (user.username, user.user_role) == ("remote1", "publisher")
        assert await client.users.ensure(username="remote1", user_role="publisher") == user
        with pytest.raises(errors.BadRequestError) as caught:
            await client.users.ensure(username="remote1", first_name="Other")
        assert "exists" in caught.value.__notes__[-1]
        with pytest.raises(errors.InvalidArgumentError, match="no user 'nobody'"):
            await client.users.ensure(username="nobody")
    else:
        name = next(iter(server.state.remote_groups.values()))["name"]
        group = await client.groups.ensure(name=name)
        assert await client.groups.ensure(name=name) == group
        with pytest.raises(errors.InvalidArgumentError, match="no group 'nothing'"):
            await client.groups.ensure(name="nothing")


async def test_groups(server, client):
    """A group gets missing members, owner and gid, and keeps the members who are not named."""
    guids = list(server.state.users)
    group = await client.groups.ensure(name="team", members=guids[:2])
    assert group.member_count == 2
    user = await client.users.get(guids[2])
    group = await client.groups.ensure(name="team", members=[user, guids[0]])
    assert group.member_count == 3
    server.requests.clear()
    assert await client.groups.ensure(name="team", members=guids[:3]) == group
    assert writes(server) == []
    changed = await client.groups.ensure(name="team", owner_guid=guids[1])
    assert (changed.guid, changed.owner_guid) == (group.guid, guids[1])
    changed = await client.groups.ensure(name="team", owner_guid=guids[1], gid=1234)
    assert changed.gid == 1234
    assert len(writes(server)) == 2


@pytest.mark.parametrize("name", [None, ""])
async def test_without_a_name(server, client, name):
    """No name, such as that of a variable which is not set, finds and changes nothing."""
    for call in (
        lambda: client.content.ensure(name=name, title="X"),
        lambda: client.users.ensure(username=name, first_name="X"),
        lambda: client.groups.ensure(name=name, members=list(server.state.users)),
    ):
        with pytest.raises(errors.InvalidArgumentError, match="name"):
            await call()
    assert writes(server) == []


async def test_members_are_a_list(server, client):
    """One guid in place of a list of members is refused before anything is created."""
    with pytest.raises(errors.InvalidArgumentError, match="must be a list"):
        await client.groups.ensure(name="team", members=next(iter(server.state.users)))
    assert writes(server) == []


async def test_content(server, client):
    """The content of the key's owner is created, or gets the settings that differ."""
    async with Client(server.url, server.api_key_for("publisher")) as other:
        theirs = await other.content.create(name="sales", title="Theirs")
    made = await client.content.ensure(name="sales", title="Sales")
    assert made.guid != theirs.guid
    server.requests.clear()
    assert (await client.content.ensure(name="sales", title="Sales")).guid == made.guid
    assert writes(server) == []
    changed = await client.content.ensure(name="sales", min_processes=1, access_type="all")
    assert (changed.title, changed.min_processes, changed.access_type) == ("Sales", 1, "all")
    assert server.state.content[theirs.guid]["title"] == "Theirs"


async def test_arguments(client):
    """Unknown and missing arguments are refused as by a function, before any request."""
    for call, text in (
        (
            lambda: client.users.ensure(username="x", nam="y"),
            "unexpected .*'nam'; did you mean .*name",
        ),
        (lambda: client.users.ensure(email="x"), "missing .*'username'"),
        (lambda: client.groups.ensure(name="x", nam="y"), "unexpected .*'nam'"),
        (lambda: client.content.ensure(name="x", nam="y"), "unexpected .*'nam'"),
    ):
        with pytest.raises(TypeError, match=text):
            await call()


CASES = {
    "a new user": lambda case: case.client.users.ensure(
        username="ana", email="a@b.example", user_role="viewer"
    ),
    "a user": lambda case: case.client.users.ensure(username="viewer", first_name="Other"),
    "a user of a directory": lambda case: case.client.users.ensure(
        username="remote1", user_role="publisher"
    ),
    "a new group": lambda case: case.client.groups.ensure(name="team", members=case.guids, gid=7),
    "a group of a directory": lambda case: case.client.groups.ensure(name=case.remote_group),
    "new content": lambda case: case.client.content.ensure(name="sales", title="Sales"),
    "content": lambda case: case.client.content.ensure(name="content-0000", title="Sales"),
}


class Case:
    """A server, and a client that remembers what the calls of the cases need."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.server = FakeConnect()

    async def __aenter__(self):
        await self.server.__aenter__()
        state = self.server.state
        if "directory" in self.name:
            state.authentication = "ldap"
        self.client = Client(self.server.url, self.server.api_key, clock=VirtualClock())
        self.guids = list(state.users)[:2]
        self.remote_group = min(row["name"] for row in state.remote_groups.values())
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *args):
        await self.client.__aexit__(*args)
        await self.server.__aexit__(*args)

    async def call(self):
        return await CASES[self.name](self)

    def outcome(self):
        """Return what there is, in a form that two servers can be compared by."""
        state = self.server.state
        names = ("username", "email", "first_name", "user_role")
        groups = {row["guid"]: row["name"] for row in state.groups.values()}
        return (
            sorted(tuple(row[name] for name in names) for row in state.users.values()),
            sorted((row["name"], row["gid"]) for row in state.groups.values()),
            sorted((groups[guid], sorted(each)) for guid, each in state.members.items()),
            sorted((row["name"], row["title"] or "") for row in state.content.values()),
        )


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", CASES)
async def test_any_fault_of_any_request(name, fault):
    """As if undisturbed, or an error; a repeated call then completes it, and makes it once."""
    async with Case(name) as case:
        await case.call()
        expected, requests = case.outcome(), len(case.server.requests)
    for number in range(requests):
        async with Case(name) as case:
            before = case.outcome()
            case.server.script(*[Unharmed()] * number, *[fault] * 12)
            try:
                await case.call()
            except errors.AconnectError as error:
                if case.outcome() != before:
                    notes = " ".join(error.__notes__)
                    assert "may exist now" in notes or "exists" in notes, number
                case.server.clear_script()
                await case.call()
            assert case.outcome() == expected, number
