"""Permissions of content: one entry for each user or group, and none for the owner.

Decides which permissions are valid. What an entry allows is decided where content is viewed or
edited.
"""

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, route
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, Row, empty, ok


def _entries(call: Call) -> dict[str, Row]:
    """Return the entries of the content in the path, if the caller may edit it."""
    return call.state.permissions.get(content_of(call, edit=True)["guid"], {})


async def _asked(call: Call, content: Row) -> tuple[str, str, bool]:
    """Parse the user or group, the role, and whether to send a mail; refuse impossible ones."""
    body = await call.fields("principal_guid", "principal_type", "role")
    guid, kind, role = body["principal_guid"], body["principal_type"], body["role"]
    if kind not in {"user", "group"}:
        raise bad_request("principal_type must be user or group.", 152)
    if role not in {"viewer", "owner"}:
        raise bad_request("role must be viewer or owner.")
    send_email = body.get("send_email", False)
    if not isinstance(send_email, bool):
        raise bad_request("send_email must be true or false.")
    if kind == "group":
        if guid not in call.state.groups:
            raise ApiFault(404, 153, "The group does not exist.")
        return guid, role, send_email
    user = call.state.users.get(guid)
    if user is None:
        raise ApiFault(404, 9, "The user does not exist.")
    if guid == content["owner_guid"]:
        raise bad_request("The owner cannot be added as a collaborator or viewer.", 34)
    if role == "owner" and user["user_role"] == "viewer":
        raise ApiFault(403, 33, "A collaborator must be allowed to publish.")
    return guid, role, send_email


def _notify(call: Call, content: Row, principal: str) -> None:
    """Send a mail to the user, or to the members of the group."""
    state = call.state
    for guid in state.members.get(principal, [principal]):
        state.mail(state.users[guid], "permission", content["guid"])


@route("GET", "/v1/content/{guid}/permissions", since=(1, 8, 6))
def list_permissions(call: Call) -> Response:
    """List all entries, not paged."""
    return ok(list(_entries(call).values()))


@route("POST", "/v1/content/{guid}/permissions", since=(1, 8, 6))
async def add_permission(call: Call) -> Response:
    """Add an entry, or change the existing one; before 2025.11, a second one was refused."""
    content = content_of(call, edit=True)
    principal, role, send_email = await _asked(call, content)
    exists = any(row["principal_guid"] == principal for row in _entries(call).values())
    if exists and not call.features.permission_upsert:
        code, kind = (155, "group") if principal in call.state.groups else (154, "user")
        raise ApiFault(409, code, f"The {kind} is already in the content permission list.")
    row = call.state.permit(content["guid"], principal, role)
    if send_email:
        _notify(call, content, principal)
    created = 201 if call.features.permission_upsert else 200
    return ok(row, 200 if exists else created)


@route("GET", "/v1/content/{guid}/permissions/{id}", since=(1, 8, 6))
def get_permission(call: Call) -> Response:
    """Get one entry."""
    return ok(existing(_entries(call), call.args["id"], "The permission"))


@route("PUT", "/v1/content/{guid}/permissions/{id}", since=(1, 8, 6))
async def update_permission(call: Call) -> Response:
    """Change the role of an entry, whose user or group cannot be changed."""
    row = existing(_entries(call), call.args["id"], "The permission")
    content = content_of(call)
    principal, role, send_email = await _asked(call, content)
    if principal != row["principal_guid"]:
        raise bad_request("The permission is that of another user or group.")
    row["role"] = role
    if send_email:
        _notify(call, content, principal)
    return ok(row)


@route("DELETE", "/v1/content/{guid}/permissions/{id}", since=(1, 8, 6))
def delete_permission(call: Call) -> Response:
    """Delete an entry."""
    number = call.args["id"]
    remove_from(call, _entries(call), number, "The permission", mark=f"permission:{number}")
    return empty()
