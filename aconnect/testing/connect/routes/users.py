"""Users, their keys, the current user, and the directory."""

from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import uuid4

from aconnect.testing.connect.dialect import (
    ROLES,
    ApiFault,
    Call,
    bad_request,
    forbidden,
    not_found,
    route,
)
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes._checks import (
    FLAG,
    FLAG_NULL,
    TEXT,
    TEXT_NULL,
    Kinds,
    chosen,
    existing,
    expiry,
    one_of,
    remote_prefix,
    remove_from,
)
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Response, Row, empty, ok

ADMIN_KEY = "fake-administrator-key"
_EDITABLE = ("email", "username", "first_name", "last_name", "user_role")

_UNSEEN = ("password", "unique_id", "user_must_set_password")
"""Fields that are accepted and never returned."""

_CREATABLE: Kinds = {
    **dict.fromkeys((*_EDITABLE, *_UNSEEN, "external_id"), TEXT),
    "user_role": TEXT_NULL,
    "user_must_set_password": FLAG,
}

_SORTS = {"first_name", "last_name", "username", "active_time", "created_time", "user_role"}

_STATUSES = {"locked", "licensed", "inactive"}

_NEW = (2023, 12, 0)

_SHOWN = 4
"""The number of characters of a key that are shown later."""


def new_user(guid: str, username: str, role: str, time: datetime, **more: Any) -> Row:
    """Return a new user."""
    return {
        "guid": guid,
        "email": f"{username}@example.com",
        "username": username,
        "first_name": username.capitalize(),
        "last_name": "Example",
        "user_role": role,
        "created_time": time,
        "updated_time": time,
        "active_time": None,
        "confirmed": True,
        "locked": False,
        "external_id": "",
        **more,
    }


def seeded_name(i: int) -> str:
    """Return the username of user `i` of a new server."""
    return ("admin", "publisher", "viewer")[i] if i < 3 else f"user{i:04d}"


def seed(state: State) -> None:
    """Add users of all roles, each with a key, and some that exist in the directory only."""
    start = state.seed.start
    roles = ("administrator", "publisher", "viewer")
    for i in range(max(3, state.seed.users)):
        guid, name = guid_of("user", i), seeded_name(i)
        role = roles[i] if i < 3 else roles[1 + i % 2]
        time = start - timedelta(days=400) + timedelta(hours=i, microseconds=i * 1000)
        state.users[guid] = new_user(
            guid,
            name,
            role,
            time,
            active_time=None if i % 5 == 4 else start - timedelta(hours=i),
            locked=i % 17 == 16,
        )
        key = ADMIN_KEY if i == 0 else f"fake-key-of-{name}"
        state.add_key(key, guid, "default", role, time)
    for i in range(3):
        name = f"remote{i}"
        state.remote_users[f"ticket-{name}"] = new_user("", name, "viewer", start)


def _user(call: Call) -> Row:
    """Return the user in the path."""
    return existing(call.state.users, call.args["guid"], "The user")


def _matches_prefix(row: Row, prefix: str) -> bool:
    """Return True if any name of a user begins with the prefix, ignoring case."""
    return any(
        row[name].lower().startswith(prefix)
        for name in ("username", "first_name", "last_name", "email")
    )


@route("GET", "/v1/user")
def get_current_user(call: Call) -> Response:
    """Return the caller."""
    return ok(downgrade("user", call.user, call.features))


@route("GET", "/v1/users/{guid}")
def get_user(call: Call) -> Response:
    """Get one user."""
    return ok(downgrade("user", _user(call), call.features))


