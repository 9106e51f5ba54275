"""The operations of the simulated Looker instance."""

from typing import Any

from aconnect.testing.looker.checks import (
    existing,
    existing_ids,
    name_problems,
    not_found,
    refuse,
    refuse_taken,
    texts,
)
from aconnect.testing.looker.searching import found, listed, with_fields
from aconnect.testing.looker.state import (
    PERMISSIONS,
    LookerCall,
    LookerState,
    add_role,
    add_set,
    given_token,
)
from aconnect.testing.wire import Response, RouteTable, Row, ServiceFault, empty, ok

ROUTES: RouteTable[LookerCall] = RouteTable()


@ROUTES.route("POST", "/login", public=True)
async def login(call: LookerCall) -> Response:
    """Looker reads the credentials from the form or the query, and refuses any others."""
    form = await call.form()
    client_id = form.get("client_id") or call.value("client_id") or ""
    secret = form.get("client_secret") or call.value("client_secret")
    state = call.state
    if client_id not in state.clients or state.clients[client_id] != secret:
        raise not_found()
    return ok(
        {
            "access_token": state.new_token(),
            "token_type": "Bearer",
            "expires_in": state.expires_in,
            "refresh_token": None,
        }
    )


@ROUTES.route("DELETE", "/logout")
def logout(call: LookerCall) -> Response:
    """End the session of the token."""
    del call.state.tokens[given_token(call)]
    return empty()


@ROUTES.route("GET", "/permissions")
def all_permissions(call: LookerCall) -> Response:
    """List what permission sets may allow."""
    del call
    rows: list[Row] = [
        {"can": None, "permission": name, "parent": parent, "description": f"To {name}."}
        for name, parent in PERMISSIONS.items()
    ]
    return ok(rows)


def _sets(call: LookerCall) -> tuple[str, str, dict[str, Row]]:
    """Return which type of set the path is about, what such sets contain, and which exist."""
    kind = call.path.split("/")[1]
    if kind == "model_sets":
        return kind, "models", call.state.model_sets
    return kind, "permissions", call.state.permission_sets


async def _checked_set(call: LookerCall, known: Row | None) -> Row:
    _, content, sets = _sets(call)
    body = await call.fields()
    row: Row = {name: body[name] for name in ("name", content) if name in body}
    problems = name_problems(row, known)
    listed: Any = row.get(content, [])
    if not texts(listed):
        problems.append((content, "invalid", "must be a list of texts."))
    elif content == "permissions":
        unknown = [name for name in listed if name not in PERMISSIONS]
        problems += [(content, "invalid", f"{name} is not a permission.") for name in unknown]
    refuse(problems)
    refuse_taken(sets, row, known)
    return row


@ROUTES.route("GET", "/model_sets/search")
@ROUTES.route("GET", "/permission_sets/search")
def search_sets(call: LookerCall) -> Response:
    """Search sets of one type."""
    _, content, sets = _sets(call)
    filters = ("id", "name", "all_access", "built_in", content)
    return found(call, sets.values(), {name: name for name in filters})


@ROUTES.route("GET", "/model_sets")
@ROUTES.route("GET", "/permission_sets")
def all_sets(call: LookerCall) -> Response:
    """List the sets of one type."""
    return listed(call, _sets(call)[2].values())


@ROUTES.route("GET", "/model_sets/{id}")
@ROUTES.route("GET", "/permission_sets/{id}")
def get_set(call: LookerCall) -> Response:
    """Return a set."""
    return ok(with_fields(call, [existing(_sets(call)[2], call)])[0])


@ROUTES.route("POST", "/model_sets")
@ROUTES.route("POST", "/permission_sets")
async def create_set(call: LookerCall) -> Response:
    """Create a set."""
    kind, content, sets = _sets(call)
    row = await _checked_set(call, None)
    set_id = add_set(call.state, sets, {content: [], **row}, kind)
    return ok(sets[set_id])


@ROUTES.route("PATCH", "/model_sets/{id}")
@ROUTES.route("PATCH", "/permission_sets/{id}")
async def update_set(call: LookerCall) -> Response:
    """Change a set that is not built in."""
    found = existing(_sets(call)[2], call, changes=True)
    found.update(await _checked_set(call, found))
    return ok(found)


@ROUTES.route("DELETE", "/model_sets/{id}")
@ROUTES.route("DELETE", "/permission_sets/{id}")
def delete_set(call: LookerCall) -> Response:
    """Delete a set that is neither built in nor in use."""
    kind, _, sets = _sets(call)
    found = existing(sets, call, changes=True)
    if any(role[f"{kind[:-1]}_id"] == found["id"] for role in call.state.roles.values()):
        raise ServiceFault(405, f"{found['name']} is in use and cannot be modified.")
    del sets[found["id"]]
    return empty()


