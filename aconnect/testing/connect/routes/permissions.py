"""Permissions of content: one entry for each user or group, and none for the owner.

Decides who may be given what. What an entry allows is decided where content is seen and changed.
"""

from aconnect.testing.connect.dialect import (
    ApiFault,
    Call,
    already_gone,
    bad_request,
    not_found,
    route,
)
from aconnect.testing.connect.routes._content import content_of
from aconnect.testing.wire import Answer, Row, empty, ok


def _entry(call: Call, *, removing: bool = False) -> Row:
    guid, number = content_of(call, edit=True)["guid"], call.args["id"]
    found = call.state.permissions.get(guid, {}).get(number)
    if found is None:
        if removing and f"permission:{number}" in call.state.deleted:
            raise already_gone("The permission")
        raise not_found("The permission")
    return found


async def _asked(call: Call, content: Row) -> tuple[str, str]:
    """Read who is to have which role, and refuse whom it cannot be given to."""
    body = await call.fields("principal_guid", "principal_type", "role")
    guid, kind, role = body["principal_guid"], body["principal_type"], body["role"]
    if kind not in {"user", "group"}:
        raise bad_request("principal_type must be user or group.", 152)
    if role not in {"viewer", "owner"}:
        raise bad_request("role must be viewer or owner.")
    if not isinstance(body.get("send_email", False), bool):
        raise bad_request("send_email must be true or false.")
    if kind == "group":
        if guid not in call.state.groups:
            raise ApiFault(404, 153, "The group does not exist.")
        return guid, role
    user = call.state.users.get(guid)
    if user is None:
        raise ApiFault(404, 9, "The user does not exist.")
    if guid == content["owner_guid"]:
        raise bad_request("The owner cannot be added as a collaborator or viewer.", 34)
    if role == "owner" and user["user_role"] == "viewer":
        raise ApiFault(403, 33, "A collaborator must be allowed to publish.")
    return guid, role


@route("GET", "/v1/content/{guid}/permissions")
def list_permissions(call: Call) -> Answer:
    """List all entries, not paged."""
    guid = content_of(call, edit=True)["guid"]
    return ok(list(call.state.permissions.get(guid, {}).values()))


@route("POST", "/v1/content/{guid}/permissions")
async def add_permission(call: Call) -> Answer:
    """Add an entry, or change the one there is; before 2025.11 a second one was refused."""
    content = content_of(call, edit=True)
    principal, role = await _asked(call, content)
    entries = call.state.permissions.get(content["guid"], {}).values()
    known = any(row["principal_guid"] == principal for row in entries)
    if known and not call.features.permission_upsert:
        code, kind = (155, "group") if principal in call.state.groups else (154, "user")
        raise ApiFault(409, code, f"The {kind} is already in the content permission list.")
    row = call.state.permit(content["guid"], principal, role)
    created = 201 if call.features.permission_upsert else 200
    return ok(row, 200 if known else created)


@route("GET", "/v1/content/{guid}/permissions/{id}")
def get_permission(call: Call) -> Answer:
    """Get one entry."""
    return ok(_entry(call))


@route("PUT", "/v1/content/{guid}/permissions/{id}")
async def update_permission(call: Call) -> Answer:
    """Change the role of an entry, which stays that of its user or group."""
    row = _entry(call)
    principal, role = await _asked(call, content_of(call))
    if principal != row["principal_guid"]:
        raise bad_request("The permission is that of another user or group.")
    row["role"] = role
    return ok(row)


@route("DELETE", "/v1/content/{guid}/permissions/{id}")
def delete_permission(call: Call) -> Answer:
    """Delete an entry."""
    row = _entry(call, removing=True)
    del call.state.permissions[row["content_guid"]][row["id"]]
    call.state.deleted.add(f"permission:{row['id']}")
    return empty()