@route("GET", "/v1/users", since=(1, 6, 6))
def find_users(call: Call) -> Response:
    """Find users; with a prefix, only page 1 has rows, as on the real server."""
    rows: list[Row] = list(call.state.users.values())
    prefix = (call.value("prefix") or "").lower()
    if prefix:
        rows = [row for row in rows if _matches_prefix(row, prefix)]
    if roles := call.value("user_role"):
        wanted = set(roles.split("|"))
        if wanted - ROLES.keys():
            raise bad_request(f"user_role must be one of {', '.join(ROLES)}; got {roles!r}.")
        rows = [row for row in rows if row["user_role"] in wanted]
    if statuses := call.value("account_status"):
        wanted = set(statuses.split("|"))
        if wanted - _STATUSES:
            raise bad_request(
                f"account_status must be of locked, licensed, inactive; got {statuses!r}."
            )
        rows = [row for row in rows if _status(row) in wanted]
    sort = one_of(call, "sort", _SORTS, "username")
    rows.sort(key=lambda row: _order(row[sort]), reverse=not call.flag("asc_order", default=True))
    if not call.features.modern_fields:
        rows = [downgrade("user", row, call.features) for row in rows]
    return offset(call, rows, single=bool(prefix))


def _status(row: Row) -> str:
    if row["locked"]:
        return "locked"
    return "licensed" if row["active_time"] is not None else "inactive"


def _order(value: str | datetime | None) -> tuple[bool, str | float]:
    """Return the sort key of a column's value; missing ones come first."""
    if isinstance(value, datetime):
        return True, value.timestamp()
    return value is not None, (value or "").lower() if value is not None else 0.0


@route("GET", "/v1/users/remote", role="publisher")
def search_remote_users(call: Call) -> Response:
    """Search the server's users and its directory; those not on the server have no GUID."""
    prefix = remote_prefix(call)
    limit = call.integer("limit", 20, 1, 500)
    rows = [
        {**row, "guid": guid, "temp_ticket": f"ticket-{row['username']}"}
        for guid, row in call.state.users.items()
        if _matches_prefix(row, prefix)
    ]
    rows += [
        {**row, "guid": None, "temp_ticket": ticket}
        for ticket, row in call.state.remote_users.items()
        if _matches_prefix(row, prefix)
    ]
    rows = [downgrade("user", row, call.features) for row in rows[:limit]]
    return ok({"current_page": 1, "total": len(rows), "results": rows})


@route("POST", "/v1/users", role="administrator", since=(1, 6, 8))
async def create_user(call: Call) -> Response:
    """Create a user from its fields, which a server with a directory refuses.

    A user who logs in with a password, and is given none, must confirm a mail.
    """
    body = await call.fields("username")
    if call.state.has_directory:
        raise ApiFault(
            400, 119, "Users of a directory are created with PUT and a temporary ticket."
        )
    found = chosen(body, _CREATABLE)
    confirmed = call.state.authentication != "password" or bool(found.get("password"))
    for name in _UNSEEN:
        found.pop(name, None)
    role = found.get("user_role")
    role = "viewer" if role is None else role
    _refuse_role(role)
    _refuse_taken(call, found["username"])
    found.update(user_role=role, confirmed=confirmed)
    row = _store(call, found)
    if not confirmed:
        call.state.mail(row, "confirmation")
    return ok(downgrade("user", row, call.features))


@route("PUT", "/v1/users", role="administrator")
async def create_remote_user(call: Call) -> Response:
    """Create a user from the ticket of a directory search; existing users are unchanged."""
    ticket = (await call.fields("temp_ticket"))["temp_ticket"]
    row = call.state.remote_users.get(ticket)
    if row is None:
        present = call.state.user_named(str(ticket).removeprefix("ticket-"))
        if present is None:
            raise not_found("The temporary ticket")
        return ok(downgrade("user", present, call.features))
    _refuse_taken(call, row["username"])
    del call.state.remote_users[ticket]
    return ok(
        downgrade("user", _store(call, {name: row[name] for name in _EDITABLE}), call.features)
    )


def _refuse_role(role: str | None) -> None:
    if role not in ROLES:
        raise bad_request(f"user_role must be one of {', '.join(ROLES)}; got {role!r}.")


def _refuse_taken(call: Call, username: str) -> None:
    if call.state.user_named(username) is not None:
        raise ApiFault(409, 8, f"The username {username!r} is already taken.")


