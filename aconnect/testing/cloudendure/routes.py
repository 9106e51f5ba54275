"""The operations of the simulated CloudEndure server.

Decides how they read and change the state. Inviting a pending user again returns 202.
"""

import csv
import io
import secrets
from datetime import datetime
from typing import Any, cast

from aconnect.testing.cloudendure.state import CloudEndureCall, time_of
from aconnect.testing.wire import Response, RouteTable, Row, ServiceFault, empty, ok

DEFAULT_LIMIT = 1500
"""The default of the maximum number of items in a response."""
ROLES = frozenset({"USER", "ACCOUNT_ADMIN", "ACCOUNT_OWNER", "GLOBAL_READONLY"})
_COLUMNS = ("timestamp", "username", "eventName", "description")

ROUTES: RouteTable[CloudEndureCall] = RouteTable()


def check_xsrf(call: CloudEndureCall, xsrf: str) -> None:
    """Reject a call without the XSRF token of its session."""
    if call.request.headers.get("X-XSRF-TOKEN") != xsrf:
        raise ServiceFault(403, "The XSRF token is missing or wrong.", code="XSRF")


@ROUTES.route("POST", "/login", public=True)
async def login(call: CloudEndureCall) -> Response:
    """Create a session for an API token, or for a user name and password."""
    body = await call.fields()
    state = call.state
    token, name = body.get("userApiToken"), body.get("username")
    for key, user in state.users.items():
        by_token = token is not None and user["apiToken"] == token
        by_name = user["username"] == name and state.passwords.get(key) == body.get("password")
        if user["status"] == "CONFIRMED" and (by_token or by_name):
            # One cookie is quoted and the other contains equals signs, like real cookies.
            cookie, xsrf = secrets.token_urlsafe(16) + "==", secrets.token_urlsafe(16)
            state.sessions[cookie] = (key, xsrf)
            call.set_cookie(f"session={cookie}; Path=/; Secure; HttpOnly; SameSite=Lax")
            call.set_cookie(f'XSRF-TOKEN="{xsrf}"; Path=/; Secure')
            return ok(user)
    raise ServiceFault(401, "The credentials are wrong.", code="INVALID_CREDENTIALS")


@ROUTES.route("POST", "/logout", public=True)
def logout(call: CloudEndureCall) -> Response:
    """End the session of the caller; do nothing if it has already ended."""
    cookie = call.request.cookies.get("session", "")
    if cookie in call.state.sessions:
        check_xsrf(call, call.state.sessions[cookie][1])
        del call.state.sessions[cookie]
    return empty()


@ROUTES.route("GET", "/me")
def me(call: CloudEndureCall) -> Response:
    """Return the user that the session belongs to."""
    return ok(call.user)


@ROUTES.route("GET", "/accounts/{accountId}/access")
def access(call: CloudEndureCall) -> Response:
    """Send a temporary access token to a user."""
    name = call.value("username")
    if name is None:
        raise ServiceFault(400, "username is required.")
    exists = any(user["username"] == name for user in call.state.users.values())
    if call.args["accountId"] != call.state.account or not exists:
        raise ServiceFault(404, "No such account or user.", code="NOT_FOUND")
    call.state.mails.append(name)
    return ok({"sent": True})


@ROUTES.route("GET", "/extendedAccountInfo")
def extended_account_info(call: CloudEndureCall) -> Response:
    """Return the account and its objects."""
    state = call.state
    return ok(
        {
            "account": {"id": state.account, "ownerId": "user-1", "maxProjectsAllowed": 10},
            "clouds": {"items": [{"id": "cloud-1", "name": "AWS", "roles": ["TARGET"]}]},
            "genericRegion": {"id": "region-1", "name": "Generic", "subnets": []},
            "dateTime": {"dateTime": state.now.isoformat()},
            "user": call.user,
            "projects": {"items": list(state.projects.values())},
            "isNewlyRegistered": False,
            "replicationConfigurations": {
                "items": [{"id": "replication-1", "replicatorSecurityGroupIDs": ["sg-1"]}]
            },
        }
    )


