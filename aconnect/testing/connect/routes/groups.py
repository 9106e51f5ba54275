"""Groups and their members."""

from typing import Any
from uuid import uuid4

from aconnect.testing.connect.dialect import (
    ApiFault,
    Call,
    already_deleted,
    bad_request,
    forbidden,
    not_found,
    route,
)
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes._checks import (
    TEXT,
    TEXT_NULL,
    WHOLE_NULL,
    Kinds,
    chosen,
    existing,
    remote_prefix,
    remove_from,
)
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, empty, ok


def new_group(guid: str, name: str, owner_guid: str | None, gid: int | None = None) -> Row:
    """Return a new group."""
    return {"guid": guid, "name": name, "owner_guid": owner_guid, "gid": gid}


def seed(state: State) -> None:
    """Add groups with a third of the users each, and some that exist in the directory only."""
    users = [*state.users]
    for i in range(state.seed.groups):
        guid = guid_of("group", i)
        state.groups[guid] = new_group(guid, f"group{i:04d}", users[0], 1000 + i)
        state.members[guid] = [user for j, user in enumerate(users) if (i + j) % 3 == 0]
    for i in range(3):
        name = f"group-remote{i}"
        state.remote_groups[f"ticket-{name}"] = {"name": name}


def _group(call: Call, name: str = "guid", *, edit: bool = False) -> Row:
    row = existing(call.state.groups, call.args[name], "The group")
    if edit and not call.is_admin and row["owner_guid"] != call.user["guid"]:
        raise forbidden()
    return row


def _sent(call: Call, row: Row) -> Row:
    count = len(call.state.members.get(row["guid"], ()))
    return downgrade("group", {**row, "member_count": count}, call.features)


def _refuse_taken(call: Call, name: str, own: Row | None = None) -> None:
    if any(row["name"] == name and row is not own for row in call.state.groups.values()):
        raise ApiFault(409, 15, f"The group name {name!r} is already taken.")


@route("GET", "/v1/groups", since=(1, 7, 0))
def find_groups(call: Call) -> Response:
    """Find groups; before 2025.04, with a prefix, every page is page 1."""
    prefix = (call.value("prefix") or "").lower()
    rows = [row for row in call.state.groups.values() if row["name"].lower().startswith(prefix)]
    rows.sort(key=lambda row: row["name"].lower(), reverse=not call.flag("asc_order", default=True))
    rows = [_sent(call, row) for row in rows]
    if prefix and not call.features.group_prefix_pages:
        call.integer("page_number", 1, 1)
        size = call.integer("page_size", 20, 1, 500)
        return ok({"current_page": 1, "total": len(rows), "results": rows[:size]})
    return offset(call, rows)


@route("POST", "/v1/groups", role="publisher", since=(1, 7, 0))
async def create_group(call: Call) -> Response:
    """Create a group, which a server with a directory refuses."""
    body = chosen(await call.fields("name"), {"name": TEXT, "unique_id": TEXT, "gid": WHOLE_NULL})
    if call.state.has_directory:
        raise ApiFault(
            400, 120, "Groups of a directory are created with PUT and a temporary ticket."
        )
    return ok(_sent(call, _store(call, body["name"], body.get("gid"))))


@route("PUT", "/v1/groups", role="publisher")
async def create_remote_group(call: Call) -> Response:
    """Create a group from the ticket of a directory search."""
    ticket = (await call.fields("temp_ticket"))["temp_ticket"]
    remote = existing(call.state.remote_groups, ticket, "The temporary ticket")
    row = _store(call, remote["name"], None)
    del call.state.remote_groups[ticket]
    return ok(_sent(call, row))


def _store(call: Call, name: str, gid: int | None) -> Row:
    _refuse_taken(call, name)
    guid = str(uuid4())
    row = call.state.groups[guid] = new_group(guid, name, call.user["guid"], gid)
    call.state.members[guid] = []
    return row


