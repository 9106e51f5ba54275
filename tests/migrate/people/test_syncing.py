"""Bringing simulated servers to a described state, also where calls fail."""

from collections.abc import AsyncIterator

import pytest

from aconnect import Client
from aconnect.errors import AuthenticationError, ConflictError, InvalidArgumentError
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.people import (
    Applier,
    Change,
    DescribedGroup,
    DescribedUser,
    apply_changes,
    describe_environments,
    describe_groups,
    describe_users,
    missing_people,
    plan_environments,
    plan_groups,
    plan_users,
    sync_environments,
    sync_groups,
    sync_users,
)
from aconnect.testing import FakeConnect, Seed, VirtualClock, faults

ADA = DescribedUser(username="ada", email="ada@example.com", first_name="Ada", role="publisher")
LOST = {
    "reset": faults.after(faults.reset()),
    "proxy": faults.after(faults.status(502)),
    "page": faults.after(faults.login_page()),
    "cut off": faults.after(faults.truncated_json()),
}


def user_named(server, name):
    (row,) = (row for row in server.state.users.values() if row["username"] == name)
    return row


def group_named(server, name):
    (row,) = (row for row in server.state.groups.values() if row["name"] == name)
    return row


def members_of(server, name):
    users = server.state.users
    return {
        users[guid]["username"] for guid in server.state.members[group_named(server, name)["guid"]]
    }


def writes(server):
    return [request for request in server.requests if request.method != "GET"]


def failures(outcomes):
    return {str(outcome.item): outcome.error for outcome in outcomes if not outcome.ok}


@pytest.fixture
async def other() -> AsyncIterator[FakeConnect]:
    """A server with other users than those of the first one, and with the same ones."""
    async with FakeConnect(Seed(users=9, groups=3)) as server:
        yield server


@pytest.fixture
async def source(other: FakeConnect) -> AsyncIterator[Client]:
    async with Client(other.url, other.api_key, clock=VirtualClock()) as client:
        yield client


async def test_users(server, client):
    """Users are created, changed, locked and unlocked; a second time there is nothing to do."""
    server.state.users[user_named(server, "user0004")["guid"]]["locked"] = True
    wanted = [
        ADA,
        DescribedUser(username="viewer", role="publisher", email="v@example.com"),
        DescribedUser(username="user0003", locked=True),
        DescribedUser(username="user0004", locked=False),
        DescribedUser(username="new", locked=True),
    ]
    changes = await plan_users(client, wanted)
    assert not writes(server)
    assert [change.needs for change in changes if change.name == "publisher"] == ["lock_missing"]
    outcomes = await sync_users(client, wanted)
    assert not failures(outcomes)
    ada = user_named(server, "ada")
    assert {o.item.name: o.value for o in outcomes}["ada"] == ada["guid"]
    assert (ada["first_name"], ada["user_role"]) == ("Ada", "publisher")
    viewer = user_named(server, "viewer")
    assert (viewer["user_role"], viewer["email"]) == ("publisher", "v@example.com")
    locked = {name: user_named(server, name)["locked"] for name in ("user0003", "user0004", "new")}
    assert locked == {"user0003": True, "user0004": False, "new": True}
    assert not user_named(server, "publisher")["locked"]
    assert not [change for change in await plan_users(client, wanted) if change.is_due]


async def test_lock_missing(server, client):
    """All who are not described are locked if asked for, but not the owner of the key."""
    outcomes = await sync_users(client, [DescribedUser(username="viewer")], lock_missing=True)
    (failed,) = failures(outcomes).items()
    assert failed[0] == "! user admin: lock: it is the owner of the key"
    assert isinstance(failed[1], InvalidArgumentError)
    free = {row["username"] for row in server.state.users.values() if not row["locked"]}
    assert free == {"admin", "viewer"}


async def test_groups(server, client):
    """Groups, owners and members are as described; nobody is removed without an argument."""
    before = members_of(server, "group0000")
    wanted = [
        DescribedGroup(name="group0000", members=frozenset({"viewer"}), owner="publisher"),
        DescribedGroup(name="new", members=frozenset({"viewer", "admin", "nobody"})),
    ]
    outcomes = await sync_groups(client, wanted)
    assert list(failures(outcomes)) == ["! group new: member nobody: there is no such user"]
    assert members_of(server, "group0000") == before | {"viewer"}
    assert members_of(server, "new") == {"admin", "viewer"}
    owner = group_named(server, "group0000")["owner_guid"]
    assert owner == user_named(server, "publisher")["guid"]
    await sync_groups(client, wanted, remove_members=True, delete_groups=True)
    assert members_of(server, "group0000") == {"viewer"}
    assert {row["name"] for row in server.state.groups.values()} == {"group0000", "new"}
    changes = await plan_groups(client, wanted, remove_members=True, delete_groups=True)
    assert [change.sign for change in changes] == ["!"]


