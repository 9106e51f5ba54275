"""What authentication providers manage, and which mails a server sends."""

from datetime import timedelta

import pytest


def user(call, name):
    """Return the GUID of a user."""
    return call.server.state.known_user(name)["guid"]


@pytest.mark.parametrize("provider", ["password", "saml", "oauth2", "pam", "proxy"])
async def test_created_users(call, provider):
    """Without a directory, users and groups are created from their fields."""
    call.server.state.authentication = provider
    created = await call.json("POST", "/v1/users", json={"username": "new", "email": "n@x"})
    assert created["confirmed"] is (provider != "password")
    assert len(call.server.state.mails) == (provider == "password")
    group = await call.json("POST", "/v1/groups", json={"name": "new"})
    member = {"user_guid": created["guid"]}
    assert (await call("POST", f"/v1/groups/{group['guid']}/members", json=member)).status == 204


@pytest.mark.parametrize("provider", ["ldap", "google"])
async def test_directories(call, provider):
    """A directory manages the names of users, and LDAP the members of groups; not roles."""
    state = call.server.state
    state.authentication = provider
    settings = (await call.json("GET", "/server_settings"))["authentication"]
    is_ldap = provider == "ldap"
    assert settings["external_user_data"] is True
    assert settings["external_group_members"] is is_ldap
    path = f"/v1/users/{user(call, 'viewer')}"
    assert (await call("PUT", path, json={"email": "other@x"})).code == 53
    same = {"email": state.known_user("viewer")["email"], "user_role": "publisher"}
    assert (await call("PUT", path, json=same)).status == 200
    guid, members = next(iter(state.members.items()))
    outside = next(one for one in state.users if one not in members)
    path = f"/v1/groups/{guid}/members"
    for reply in (
        await call("POST", path, json={"user_guid": outside}),
        await call("DELETE", f"{path}/{members[0]}"),
    ):
        assert reply.status == (400 if is_ldap else 204)
        assert not is_ldap or reply.code == 95


async def test_mails_of_permissions(call):
    """A mail about a permission is only sent if it is requested, to each member of a group."""
    state = call.server.state
    content, group = next(iter(state.content)), next(iter(state.groups))
    path = f"/v1/content/{content}/permissions"
    viewer = {"principal_guid": user(call, "viewer"), "principal_type": "user", "role": "viewer"}
    members = {"principal_guid": group, "principal_type": "group", "role": "viewer"}
    row = await call.json("POST", path, json=viewer)
    await call.json("POST", path, json={**members, "send_email": False})
    assert state.mails == []
    await call.json("PUT", f"{path}/{row['id']}", json={**viewer, "send_email": True})
    assert state.mails == [
        {"to": "viewer@example.com", "about": "permission", "content_guid": content}
    ]
    await call.json("POST", path, json={**members, "send_email": True})
    assert len(state.mails) == 1 + len(state.members[group])


async def test_mail_of_a_new_user(call):
    """A new user without a password has to confirm a mail; one with a password has not."""
    body = {"username": "ana", "email": "ana@x"}
    await call.json("POST", "/v1/users", json=body)
    assert [(mail["to"], mail["about"]) for mail in call.server.state.mails] == [
        ("ana@x", "confirmation")
    ]
    body = {"username": "bob", "email": "bob@x", "password": "secret-of-bob"}
    assert (await call.json("POST", "/v1/users", json=body))["confirmed"] is True
    assert len(call.server.state.mails) == 1


async def test_expiring_key(call):
    """A key is valid until it expires, and then no call is."""
    state = call.server.state
    row = state.api_keys[call.server.api_key]
    row["expires_at"] = state.now() + timedelta(days=1)
    assert (await call("GET", "/v1/user")).status == 200
    row["expires_at"] = state.now()
    reply = await call("GET", "/v1/user")
    assert (reply.status, reply.code) == (401, 30)


async def test_locked_account(call):
    """The key of a locked user is refused with a code of its own."""
    key = call.server.api_key_for("publisher")
    await call("POST", f"/v1/users/{user(call, 'publisher')}/lock", json={"locked": True})
    reply = await call("GET", "/v1/user", headers={"Authorization": f"Key {key}"})
    assert (reply.status, reply.code) == (403, 50)