async def _items(call: CloudEndureCall) -> list[Row]:
    items: object = (await call.fields()).get("items")
    if not isinstance(items, list):
        raise ServiceFault(400, "items is required and must be a list.")
    return cast("list[Row]", items)


def _existing(rows: dict[str, Row], key: object, object_type: str) -> Row:
    if not isinstance(key, str) or key not in rows:
        raise ServiceFault(404, f"No such {object_type}: {key}.", code="NOT_FOUND")
    return rows[key]


async def _users_of_projects(call: CloudEndureCall) -> list[tuple[Row, list[str]]]:
    """Parse the body into projects and user ids; raise a fault if one of them does not exist."""
    pairs: list[tuple[Row, list[str]]] = []
    for item in await _items(call):
        project = _existing(call.state.projects, item.get("projectId"), "project")
        users = [_existing(call.state.users, key, "user")["id"] for key in item.get("userIds", [])]
        pairs.append((project, users))
    return pairs


@ROUTES.route("POST", "/projects/assignUsers")
async def assign_users(call: CloudEndureCall) -> Response:
    """Assign users to projects."""
    for project, users in await _users_of_projects(call):
        project["usersIDs"] = list(dict.fromkeys([*project["usersIDs"], *users]))
    return empty(200)


@ROUTES.route("POST", "/projects/removeUsers")
async def remove_users(call: CloudEndureCall) -> Response:
    """Remove users from projects."""
    for project, users in await _users_of_projects(call):
        project["usersIDs"] = [key for key in project["usersIDs"] if key not in users]
    return empty(200)


def _page(call: CloudEndureCall, rows: list[Row]) -> Response:
    """Return `limit` of the rows, from `offset` on."""
    offset, limit = call.integer("offset", 0, 0), call.integer("limit", DEFAULT_LIMIT, 1)
    return ok({"items": rows[offset : offset + limit]})


@ROUTES.route("GET", "/projects")
def list_projects(call: CloudEndureCall) -> Response:
    """List the projects of the account."""
    return _page(call, list(call.state.projects.values()))


@ROUTES.route("GET", "/projects/{projectId}/machines")
def list_machines(call: CloudEndureCall) -> Response:
    """List the source machines of a project: those that replicate, or all."""
    project = _existing(call.state.projects, call.args["projectId"], "project")
    rows = list(call.state.machines[project["id"]].values())
    if not call.flag("all", default=False):
        rows = [row for row in rows if row["replicationStatus"] == "STARTED"]
    return _page(call, rows)


@ROUTES.route("GET", "/projects/{projectId}/machines/{machineId}")
def get_machine(call: CloudEndureCall) -> Response:
    """Return a machine."""
    project = _existing(call.state.projects, call.args["projectId"], "project")
    machines = call.state.machines[project["id"]]
    return ok(_existing(machines, call.args["machineId"], "machine"))


@ROUTES.route("GET", "/projects/{projectId}/storage")
def storage(call: CloudEndureCall) -> Response:
    """Return the storage of a project."""
    project = _existing(call.state.projects, call.args["projectId"], "project")
    return ok(
        {
            "projectId": project["id"],
            "pointsInTimeTotalBytes": 1 << 40,
            "runningMachinesTotalBytes": 1 << 36,
            "workingStorage": {},
            "calculationDateTime": "2021-03-01T00:00:00+00:00",
        }
    )


@ROUTES.route("GET", "/projects/{projectId}/auditLog")
def audit_log(call: CloudEndureCall) -> Response:
    """Return the latest entries of the audit log, or of a time window of it."""
    project = _existing(call.state.projects, call.args["projectId"], "project")
    limit = call.integer("limit", DEFAULT_LIMIT, 1)
    entries = call.state.audit_logs[project["id"]]
    begin, end = call.value("fromDateTime"), call.value("toDateTime")
    if (begin is None) != (end is None):
        raise ServiceFault(400, "fromDateTime and toDateTime go together.")
    if begin is not None and end is not None:
        entries = [entry for entry in entries if _is_in_window(call, entry, begin, end)]
    newest = entries[::-1][:limit]
    if call.value("format") == "csv":
        return Response(_csv(newest), 200, "text/csv; charset=utf-8")
    return ok({"items": newest, "hasMoreResults": len(entries) > limit})