async def test_one_failure(server, client):
    """A change that fails does not end the others; those that need it say what is missing."""
    server.script(faults.error(400, 7), on="POST /v1/users")
    creations = [
        Change(kind="create-user", name=name, after={"email": f"{name}@example.com"})
        for name in ("bad", "good")
    ]
    group = Change(kind="create-group", name="both")
    members = [
        Change(kind="add-member", name="both", member=name) for name in ("bad", "good", "viewer")
    ]
    outcomes = await apply_changes(client, [*members, group, *creations], limit=1)
    assert [str(outcome.item) for outcome in outcomes if not outcome.ok] == [
        "+ user bad (bad@example.com)",
        "+ group both: member bad",
    ]
    assert "there is no user 'bad'" in str(outcomes[3].error)
    assert members_of(server, "both") == {"good", "viewer"}


async def test_what_makes_all_fail(server, client):
    """After the key was refused, no more calls are made."""
    changes = [Change(kind="create-user", name=f"new{number}") for number in range(20)]
    server.script(*[faults.error(401, 30)] * 2, on="POST /v1/users")
    outcomes = await apply_changes(client, changes, limit=1)
    assert {type(outcome.error) for outcome in outcomes} == {AuthenticationError}
    assert len(outcomes) == 20
    assert server.count("POST", "/v1/users") == 1


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
@pytest.mark.parametrize(
    ("provider", "call"),
    [
        ("password", "POST /v1/users"),
        ("password", "POST /v1/groups"),
        ("password", "POST */members"),
        ("ldap", "PUT /v1/users"),
        ("ldap", "PUT /v1/users/*"),
        ("ldap", "PUT /v1/groups"),
    ],
)
async def test_lost_responses(server, client, provider, lost, call):
    """Whatever response to a change is lost, all is as described, and nothing is there twice."""
    server.state.authentication = provider
    name = "remote0" if provider == "ldap" else "ada"
    group = "group-remote0" if provider == "ldap" else "new"
    user = DescribedUser(username=name, email=f"{name}@example.com", role="publisher")
    server.script(lost, on=call)
    assert not failures(await sync_users(client, [user]))
    wanted = [DescribedGroup(name=group, members=frozenset({name}), owner="viewer")]
    settings = await client.server_settings.get()
    if provider == "ldap":
        server.state.settings = {
            "authentication": {**settings.authentication, "external_group_members": False}
        }
    assert not failures(await sync_groups(client, wanted))
    server.assert_script_used()
    assert user_named(server, name)["user_role"] == "publisher"
    assert members_of(server, group) == {name}
    assert group_named(server, group)["owner_guid"] == user_named(server, "viewer")["guid"]


async def test_somebody_else(server, client):
    """A user who was created meanwhile is only adopted with the same e-mail address."""
    changes = await plan_users(client, [ADA])
    await client.users.create(username="ada", email="other@example.com")
    ((text, error),) = failures(await apply_changes(client, changes)).items()
    assert text.startswith("+ user ada")
    assert isinstance(error, ConflictError)
    user_named(server, "ada")["email"] = "Ada@Example.com"
    (outcome,) = await apply_changes(client, [change for change in changes if change.is_due])
    assert outcome.value == user_named(server, "ada")["guid"]
    # The role is what was described, whoever has created the user.
    assert user_named(server, "ada")["user_role"] == "publisher"


async def test_somebody_elses_group(server, client):
    """A group that somebody else has created meanwhile is not adopted."""
    create = Change(kind="create-group", name="new")
    async with Client(server.url, "fake-key-of-publisher", clock=VirtualClock()) as publisher:
        await publisher.groups.create(name="new")
    with pytest.raises(ConflictError):
        await Applier(client).apply(create)
    group_named(server, "new")["owner_guid"] = user_named(server, "admin")["guid"]
    assert await Applier(client).apply(create) == group_named(server, "new")["guid"]


