"""Permissions are created, updated, deleted and ensured."""

import asyncio

import pytest

from aconnect import Client, errors
from aconnect._core.events import CallStarted
from aconnect.connect import Group, PermissionRole, PrincipalType, User
from aconnect.testing import FakeConnect, faults

UPSERT, REFUSING = "2025.11.0", "2025.10.0"
VERSIONS = [UPSERT, REFUSING]


@pytest.fixture(params=VERSIONS)
async def server(request):
    async with FakeConnect(version=request.param) as server:
        yield server


@pytest.fixture
async def user(client):
    """A publisher that does not own the content."""
    return await client.users.find_one(prefix="publisher")


@pytest.fixture
async def group(client):
    return await client.groups.find_one()


def as_user(server, name):
    return Client(server.url, server.api_key_for(name))


def between(client, operation, act):
    """Call a function just before the first request of an operation."""

    def see(event):
        if isinstance(event, CallStarted) and event.operation == operation:
            stop()
            act()

    stop = client.subscribe(see)


async def test_life_of_a_permission(item, user, group):
    """Permissions for users and groups are created, updated, found and deleted."""
    one = await item.permissions.create(user, role="viewer")
    two = await item.permissions.create(
        principal_guid=group.guid, principal_type="group", role="owner", send_email=False
    )
    assert (one.principal_type, two.principal_type) == (PrincipalType.USER, PrincipalType.GROUP)
    assert one.content_guid == item.guid
    assert await item.permissions.count() == 2
    assert (await one.update("owner")).role is PermissionRole.OWNER
    assert (await item.permissions.get(one.id)).role == "owner"
    assert await item.permissions.find_one(group) == two
    await two.delete()
    assert await item.permissions.find() == [await item.permissions.find_one(user)]


async def test_delete_by_user_or_group(item, user, group):
    """A permission can be deleted by object, by id, or by its user or group."""
    for whom in (user, group, User(guid=user.guid), Group(guid=group.guid)):
        await item.permissions.create(whom, role="viewer")
        await item.permissions.delete(whom)
    one = await item.permissions.create(user, role="viewer")
    await item.permissions.delete(principal_guid=user.guid)
    with pytest.raises(errors.NotFoundError) as caught:
        await item.permissions.delete(one)
    assert caught.value.code == 17
    one = await item.permissions.create(user, role="viewer")
    await item.permissions.delete(one.id)
    assert await item.permissions.find_one() is None
    with pytest.raises(errors.InvalidArgumentError, match="no permission of its own"):
        await item.permissions.delete(user)


async def test_the_type_of_a_guid_is_not_guessed(item, group):
    """A GUID alone is refused by every way to a permission, before anything is changed."""
    for call in (
        lambda: item.permissions.create(group.guid, role="owner"),
        lambda: item.ensure_permission(group.guid, "owner"),
        lambda: item.permissions.create(item, role="owner"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match="a user or a group"):
            await call()
    assert await item.permissions.count() == 0
    made = await item.permissions.create(group, role="viewer")
    # The type is known then.
    assert (await item.ensure_permission(group.guid, "owner")).principal_type == "group"
    made.principal_type = None
    with pytest.raises(errors.InvalidArgumentError, match="a user or a group"):
        await made.update("viewer")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"principal_guid": "g"},
        {"principal_type": "user"},
        {"principal": True, "principal_guid": "g"},
        {"principal": True, "principal_type": "user"},
    ],
    ids=str,
)
async def test_the_user_is_named_once(item, user, wrong):
    """A principal is passed either as an object or as a GUID and a type, not both."""
    principal = user if wrong.pop("principal", False) else None
    with pytest.raises(errors.InvalidArgumentError, match="pass either"):
        await item.permissions.create(principal, role="viewer", **wrong)
    with pytest.raises(errors.InvalidArgumentError, match="pass either"):
        await item.permissions.delete("1", principal_guid=user.guid)


async def test_adding_twice(server, item, user):
    """Adding a user again updates the role since 2025.11, and returns code 154 before."""
    first = await item.permissions.create(user, role="viewer")
    if server.version == UPSERT:
        assert (await item.permissions.create(user, role="owner")).id == first.id
        assert (await item.permissions.get(first.id)).role == "owner"
    else:
        with pytest.raises(errors.ConflictError) as caught:
            await item.permissions.create(user, role="owner")
        assert caught.value.code == 154
    assert await item.permissions.count() == 1


@pytest.mark.parametrize(
    ("whom", "role", "kind", "code"),
    [
        (User(guid="nobody"), "viewer", errors.NotFoundError, 9),
        (Group(guid="nobody"), "viewer", errors.NotFoundError, 153),
        ("viewer", "owner", errors.PermissionDeniedError, 33),
        ("viewer", "emperor", errors.BadRequestError, 3),
        ("admin", "viewer", errors.BadRequestError, 34),
    ],
)
async def test_refusals(client, item, whom, role, kind, code):
    """A principal that is unknown, cannot have the role, or owns the content is refused."""
    if isinstance(whom, str):
        whom = await client.users.find_one(prefix=whom)
    for call in (item.permissions.create(whom, role=role), item.ensure_permission(whom, role)):
        with pytest.raises(kind) as caught:
            await call
        assert caught.value.code == code
    if code == 34:
        assert "all permissions already" in str(caught.value)


