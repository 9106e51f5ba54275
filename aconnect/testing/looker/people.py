"""Users and groups: search, look-up, the users of a group and the roles of a user."""

from aconnect.testing.looker.checks import existing, existing_ids, existing_row, not_found
from aconnect.testing.looker.routes import ROUTES, group_rows, users_with_role, with_sets
from aconnect.testing.looker.searching import list_response, search_response, with_fields
from aconnect.testing.looker.state import LookerCall, LookerState, acting_user
from aconnect.testing.wire import Response, Row, ok

_USER_FILTERS = (
    "id",
    "email",
    "first_name",
    "last_name",
    "is_disabled",
    "embed_user",
    "verified_looker_employee",
    "can_manage_api3_creds",
    "is_service_account",
)
_GROUP_FILTERS = ("id", "name", "external_group_id", "externally_managed", "externally_orphaned")
_CREDENTIAL_IDS = {
    "email": "email",
    "google": "google_user_id",
    "saml": "saml_user_id",
    "ldap": "ldap_id",
    "oidc": "oidc_user_id",
    "looker_openid": "email",
    "embed": "external_user_id",
    "api3": "client_id",
}
"""The field of each type of credentials that identifies the user."""


def _user_response(call: LookerCall, user: Row) -> Response:
    return ok(with_fields(call, [_user_row(call.state, user)])[0])


def _user_row(state: LookerState, user: Row) -> Row:
    """Return a user in the form in which it is sent."""
    return {**user, "role_ids": [role["id"] for role in _roles_of(state, user["id"])]}


def _roles_of(state: LookerState, user_id: str, *, direct: bool = False) -> list[Row]:
    return [
        with_sets(state, role)
        for role_id, role in state.roles.items()
        if any(user["id"] == user_id for user in users_with_role(state, role_id, direct=direct))
    ]


@ROUTES.route("GET", "/user")
def me(call: LookerCall) -> Response:
    """Return the user that the caller acts as."""
    return _user_response(call, existing_row(call.state.users, acting_user(call)))


@ROUTES.route("GET", "/users/search")
def search_users(call: LookerCall) -> Response:
    """Search users."""
    filters = {"full_name": "display_name", "group_id": "group_ids"}
    filters |= {name: name for name in _USER_FILTERS}
    rows = [_user_row(call.state, user) for user in call.state.users.values()]
    return search_response(call, rows, filters)


@ROUTES.route("GET", "/users/{id}")
def get_user(call: LookerCall) -> Response:
    """Return a user."""
    return _user_response(call, existing(call.state.users, call))


@ROUTES.route("GET", "/users/credential/{type}/{credential}")
def get_user_by_credential(call: LookerCall) -> Response:
    """Return the user that signs in with a credential."""
    name, field = f"credentials_{call.args['type']}", _CREDENTIAL_IDS.get(call.args["type"], "")
    for user in call.state.users.values():
        value: Row | list[Row] = user.get(name) or []
        rows = value if isinstance(value, list) else [value]
        if any(row.get(field) == call.args["credential"] for row in rows):
            return _user_response(call, user)
    raise not_found()


@ROUTES.route("GET", "/users/{id}/roles")
def user_roles(call: LookerCall) -> Response:
    """List the roles of a user, directly or through a group."""
    user_id = existing(call.state.users, call)["id"]
    direct = call.flag("direct_association_only", default=False)
    return list_response(call, _roles_of(call.state, user_id, direct=direct))


@ROUTES.route("PUT", "/users/{id}/roles")
async def set_user_roles(call: LookerCall) -> Response:
    """Replace the roles that a user has directly."""
    state = call.state
    user_id = existing(state.users, call)["id"]
    role_ids = existing_ids(await call.json(), state.roles, "role")
    for role_id, users in state.role_users.items():
        if role_id not in role_ids and user_id in users:
            users.remove(user_id)
        elif role_id in role_ids and user_id not in users:
            users.append(user_id)
    return list_response(call, _roles_of(state, user_id, direct=True))


@ROUTES.route("GET", "/groups/search")
def search_groups(call: LookerCall) -> Response:
    """Search groups."""
    return search_response(call, group_rows(call.state), {name: name for name in _GROUP_FILTERS})


@ROUTES.route("GET", "/groups/{id}")
def get_group(call: LookerCall) -> Response:
    """Return a group."""
    group_id = existing(call.state.groups, call)["id"]
    group = next(row for row in group_rows(call.state) if row["id"] == group_id)
    return ok(with_fields(call, [group])[0])


@ROUTES.route("GET", "/groups/{id}/users")
def group_users(call: LookerCall) -> Response:
    """List the users of a group."""
    state, group_id = call.state, existing(call.state.groups, call)["id"]
    users = [user for user in state.users.values() if group_id in user["group_ids"]]
    return search_response(call, [_user_row(state, user) for user in users], {})


@ROUTES.route("POST", "/groups/{id}/users")
async def add_group_user(call: LookerCall) -> Response:
    """Add a user to a group; nothing happens if the user is in it."""
    state, group_id = call.state, existing(call.state.groups, call)["id"]
    user_id = (await call.fields("user_id"))["user_id"]
    user = existing_row(state.users, user_id)
    if group_id not in user["group_ids"]:
        user["group_ids"].append(group_id)
    return ok(_user_row(state, user))