@route("GET", "/v1/groups/remote", role="publisher")
def search_remote_groups(call: Call) -> Response:
    """Search the server's groups and its directory."""
    prefix = remote_prefix(call)
    limit = call.integer("limit", 20, 1, 500)
    rows = [
        {"name": row["name"], "guid": guid, "temp_ticket": f"ticket-{row['name']}"}
        for guid, row in call.state.groups.items()
        if row["name"].lower().startswith(prefix)
    ]
    rows += [
        {"name": row["name"], "guid": None, "temp_ticket": ticket}
        for ticket, row in call.state.remote_groups.items()
        if row["name"].lower().startswith(prefix)
    ]
    return ok({"current_page": 1, "total": len(rows[:limit]), "results": rows[:limit]})


@route("GET", "/v1/groups/{guid}", since=(1, 7, 0))
def get_group(call: Call) -> Response:
    """Get one group."""
    return ok(_sent(call, _group(call)))


@route("PATCH", "/v1/groups/{guid}", since=(2024, 1, 0))
async def patch_group(call: Call) -> Response:
    """Change the given fields."""
    kinds = {"name": TEXT_NULL, "owner_guid": TEXT_NULL, "gid": WHOLE_NULL}
    return await _change(call, kinds)


@route("POST", "/v1/groups/{guid}", since=(1, 7, 0))
async def update_group(call: Call) -> Response:
    """Change the given fields; the older operation."""
    return await _change(call, {"name": TEXT, "owner_guid": TEXT})


async def _change(call: Call, kinds: Kinds) -> Response:
    row = _group(call, edit=True)
    changes = chosen(await call.fields(), kinds, short=("gid",))
    if changes.get("name", "") is None:
        del changes["name"]
    if "name" in changes:
        if not changes["name"]:
            raise bad_request("The field name must not be empty.")
        _refuse_taken(call, changes["name"], row)
    owner = changes.get("owner_guid")
    if owner is not None and owner not in call.state.users:
        raise not_found("The owner")
    row.update(changes)
    return ok(_sent(call, row))


@route("DELETE", "/v1/groups/{guid}", since=(1, 7, 0))
def delete_group(call: Call) -> Response:
    """Delete a group."""
    guid = call.args["guid"]
    if guid in call.state.groups:
        _group(call, edit=True)
    remove_from(call, call.state.groups, guid, "The group")
    call.state.members.pop(guid, None)
    call.state.forbid(guid, *call.state.permissions)
    return empty()


@route("GET", "/v1/groups/{group_guid}/members", since=(1, 7, 0))
def get_members(call: Call) -> Response:
    """List members; older servers do not page them."""
    members = call.state.members[_group(call, "group_guid")["guid"]]
    rows = [call.state.users[guid] for guid in members if guid in call.state.users]
    sort = call.value("sort") or "username"
    if rows and sort not in rows[0]:
        raise bad_request(f"Members cannot be sorted by {sort!r}.")
    rows.sort(
        key=lambda row: str(row[sort] or "").lower(),
        reverse=not call.flag("asc_order", default=True),
    )
    if not call.features.modern_fields:
        rows = [downgrade("user", row, call.features) for row in rows]
        return ok({"current_page": 1, "total": len(rows), "results": rows})
    return offset(call, rows, size=10, high=100_000)


@route("POST", "/v1/groups/{group_guid}/members", since=(1, 7, 0))
async def add_member(call: Call) -> Response:
    """Add a user to a group."""
    group = _group(call, "group_guid", edit=True)
    _refuse_directory(call)
    user = (await call.fields("user_guid"))["user_guid"]
    existing(call.state.users, user, "The user")
    members = call.state.members[group["guid"]]
    if user in members:
        raise ApiFault(409, 16, "The user is already a member of the group.")
    members.append(user)
    return empty()


@route("DELETE", "/v1/groups/{group_guid}/members/{user_guid}", since=(1, 7, 0))
def remove_member(call: Call) -> Response:
    """Remove a user from a group."""
    members = call.state.members[_group(call, "group_guid", edit=True)["guid"]]
    _refuse_directory(call)
    if call.args["user_guid"] not in members:
        raise already_deleted("The membership")
    members.remove(call.args["user_guid"])
    return empty()


def _refuse_directory(call: Call) -> None:
    """Refuse to change members whom the directory manages."""
    stated: Any = call.state.settings.get("authentication")
    manages = call.state.authentication == "ldap"
    if stated is not None:
        manages = stated.get("external_group_members", False)
    if manages:
        raise bad_request("The directory manages the members of groups.", 95)