async def test_ensure_permission(server, item, user, group):
    """`ensure_permission` creates the permission, or updates it only if the role differs."""
    for whom in (user, group):
        first = await item.ensure_permission(whom, "viewer")
        changed = await item.ensure_permission(whom, PermissionRole.OWNER)
        assert (changed.id, changed.role) == (first.id, "owner")
        before = len(server.requests)
        assert await item.ensure_permission(whom, "owner") == changed
        assert [request.method for request in server.requests[before:]] == ["GET"]


@pytest.mark.parametrize("role", ["viewer", "owner"])
async def test_ensure_permission_overtaken_by_adding(server, client, item, user, role):
    """`ensure_permission` succeeds if another client adds the same user at the same time."""
    between(
        client,
        "content.permissions.create",
        lambda: server.state.permit(item.guid, user.guid, role),
    )
    assert (await item.ensure_permission(user, "owner")).role == "owner"
    assert server.state.roles_of(item.guid, user.guid) == {"owner"}


async def test_ensure_permission_overtaken_by_deleting(server, client, item, user):
    """`ensure_permission` succeeds if another client deletes the permission at the same time."""
    await item.permissions.create(user, role="viewer")
    between(client, "content.permissions.update", server.state.permissions[item.guid].clear)
    assert (await item.ensure_permission(user, "owner")).role == "owner"
    assert server.state.roles_of(item.guid, user.guid) == {"owner"}


async def test_ensure_permission_raises_the_last_refusal(server, client, item, user):
    """If another client reverts every attempt, the last conflict is raised."""
    client.subscribe(lambda event: undo(event.operation))

    def undo(operation):
        if operation == "content.permissions.create":
            server.state.permit(item.guid, user.guid, "viewer")
        if operation in {"content.permissions.find", "content.permissions.update"}:
            server.state.permissions.get(item.guid, {}).clear()

    if server.version == UPSERT:
        assert (await item.ensure_permission(user, "viewer")).role == "viewer"
    else:
        with pytest.raises(errors.ConflictError, match="154"):
            await item.ensure_permission(user, "viewer")
        assert server.count("POST", f"/v1/content/{item.guid}/permissions") == 3


async def test_roles(server, item, user, group):
    """Viewers see content but not its permissions; collaborators, including groups, change both."""
    async with as_user(server, "publisher") as other:
        mine = other.content.handle(item.guid)
        with pytest.raises(errors.PermissionDeniedError):
            await mine.refresh()
        await item.permissions.create(user, role="viewer")
        assert (await mine.refresh()).app_role == "viewer"
        assert item.guid in [each.guid for each in await other.content.find()]
        for call in (mine.permissions.find(), mine.update(title="Mine")):
            with pytest.raises(errors.PermissionDeniedError):
                await call
        await item.permissions.delete(user)
        await group.ensure_member(user)
        await item.permissions.create(group, role="owner")
        assert (await mine.update(title="Ours")).app_role == "editor"
        assert [each.principal_guid for each in await mine.permissions.find()] == [group.guid]
        await group.delete()
        with pytest.raises(errors.PermissionDeniedError):
            await mine.refresh()


async def test_a_new_owner_needs_no_permission(item, user):
    """Changing the owner deletes the new owner's permission, because an owner needs none."""
    await item.permissions.create(user, role="owner")
    await item.update(owner_guid=user.guid)
    assert await item.permissions.find() == []


async def test_a_permission_whose_answer_was_lost(server, item, user):
    """A retried create after a lost response returns the permission, not a conflict."""
    server.script(faults.after(faults.reset()))
    made = await item.permissions.create(user, role="viewer")
    assert (made.principal_guid, made.role) == (user.guid, "viewer")
    assert [each.id for each in await item.permissions.find()] == [made.id]


async def test_another_role_after_a_refusal(server, item, user):
    """A retried create that finds another role is not taken for a success."""
    await item.permissions.create(user, role="owner")
    server.script(faults.error(503, 1))
    if server.version == UPSERT:
        assert (await item.permissions.create(user, role="viewer")).role == "viewer"
    else:
        with pytest.raises(errors.ConflictError):
            await item.permissions.create(user, role="viewer")


async def test_response_of_any_method(client, item):
    """`with_response` accepts any method that makes a request, with its signature."""
    user = await client.users.find_one(prefix="viewer")
    created = await client.with_response(item.permissions.create, user, role="viewer")
    assert created.status in {200, 201}
    assert created.value.principal_guid == user.guid
    again = await client.with_response(item.refresh)
    assert (again.status, again.value.guid) == (200, item.guid)
    listed = await client.with_response(item.permissions.find)
    assert [each.principal_guid for each in listed.value] == [user.guid]
    assert listed.body.startswith(b"[")
    with pytest.raises(errors.InvalidArgumentError, match="made no request"):
        await client.with_response(asyncio.sleep, 0)