def _store(call: Call, fields: Row) -> Row:
    guid = str(uuid4())
    role = fields.pop("user_role")
    row = new_user(guid, fields.pop("username"), role, call.state.now(), **fields)
    call.state.users[guid] = row
    return row


@route("PUT", "/v1/users/{guid}", since=(1, 6, 8))
async def update_user(call: Call) -> Response:
    """Change a user; only an administrator may change others, or a role."""
    row = _user(call)
    body = chosen(await call.fields(), dict.fromkeys(_EDITABLE, TEXT))
    role = body.get("user_role", row["user_role"])
    if not call.is_admin and (row is not call.user or role != row["user_role"]):
        raise forbidden()
    _refuse_role(role)
    if call.state.has_directory and any(
        body.get(name, row[name]) != row[name] for name in _EDITABLE if name != "user_role"
    ):
        raise bad_request("The directory manages names and addresses.", 53)
    if body.get("username", row["username"]) != row["username"]:
        _refuse_taken(call, body["username"])
    row.update(body, updated_time=call.state.now())
    return ok({name: row[name] for name in (*_EDITABLE, "updated_time")})


@route("POST", "/v1/users/{guid}/lock", role="administrator")
async def lock_user(call: Call) -> Response:
    """Lock or unlock a user."""
    row = _user(call)
    locked = chosen(await call.fields(), {"locked": FLAG_NULL}).get("locked")
    if locked is None:
        raise bad_request("The field locked is required.")
    if row is call.user:
        raise bad_request("You cannot lock or unlock your own account.")
    row.update(locked=locked, updated_time=call.state.now())
    return empty(200 if call.features.modern_fields else 204)


@route("GET", "/v1/users/{guid}/keys", since=_NEW)
def find_keys(call: Call) -> Response:
    """List a user's keys."""
    return ok([_sent(secret, row) for secret, row in _keys(call).values()])


@route("GET", "/v1/users/{guid}/keys/{id}", since=_NEW)
def get_key(call: Call) -> Response:
    """Get one key."""
    return ok(_sent(*existing(_keys(call), call.args["id"], "The API key")))


@route("POST", "/v1/users/{guid}/keys", since=_NEW)
async def create_key(call: Call) -> Response:
    """Create a key for the caller, with at most its role; only this response contains it."""
    if call.args["guid"] != call.user["guid"]:
        raise forbidden()
    body = chosen(
        await call.fields("name"), {"name": TEXT, "user_role": TEXT_NULL, "expires_at": TEXT_NULL}
    )
    role = body.get("user_role")
    if role is None:
        role = call.user["user_role"]
    if role not in ROLES or ROLES[role] > ROLES[call.user["user_role"]]:
        raise bad_request(f"user_role must be a role that is not above your own; got {role!r}.")
    end, secret = expiry(call, body), token_hex(16)
    row = call.state.add_key(
        secret, call.user["guid"], body["name"], role, call.state.now(), expires_at=end
    )
    return ok({**row, "key": secret})


@route("DELETE", "/v1/users/{guid}/keys/{id}", since=_NEW)
def delete_key(call: Call) -> Response:
    """Delete a key, which becomes invalid."""
    number = call.args["id"]
    secret, _ = remove_from(call, _keys(call), number, "The API key", mark=f"key:{number}")
    del call.state.keys[secret], call.state.api_keys[secret]
    return empty()


def _keys(call: Call) -> dict[str, tuple[str, Row]]:
    """Return a user's keys by id, each with its secret; those of others for administrators only."""
    guid = call.args["guid"]
    if guid not in call.state.users or (guid != call.user["guid"] and not call.is_admin):
        raise not_found("The user")
    rows = call.state.api_keys
    return {
        rows[secret]["id"]: (secret, rows[secret])
        for secret, owner in call.state.keys.items()
        if owner == guid and secret in rows
    }


def _sent(secret: str, row: Row) -> Row:
    return {**row, "key": secret[-_SHOWN:]}