def _shown(state: LookerState, role: Row) -> Row:
    return {
        **role,
        "permission_set": state.permission_sets[role["permission_set_id"]],
        "model_set": state.model_sets[role["model_set_id"]],
    }


def _roles(state: LookerState) -> list[Row]:
    return [_shown(state, role) for role in state.roles.values()]


_ROLE_FILTERS = {"id": "id", "name": "name", "built_in": "internal"}


@ROUTES.route("GET", "/roles")
def all_roles(call: LookerCall) -> Response:
    """List all roles, or those with the given ids."""
    wanted = call.value("ids")
    roles = _roles(call.state)
    if wanted is not None:
        ids = wanted.split(",")
        roles = [role for role in roles if role["id"] in ids]
    return listed(call, roles)


@ROUTES.route("GET", "/roles/search")
def search_roles(call: LookerCall) -> Response:
    """Search roles."""
    sets = {"model_set_ids": "model_set_id", "permission_set_ids": "permission_set_id"}
    return found(call, _roles(call.state), {**_ROLE_FILTERS, **sets})


@ROUTES.route("GET", "/roles/search/with_user_count")
def search_roles_with_user_count(call: LookerCall) -> Response:
    """Search roles, including the users that have them through groups."""
    state = call.state
    roles = [{**role, "user_count": len(_users(state, role["id"]))} for role in _roles(state)]
    return found(call, roles, _ROLE_FILTERS)


@ROUTES.route("GET", "/roles/{id}")
def get_role(call: LookerCall) -> Response:
    """Return a role."""
    return ok(_shown(call.state, existing(call.state.roles, call)))


def _checked_role(state: LookerState, body: Row, known: Row | None) -> Row:
    names = ("name", "permission_set_id", "model_set_id")
    row: Row = {name: body[name] for name in names if name in body}
    problems = name_problems(row, known)
    for kind, sets in (("permission_set", state.permission_sets), ("model_set", state.model_sets)):
        given = row.get(f"{kind}_id")
        if given is None and known is None:
            problems.append((f"{kind}_id", "missing_field", "must be given."))
        elif f"{kind}_id" in row and given not in sets:
            problems.append((f"{kind}_id", "invalid", f"{given} does not exist."))
    refuse(problems)
    refuse_taken(state.roles, row, known)
    return row


@ROUTES.route("POST", "/roles")
async def create_role(call: LookerCall) -> Response:
    """Create a role."""
    row = _checked_role(call.state, await call.fields(), None)
    role_id = add_role(call.state, row["name"], row["permission_set_id"], row["model_set_id"])
    return ok(_shown(call.state, call.state.roles[role_id]))


@ROUTES.route("PATCH", "/roles/{id}")
async def update_role(call: LookerCall) -> Response:
    """Change a role that is not internal."""
    role = existing(call.state.roles, call, changes=True)
    role.update(_checked_role(call.state, await call.fields(), role))
    return ok(_shown(call.state, role))


@ROUTES.route("DELETE", "/roles/{id}")
def delete_role(call: LookerCall) -> Response:
    """Delete a role that is not internal."""
    state = call.state
    role_id = existing(state.roles, call, changes=True)["id"]
    del state.roles[role_id], state.role_groups[role_id], state.role_users[role_id]
    return empty()


def _users(state: LookerState, role_id: str, *, direct: bool = False) -> list[Row]:
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
    return listed(call, _role_groups(call.state, role_id))


def _role_groups(state: LookerState, role_id: str) -> list[Row]:
    return [
        {**group, "user_count": sum(i in u["group_ids"] for u in state.users.values())}
        for i, group in state.groups.items()
        if i in state.role_groups[role_id]
    ]


@ROUTES.route("PUT", "/roles/{id}/groups")
async def set_role_groups(call: LookerCall) -> Response:
    """Replace the groups that have a role."""
    state = call.state
    role_id = existing(state.roles, call)["id"]
    state.role_groups[role_id] = existing_ids(await call.json(), state.groups, "group")
    return ok(_role_groups(state, role_id))


@ROUTES.route("GET", "/roles/{id}/users")
def role_users(call: LookerCall) -> Response:
    """List the users that have a role, directly or through groups."""
    role_id = existing(call.state.roles, call)["id"]
    direct = call.flag("direct_association_only", default=False)
    return listed(call, _users(call.state, role_id, direct=direct))


@ROUTES.route("PUT", "/roles/{id}/users")
async def set_role_users(call: LookerCall) -> Response:
    """Replace the users that have a role directly."""
    state = call.state
    role_id = existing(state.roles, call)["id"]
    state.role_users[role_id] = existing_ids(await call.json(), state.users, "user")
    return ok(_users(state, role_id, direct=True))


@ROUTES.route("GET", "/users/search")
def search_users(call: LookerCall) -> Response:
    """Search users, which is not role administration but returns the ids for it."""
    users = call.state.users.values()
    return found(call, users, {name: name for name in ("id", "email", "first_name", "last_name")})