@pytest.mark.parametrize("provider", ["password", "ldap"])
async def test_again_after_a_crash(server, client, provider):
    """A later process makes the same changes again: what is there is looked up, not created."""
    server.state.authentication = provider
    directory = provider == "ldap"
    user, group = ("remote0", "group-remote0") if directory else ("ada", "new")
    changes = [
        Change(
            kind="create-user",
            name=user,
            after={"email": f"{user}@example.com", "user_role": "publisher"},
            by_ticket=directory,
        ),
        Change(kind="lock-user", name=user),
        Change(kind="create-group", name=group, by_ticket=directory),
        Change(kind="add-member", name=group, member=user),
        Change(kind="change-owner", name=group, member="viewer"),
    ]
    if directory:
        server.state.settings = {"authentication": {"external_group_members": False}}
    guids = [await Applier(client).apply(change) for change in changes[:3]]
    assert [await Applier(client).apply(change, look_up=True) for change in changes[:3]] == guids
    for _ in range(2):
        for change in changes[3:]:
            await Applier(client).apply(change)
    assert members_of(server, group) == {user}
    assert server.count("POST", "/v1/users") + server.count("PUT", "/v1/users") == 1
    assert server.count("POST", "/v1/groups") + server.count("PUT", "/v1/groups") == 1


@pytest.mark.parametrize("says_so", [True, False], ids=["says so", "silent"])
async def test_directory(server, client, says_so):
    """With LDAP, users and groups come from the directory, also if the server does not say so."""
    server.state.authentication = "ldap"
    if not says_so:
        server.state.settings = {"authentication": {}}
    wanted = [
        DescribedUser(username="remote1", role="publisher"),
        DescribedUser(username="nobody"),
    ]
    ((text, error),) = failures(await sync_users(client, wanted)).items()
    assert text == "+ user nobody"
    assert "provider of the server has no user 'nobody'" in str(error)
    assert user_named(server, "remote1")["user_role"] == "publisher"
    groups = [DescribedGroup(name="group-remote1", members=frozenset({"remote1"}))]
    errors = failures(await sync_groups(client, groups))
    if says_so:
        assert list(errors) == ["! group group-remote1: member remote1: LDAP manages the members"]
    assert members_of(server, "group-remote1") == (set() if says_so else {"remote1"})


async def test_passwords_are_set_by_users(server, client):
    """Where the server keeps passwords, new users set theirs themselves."""
    (change,) = (c for c in await plan_users(client, [ADA]) if c.is_due)
    assert change.after["user_must_set_password"] is True
    server.state.settings = {"authentication": {"external_user_data": True, "name": "SAML"}}
    (change,) = (c for c in await plan_users(client, [ADA]) if c.is_due)
    assert "user_must_set_password" not in change.after


async def test_from_another_server(server, client, other, source):
    """The users and groups of another server are created here, by the names of the mapping."""
    user_named(other, "user0005")["locked"] = True
    user_named(other, "user0006")["email"] = user_named(server, "viewer")["email"]
    user_named(other, "viewer").update(username="seer", email="seer@example.com")
    mapping = Mapping(users={"user0007": "renamed", "user0008": ""}, groups={"group0002": "third"})
    wanted = await describe_users(source, client, mapping)
    assert not [user for user in wanted if user.username == "user0008"]
    before = server.state.users.copy()
    assert not failures(await sync_users(client, wanted))
    new = {row["username"]: row for guid, row in server.state.users.items() if guid not in before}
    # The e-mail address says who user0006 is.
    assert new.keys() == {"seer", "user0005", "renamed"}
    assert new["user0005"]["locked"]
    assert not failures(await sync_groups(client, await describe_groups(source, client, mapping)))
    names = {"user0007": "renamed", "user0008": "", "user0006": "viewer"}
    for name in ("group0000", "group0002"):
        there = {names.get(user, user) for user in members_of(other, name)} - {""}
        assert there <= members_of(server, "third" if name == "group0002" else name)
    for changes in (
        await plan_users(client, await describe_users(source, client, mapping)),
        await plan_groups(client, await describe_groups(source, client, mapping)),
    ):
        assert not [change for change in changes if change.is_due]
    assert not writes(other)


