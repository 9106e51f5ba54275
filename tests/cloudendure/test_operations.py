"""Every operation of CloudEndure, over a real socket."""

from typing import Any

import msgspec
import pytest

from aconnect import errors
from aconnect._client.operation import REGISTRY
from aconnect.cloudendure import Client, Role, UserStatus
from aconnect.testing import faults
from aconnect.testing.cloudendure import FakeCloudEndure

PROJECT = "project-1"


def test_all_operations_are_declared() -> None:
    """All operations of the contract are declared; the audit log in two formats."""
    declared = {e.method + e.template for k, e in REGISTRY.items() if k.startswith("cloudendure:")}
    assert len(declared) == 18
    assert sum(key.startswith("cloudendure:") for key in REGISTRY) == 19


async def test_access(client: Client, server: FakeCloudEndure) -> None:
    """A temporary access token is sent by mail."""
    assert await client.accounts.access("account-1", username="user@example.com") == {"sent": True}
    assert server.state.mails == ["user@example.com"]


async def test_a_mail_is_not_sent_twice(client: Client, server: FakeCloudEndure) -> None:
    """The GET request that sends a mail is not retried if its response is lost."""
    server.script(faults.after(faults.reset()), on="GET /accounts/*")
    with pytest.raises(errors.ConnectionLostError):
        await client.accounts.access("account-1", username="user@example.com")
    assert len(server.state.mails) == 1


async def test_extended_info(client: Client) -> None:
    """The extended information has the account's user, projects and configurations."""
    info = await client.accounts.extended_info()
    assert info.account is not None
    assert info.account.owner_id == "user-1"
    assert info.user is not None
    assert info.user.roles == [Role.ACCOUNT_OWNER]
    assert info.projects is not None
    assert info.projects.items[0].users_ids == ["user-1"]
    assert info.replication_configurations is not None
    assert info.replication_configurations.items[0].replicator_security_group_ids == ["sg-1"]
    assert info.date_time is not None
    assert info.date_time.date_time is not None


async def test_users_of_projects(client: Client, server: FakeCloudEndure) -> None:
    """Users are added to and removed from projects, in the vendor's request format."""
    await client.projects.assign_users({PROJECT: ["user-2", "user-3"]})
    assert server.state.projects[PROJECT]["usersIDs"] == ["user-1", "user-2", "user-3"]
    assert server.requests[-1].json() == {
        "items": [{"projectId": PROJECT, "userIds": ["user-2", "user-3"]}]
    }
    await client.projects.remove_users({PROJECT: "user-2"})
    assert server.state.projects[PROJECT]["usersIDs"] == ["user-1", "user-3"]
    with pytest.raises(errors.NotFoundError, match="no-such") as caught:
        await client.projects.assign_users({"no-such": ["user-2"]})
    assert caught.value.code == "NOT_FOUND"


async def test_storage(client: Client) -> None:
    """The storage of a project is returned in bytes."""
    storage = await client.projects.storage(PROJECT)
    assert (storage.project_id, storage.points_in_time_total_bytes) == (PROJECT, 1 << 40)


async def test_force_rescan(client: Client, server: FakeCloudEndure) -> None:
    """A rescan is started; an unknown machine raises BadRequestError, as documented."""
    await client.machines.force_rescan(PROJECT, "project-1-machine-1")
    assert server.state.rescans == ["project-1-machine-1"]
    with pytest.raises(errors.BadRequestError, match="no machine"):
        await client.machines.force_rescan(PROJECT, "other")


async def test_create_user(client: Client) -> None:
    """Both 200 and 202 return the user; an existing user raises ConflictError."""
    made = await client.users.create(username="new@example.com")
    assert (made.username, made.status) == ("new@example.com", UserStatus.PENDING)
    again = await client.with_response(client.users.create, username="new@example.com")
    assert (again.status, again.value) == (202, made)
    with pytest.raises(errors.ConflictError, match="already"):
        await client.users.create(username="user@example.com")


async def test_roles(client: Client, server: FakeCloudEndure) -> None:
    """Roles are assigned and revoked; the updated users are returned."""
    (user,) = await client.users.assign_roles({"user-2": [Role.ACCOUNT_ADMIN]})
    assert user.roles == [Role.USER, Role.ACCOUNT_ADMIN]
    assert server.requests[-1].json() == {
        "items": [{"userId": "user-2", "roles": ["ACCOUNT_ADMIN"]}]
    }
    (user,) = await client.users.revoke_roles({"user-2": "USER"})
    assert user.roles == [Role.ACCOUNT_ADMIN]
    with pytest.raises(errors.NotFoundError, match="user-9"):
        await client.users.assign_roles({"user-9": ["USER"]})


async def test_set_password(client: Client, server: FakeCloudEndure) -> None:
    """An invited user sets a password without a session; the invitation works once."""
    token = next(iter(server.state.invitations))
    await client.users.set_password(token=token, new_password="chosen")
    assert [request.path for request in server.requests] == ["/setPassword"]
    assert server.requests[0].json() == {"token": token, "newPassword": "chosen"}
    assert server.state.users["user-3"]["status"] == "CONFIRMED"
    with pytest.raises(errors.AuthenticationError, match="invitation"):
        await client.users.set_password(token=token, new_password="chosen")
    assert not server.count("POST", "/login")


async def test_me(client: Client) -> None:
    """`me` returns the user that is signed in."""
    assert (await client.users.me()).username == "owner@example.com"


async def test_an_unknown_role_is_kept(client: Client, server: FakeCloudEndure) -> None:
    """An unknown role is kept, and an unknown field is ignored."""
    server.state.users["user-1"].update(roles=["LATER"], later={"x": 1})
    assert (await client.users.me()).roles == [Role("LATER")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (500, errors.ServerError),
    ],
)
async def test_errors(
    client: Client, server: FakeCloudEndure, status: int, kind: type[errors.ApiError]
) -> None:
    """An error has the class of its status, and the vendor's message and code."""
    body = {"message": "It is said.", "code": "SAID"}
    server.script(*[faults.status(status, body=body)] * 9, on="GET /me")
    with pytest.raises(kind, match="It is said") as caught:
        await client.users.me()
    assert type(caught.value) is kind
    assert caught.value.code == "SAID"


async def test_an_error_without_a_body(client: Client, server: FakeCloudEndure) -> None:
    """The error for a 404 without a body names `base_url` as the likely cause."""
    server.script(faults.status(404), on="GET /me")
    with pytest.raises(errors.NotFoundError, match="base_url"):
        await client.users.me()


async def test_models_go_both_ways(client: Client) -> None:
    """Decoded objects are encoded with the vendor's field names."""
    user = await client.users.me()
    assert msgspec.to_builtins(user)["selfLink"] == "/api/latest/users/user-1"


@pytest.mark.parametrize("wrong", ["p", 5, ["p"]])
async def test_what_is_no_mapping(client: Client, wrong: Any) -> None:
    """Anything but a mapping of ids is a TypeError, as for any wrong argument."""
    for call in (client.projects.assign_users, client.users.assign_roles):
        with pytest.raises(TypeError, match="mapping"):
            await call(wrong)
