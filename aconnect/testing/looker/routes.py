"""Roles and the sets that they consist of; the other operations are in `people` and `sessions`."""

from typing import Any

from aconnect.testing.looker.checks import (
    existing,
    existing_ids,
    is_string_list,
    name_problems,
    reject,
    reject_used_name,
)
from aconnect.testing.looker.searching import list_response, search_response, with_fields
from aconnect.testing.looker.state import (
    PERMISSIONS,
    LookerCall,
    LookerState,
    add_role,
    add_set,
)
from aconnect.testing.wire import Response, RouteTable, Row, ServiceFault, empty, ok

ROUTES: RouteTable[LookerCall] = RouteTable()


@ROUTES.route("GET", "/permissions")
def all_permissions(call: LookerCall) -> Response:
    """List the permissions that permission sets can contain."""
    del call
    rows: list[Row] = [
        {"can": None, "permission": name, "parent": parent, "description": f"To {name}."}
        for name, parent in PERMISSIONS.items()
    ]
    return ok(rows)


def _sets(call: LookerCall) -> tuple[str, str, dict[str, Row]]:
    """Return the type of set in the path, the name of its content, and the sets of that type."""
    set_type = call.path.split("/")[1]
    if set_type == "model_sets":
        return set_type, "models", call.state.model_sets
    return set_type, "permissions", call.state.permission_sets


async def _parse_set(call: LookerCall, current: Row | None) -> Row:
    """Parse the body of a create or update operation; `current` is the set to update."""
    _, content, sets = _sets(call)
    body = await call.fields()
    row: Row = {name: body[name] for name in ("name", content) if name in body}
    problems = name_problems(row, current)
    values: Any = row.get(content, [])
    if not is_string_list(values):
        problems.append((content, "invalid", "must be a list of texts."))
    elif content == "permissions":
        unknown = [name for name in values if name not in PERMISSIONS]
        problems += [(content, "invalid", f"{name} is not a permission.") for name in unknown]
    reject(problems)
    reject_used_name(sets, row, current)
    return row


@ROUTES.route("GET", "/model_sets/search")
@ROUTES.route("GET", "/permission_sets/search")
def search_sets(call: LookerCall) -> Response:
    """Search the sets of one type."""
    _, content, sets = _sets(call)
    filters = ("id", "name", "all_access", "built_in", content)
    return search_response(call, sets.values(), {name: name for name in filters})


@ROUTES.route("GET", "/model_sets")
@ROUTES.route("GET", "/permission_sets")
def all_sets(call: LookerCall) -> Response:
    """List the sets of one type."""
    return list_response(call, _sets(call)[2].values())


@ROUTES.route("GET", "/model_sets/{id}")
@ROUTES.route("GET", "/permission_sets/{id}")
def get_set(call: LookerCall) -> Response:
    """Return a set."""
    return ok(with_fields(call, [existing(_sets(call)[2], call)])[0])


@ROUTES.route("POST", "/model_sets")
@ROUTES.route("POST", "/permission_sets")
async def create_set(call: LookerCall) -> Response:
    """Create a set."""
    set_type, content, sets = _sets(call)
    row = await _parse_set(call, None)
    set_id = add_set(call.state, sets, {content: [], **row}, set_type)
    return ok(sets[set_id])


@ROUTES.route("PATCH", "/model_sets/{id}")
@ROUTES.route("PATCH", "/permission_sets/{id}")
async def update_set(call: LookerCall) -> Response:
    """Update a set that is not built in."""
    row = existing(_sets(call)[2], call, changes=True)
    row.update(await _parse_set(call, row))
    return ok(row)


@ROUTES.route("DELETE", "/model_sets/{id}")
@ROUTES.route("DELETE", "/permission_sets/{id}")
def delete_set(call: LookerCall) -> Response:
    """Delete a set that is neither built in nor in use."""
    set_type, _, sets = _sets(call)
    row = existing(sets, call, changes=True)
    if any(role[f"{set_type[:-1]}_id"] == row["id"] for role in call.state.roles.values()):
        raise ServiceFault(405, f"{row['name']} is in use and cannot be modified.")
    del sets[row["id"]]
    return empty()


def with_sets(state: LookerState, role: Row) -> Row:
    """Return a role in the form in which it is sent."""
    return {
        **role,
        "permission_set": state.permission_sets[role["permission_set_id"]],
        "model_set": state.model_sets[role["model_set_id"]],
    }


def _roles(state: LookerState) -> list[Row]:
    return [with_sets(state, role) for role in state.roles.values()]


_ROLE_FILTERS = {"id": "id", "name": "name", "built_in": "internal"}


@ROUTES.route("GET", "/roles")
def all_roles(call: LookerCall) -> Response:
    """List all roles, or those with the given ids."""
    value = call.value("ids")
    roles = _roles(call.state)
    if value is not None:
        ids = value.split(",")
        roles = [role for role in roles if role["id"] in ids]
    return list_response(call, roles)