async def test_a_guid_in_any_spelling(server, client, source):
    """A mapping may write a GUID as the file that it was copied from does."""
    guid = user_named(server, "viewer")["guid"].upper()
    wanted = await describe_users(
        source, client, Mapping(users={"user0007": f"guid:{guid}", "viewer": ""})
    )
    emails = {user.email for user in wanted if user.username == "viewer"}
    assert "user0007@example.com" in emails


async def test_unclear_matches(server, client, other, source):
    """Whom the other server's lists leave unclear is not created."""
    for name in ("viewer", "publisher"):
        user_named(server, name)["email"] = "shared@example.com"
    user_named(other, "user0006").update(username="who", email="shared@example.com")
    changes = await plan_users(client, await describe_users(source, client))
    (change,) = (change for change in changes if change.name == "who")
    assert change.sign == "!"
    assert "2 of the destination have this e-mail address" in change.text


async def test_several_become_one(client, other, source):
    """Users whom a mapping makes one describe nobody; groups that become one add up."""
    mapping = Mapping(
        users={"user0005": "viewer", "user0006": "viewer"},
        groups={"group0000": "third", "group0002": "third"},
    )
    changes = await plan_users(client, await describe_users(source, client, mapping))
    (change,) = (change for change in changes if change.name == "viewer" and not change.needs)
    assert change.sign == "!"
    assert "3 users of the source are this one: user0005, user0006, viewer" in change.text
    before = {name: members_of(other, name) for name in ("group0000", "group0002")}
    groups = await describe_groups(source, client, mapping)
    (third,) = (group for group in groups if group.name == "third")
    merged = {"user0005": "viewer", "user0006": "viewer"}
    members = {name for names in before.values() for name in names}
    assert set(third.members or ()) == {merged.get(name, name) for name in members}


async def test_missing_people(server, client, other, source):
    """Only what is named is created; groups get the members who are there."""
    other.state.members[group_named(other, "group0002")["guid"]] = [
        user_named(other, name)["guid"] for name in ("viewer", "user0005", "user0006")
    ]
    changes = await missing_people(
        source, client, users=["user0005", "viewer"], groups=["group0000", "group0002"]
    )
    assert not writes(server)
    assert [str(change) for change in changes] == [
        "+ user user0005 (viewer, user0005@example.com)",
        "+ group group0002",
        "+ group group0002: member user0005",
        "! group group0002: member user0006: there is no such user",
        "+ group group0002: member viewer",
    ]
    applier = Applier(client)
    for change in changes:
        if change.is_due:
            await applier.apply(change)
    assert members_of(server, "group0002") == {"viewer", "user0005"}
    again = await missing_people(source, client, users=["user0005"], groups=["group0002"])
    assert not again


async def test_members_are_those_of_the_mapping(server, client, other, source):
    """A new group gets the counterparts of its members, and nobody who only has their name."""
    names = ("viewer", "publisher", "user0005", "user0006")
    guids = [user_named(other, name)["guid"] for name in names]
    for name in ("viewer", "publisher", "user0003"):
        user_named(other, name)["email"] = f"other-{name}@example.com"
    user_named(other, "user0005")["email"] = user_named(server, "user0003")["email"]
    group = group_named(other, "group0002")
    other.state.members[group["guid"]] = guids
    mapping = Mapping(match_users=("email",), users={"viewer": "user0004", "user0006": ""})
    changes = await missing_people(source, client, users=[], groups=["group0002"], mapping=mapping)
    assert [(change.sign, change.member) for change in changes if change.kind == "add-member"] == [
        ("!", "publisher"),
        ("+", "user0003"),
        ("+", "user0004"),
    ]
    made = await source.environments.create(name="image", cluster_name="Kubernetes")
    for guid in guids[1:]:
        await made.permissions.create(user_guid=guid)
    changes = await missing_people(
        source, client, users=[], environments=["image"], mapping=mapping
    )
    assert [str(change).partition(":")[0] for change in changes if change.is_due] == [
        "+ environment image",
        "+ environment image",
    ]
    assert [change.member for change in changes if change.is_due] == ["", "user0003"]
    wanted = await describe_groups(source, client, mapping)
    await sync_groups(client, wanted)
    assert members_of(server, "group0002") == {"user0003", "user0004"}