def _is_in_window(call: CloudEndureCall, entry: Row, begin: str, end: str) -> bool:
    try:
        start, stop = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    except ValueError as cause:
        raise ServiceFault(400, f"No date-time: {cause}.") from cause
    time, ends = time_of(entry), call.state.ends
    return start < time < stop or (
        (ends[0] == "[" and time == start <= stop) or (ends[1] == "]" and start <= time == stop)
    )


def _csv(entries: list[Row]) -> bytes:
    buffer = io.StringIO()
    writer: Any = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(entries)
    return buffer.getvalue().encode()


@ROUTES.route("POST", "/projects/{projectId}/machines/{machineId}/forceRescan")
def force_rescan(call: CloudEndureCall) -> Response:
    """Request a rescan of the volumes of a machine."""
    project = _existing(call.state.projects, call.args["projectId"], "project")
    machine = call.args["machineId"]
    if machine not in call.state.machines[project["id"]]:
        raise ServiceFault(400, f"The project has no machine {machine}.")
    call.state.rescans.append(machine)
    return empty()


@ROUTES.route("POST", "/replaceApiToken")
def replace_api_token(call: CloudEndureCall) -> Response:
    """Replace the caller's API token and return the new one."""
    call.state.tokens += 1
    call.user["apiToken"] = f"fake-token-{call.state.tokens}-of-{call.user['username']}"
    return ok({"apiToken": call.user["apiToken"]})


@ROUTES.route("POST", "/setPassword", public=True)
async def set_password(call: CloudEndureCall) -> Response:
    """Accept an invitation and set the password."""
    body = await call.fields("token", "newPassword")
    key = call.state.invitations.pop(body["token"], None)
    if key is None:
        raise ServiceFault(401, "The invitation is not known, or used up.", code="INVALID_TOKEN")
    call.state.passwords[key] = body["newPassword"]
    call.state.users[key].update(status="CONFIRMED", hasPassword=True, termsAccepted=True)
    return empty()


@ROUTES.route("POST", "/users")
async def create_user(call: CloudEndureCall) -> Response:
    """Invite a user; a pending user is invited again."""
    name: str = (await call.fields("username"))["username"]
    for user in call.state.users.values():
        if user["username"] == name:
            if user["status"] != "PENDING":
                raise ServiceFault(409, f"{name} is a user already.", code="ALREADY_EXISTS")
            return ok(user, 202)
    return ok(call.state.add_user(name))


async def _roles_of_users(call: CloudEndureCall) -> list[tuple[Row, list[str]]]:
    """Parse the body into users and roles; raise a fault if one of them does not exist."""
    pairs: list[tuple[Row, list[str]]] = []
    for item in await _items(call):
        roles: list[str] = item.get("roles", [])
        if not ROLES.issuperset(roles):
            raise ServiceFault(400, f"Not all of these are roles: {roles}.")
        pairs.append((_existing(call.state.users, item.get("userId"), "user"), roles))
    return pairs


@ROUTES.route("POST", "/users/assignRoles")
async def assign_roles(call: CloudEndureCall) -> Response:
    """Add roles to users."""
    changed = await _roles_of_users(call)
    for user, roles in changed:
        user["roles"] = list(dict.fromkeys([*user["roles"], *roles]))
    return ok({"items": [user for user, _ in changed]})


@ROUTES.route("POST", "/users/revokeRoles")
async def revoke_roles(call: CloudEndureCall) -> Response:
    """Remove roles from users."""
    changed = await _roles_of_users(call)
    for user, roles in changed:
        user["roles"] = [role for role in user["roles"] if role not in roles]
    return ok({"items": [user for user, _ in changed]})