@ROUTES.route("GET", "/roles/search")
def search_roles(call: LookerCall) -> Response:
    """Search roles."""
    sets = {"model_set_ids": "model_set_id", "permission_set_ids": "permission_set_id"}
    return search_response(call, _roles(call.state), {**_ROLE_FILTERS, **sets})


@ROUTES.route("GET", "/roles/search/with_user_count")
def search_roles_with_user_count(call: LookerCall) -> Response:
    """Search roles and count their users, including those that have a role through a group."""
    state = call.state
    roles = [
        {**role, "user_count": len(users_with_role(state, role["id"]))} for role in _roles(state)
    ]
    return search_response(call, roles, _ROLE_FILTERS)


@ROUTES.route("GET", "/roles/{id}")
def get_role(call: LookerCall) -> Response:
    """Return a role."""
    return ok(with_sets(call.state, existing(call.state.roles, call)))


def _parse_role(state: LookerState, body: Row, current: Row | None) -> Row:
    """Parse the body of a create or update operation; `current` is the role to update."""
    names = ("name", "permission_set_id", "model_set_id")
    row: Row = {name: body[name] for name in names if name in body}
    problems = name_problems(row, current)
    for set_type, sets in (
        ("permission_set", state.permission_sets),
        ("model_set", state.model_sets),
    ):
        name = f"{set_type}_id"
        set_id = row.get(name)
        if set_id is None and current is None:
            problems.append((name, "missing_field", "must be given."))
        elif name in row and set_id not in sets:
            problems.append((name, "invalid", f"{set_id} does not exist."))
    reject(problems)
    reject_used_name(state.roles, row, current)
    return row


@ROUTES.route("POST", "/roles")
async def create_role(call: LookerCall) -> Response:
    """Create a role."""
    row = _parse_role(call.state, await call.fields(), None)
    role_id = add_role(call.state, row["name"], row["permission_set_id"], row["model_set_id"])
    return ok(with_sets(call.state, call.state.roles[role_id]))


@ROUTES.route("PATCH", "/roles/{id}")
async def update_role(call: LookerCall) -> Response:
    """Update a role that is not internal."""
    role = existing(call.state.roles, call, changes=True)
    role.update(_parse_role(call.state, await call.fields(), role))
    return ok(with_sets(call.state, role))


@ROUTES.route("DELETE", "/roles/{id}")
def delete_role(call: LookerCall) -> Response:
    """Delete a role that is not internal."""
    state = call.state
    role_id = existing(state.roles, call, changes=True)["id"]
    del state.roles[role_id], state.role_groups[role_id], state.role_users[role_id]
    return empty()


def users_with_role(state: LookerState, role_id: str, *, direct: bool = False) -> list[Row]:
    """Return the users that have a role, directly or through a group."""
    groups = set[str]() if direct else set(state.role_groups[role_id])
    return [
        user
        for user in state.users.values()
        if user["id"] in state.role_users[role_id] or groups.intersection(user["group_ids"])
    ]


@ROUTES.route("GET", "/roles/{id}/groups")
def role_groups(call: LookerCall) -> Response:
    """List the groups that have a role."""
    role_id = existing(call.state.roles, call)["id"]
    return list_response(call, _groups_with_role(call.state, role_id))


def _groups_with_role(state: LookerState, role_id: str) -> list[Row]:
    return [group for group in group_rows(state) if group["id"] in state.role_groups[role_id]]


def group_rows(state: LookerState) -> list[Row]:
    """Return all groups in the form in which they are sent."""
    return [
        {**group, "user_count": sum(i in user["group_ids"] for user in state.users.values())}
        for i, group in state.groups.items()
    ]


@ROUTES.route("PUT", "/roles/{id}/groups")
async def set_role_groups(call: LookerCall) -> Response:
    """Replace the groups that have a role."""
    state = call.state
    role_id = existing(state.roles, call)["id"]
    state.role_groups[role_id] = existing_ids(await call.json(), state.groups, "group")
    return ok(_groups_with_role(state, role_id))


@ROUTES.route("GET", "/roles/{id}/users")
def role_users(call: LookerCall) -> Response:
    """List the users that have a role, directly or through a group."""
    role_id = existing(call.state.roles, call)["id"]
    direct = call.flag("direct_association_only", default=False)
    return list_response(call, users_with_role(call.state, role_id, direct=direct))


@ROUTES.route("PUT", "/roles/{id}/users")
async def set_role_users(call: LookerCall) -> Response:
    """Replace the users to which a role is assigned directly."""
    state = call.state
    role_id = existing(state.roles, call)["id"]
    state.role_users[role_id] = existing_ids(await call.json(), state.users, "user")
    return ok(users_with_role(state, role_id, direct=True))