async def test_a_namesake_is_not_changed(server, client, other, source):
    """If names say nothing, a user of the same name is somebody else, and is left alone."""
    row = user_named(server, "viewer")
    user_named(other, "viewer").update(email="another@example.com", user_role="publisher")
    before = dict(row)
    wanted = await describe_users(source, client, Mapping(match_users=("email",)))
    outcomes = await sync_users(client, wanted, lock_missing=True)
    assert row == before
    assert "has a user of this name" in " ".join(failures(outcomes))


async def test_missing_groups_get_those_who_are_meant(server, client, other, source):
    """Members of a new group are the users of the mapping, not others who have their names."""
    group = group_named(other, "group0002")
    other.state.members[group["guid"]] = [
        user_named(other, name)["guid"] for name in ("viewer", "publisher")
    ]
    user_named(other, "user0006")["email"] = "same@example.com"
    user_named(server, "user0003").update(username="renamed", email="same@example.com")
    group["owner_guid"] = user_named(other, "user0006")["guid"]
    mapping = Mapping(users={"viewer": "user0004", "publisher": ""})
    changes = await missing_people(source, client, users=[], groups=["group0002"], mapping=mapping)
    assert [str(change) for change in changes] == [
        "+ group group0002",
        "+ group group0002: member user0004",
        "~ group group0002: owner none -> renamed",
    ]
    assert not writes(server)


@pytest.mark.parametrize("lost", [None, *LOST.values()], ids=["undisturbed", *LOST])
async def test_environments(server, client, other, source, lost):
    """Missing environments are created as they are elsewhere, for the same users and groups."""
    image = "registry.example.com/r:4.4"
    installations = {"installations": [{"version": "4.4.2", "path": "/opt/R/4.4.2/bin/R"}]}
    mount = {
        "source": {"volume_type": "pvc", "pvc_name": "data"},
        "target": {"path": "/data", "read_only": True},
    }
    made = await source.environments.create(
        name=image,
        cluster_name="Kubernetes",
        title="R 4.4",
        description="For maps",
        matching="exact",
        supervisor="/bin/start",
        r=installations,
        volume_mounts=[mount],
    )
    await made.permissions.create(user_guid=user_named(other, "viewer")["guid"])
    await made.permissions.create(group_guid=group_named(other, "group0000")["guid"])
    wanted = await describe_environments(source, client)
    if lost is not None:
        server.script(lost, on="POST /v1/environments")
        server.script(lost, on="POST /v1/environments/*/permissions")
    assert not failures(await sync_environments(client, wanted))
    assert not await plan_environments(client, wanted)
    (row,) = (row for row in server.state.environments.values() if row["name"] == image)
    (there,) = (row for row in other.state.environments.values() if row["name"] == image)
    same = ("title", "description", "matching", "supervisor", "r", "python", "volume_mounts")
    assert {name: row[name] for name in same} == {name: there[name] for name in same}
    permissions = server.state.environment_permissions[row["guid"]].values()
    assert {entry["user_guid"] or entry["group_guid"] for entry in permissions} == {
        user_named(server, "viewer")["guid"],
        group_named(server, "group0000")["guid"],
    }
    assert len(permissions) == 2


@pytest.mark.parametrize(("version", "number"), [("2023.03.0", 0), ("2023.05.0", 2)])
async def test_older_servers(version, number):
    """Older servers have no environments, and later ones none with permissions."""
    async with (
        FakeConnect(version=version) as old,
        Client(old.url, old.api_key, clock=VirtualClock()) as client,
    ):
        described = await describe_environments(client, client)
        assert [environment.principals for environment in described] == [frozenset()] * number


@pytest.mark.parametrize("seed", [Seed(users=1200, groups=3)], ids=["many"])
async def test_requests(server, client):
    """Users are listed in pages of 500, and the members of described groups only."""
    await plan_users(client, [ADA])
    assert len(server.requests) == 2 + 3
    before = len(server.requests)
    await plan_groups(client, [DescribedGroup(name="group0001", members=frozenset())])
    assert len(server.requests) - before == 2 + 3 + 1 + 1
    before = len(server.requests)
    wanted = [DescribedUser(username=f"new{number}") for number in range(30)]
    await sync_users(client, wanted)
    assert len(server.requests) - before == 2 + 3 + 30
    names = frozenset(user.username for user in wanted)
    before = len(server.requests)
    await sync_groups(client, [DescribedGroup(name="new", members=names)])
    assert len(server.requests) - before == 2 + 3 + 1 + 1 + 30
