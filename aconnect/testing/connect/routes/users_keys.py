"""API keys: made by and for the caller alone, and told once."""

from secrets import token_hex

from aconnect.testing.connect.dialect import ROLES, Call, bad_request, forbidden, not_found, route
from aconnect.testing.connect.routes._checks import (
    TEXT,
    TEXT_NULL,
    chosen,
    existing,
    expiry,
    remove_from,
)
from aconnect.testing.wire import Response, Row, empty, ok

_NEW = (2023, 12, 0)
_SHOWN = 4
"""How many characters of a key are told later."""


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
    """Make a key for the caller, with at most its role; only this answer tells it."""
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
    """Delete a key, which is refused from then on."""
    number = call.args["id"]
    secret, _ = remove_from(call, _keys(call), number, "The API key", mark=f"key:{number}")
    del call.state.keys[secret], call.state.api_keys[secret]
    return empty()


def _keys(call: Call) -> dict[str, tuple[str, Row]]:
    """Return a user's keys by id, each with its secret; others' are for administrators alone."""
    guid = call.args["guid"]
    if guid not in call.state.users or (guid != call.user["guid"] and not call.is_admin):
        raise not_found("The user")
    known = call.state.api_keys
    return {
        known[secret]["id"]: (secret, known[secret])
        for secret, owner in call.state.keys.items()
        if owner == guid and secret in known
    }


def _sent(secret: str, row: Row) -> Row:
    return {**row, "key": secret[-_SHOWN:]}
