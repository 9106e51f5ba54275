"""Service tokens, which allow no operation of this API."""

from datetime import UTC, datetime
from uuid import uuid4

from aconnect.testing.connect.dialect import Call, bad_request, route
from aconnect.testing.connect.routes._checks import TEXT, TEXT_NULL, chosen, expiry, remove_from
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.wire import Response, Row, empty, ok

_NEW = (2023, 12, 0)
SCOPES = {
    "identity:manage": "Manage users and groups via SCIM",
    "nameservice:read": "Read user and group information for the nameservice",
}
"""The scopes of tokens and their descriptions."""


NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""Go's zero time, for something that has not happened."""


def new_service_token(
    guid: str, name: str, scopes: list[str], time: datetime, expires_at: datetime | None = None
) -> Row:
    """Return a new service token that was never used; its key is not part of it."""
    return {
        "guid": guid,
        "name": name,
        "scopes": scopes,
        "created_time": time,
        "active_time": NEVER,
        "expires_at": expires_at,
    }


def seed(state: State) -> None:
    """Add a token that was never used."""
    guid = guid_of("service token", 0)
    state.service_tokens[guid] = new_service_token(
        guid, "Name service", ["nameservice:read"], state.seed.start
    )


@route("GET", "/v1/system/service-tokens", role="administrator", since=_NEW)
def list_service_tokens(call: Call) -> Response:
    """List the tokens that have not expired, without their keys."""
    now, tokens = call.state.now(), call.state.service_tokens
    return ok(
        [row for row in tokens.values() if row["expires_at"] is None or row["expires_at"] > now]
    )


@route("POST", "/v1/system/service-tokens", role="administrator", since=_NEW)
async def create_service_token(call: Call) -> Response:
    """Create a token and return its key, this once."""
    body = chosen(
        await call.fields("name"), {"name": TEXT, "scopes": (list,), "expires_at": TEXT_NULL}
    )
    scopes: list[str] = body.get("scopes") or []
    if not scopes or any(str(scope) not in SCOPES for scope in scopes):
        raise bad_request(f"The field scopes must hold one or more of {', '.join(SCOPES)}.")
    guid = str(uuid4())
    row = new_service_token(guid, body["name"], scopes, call.state.now(), expiry(call, body))
    call.state.service_tokens[guid] = row
    return ok({**row, "key": uuid4().hex})


@route("GET", "/v1/system/service-tokens/scopes", role="administrator", since=_NEW)
def list_service_token_scopes(_: Call) -> Response:
    """List the scopes of tokens."""
    return ok({"scopes": [{"name": name, "description": SCOPES[name]} for name in SCOPES]})


@route("DELETE", "/v1/system/service-tokens/{guid}", role="administrator", since=_NEW)
def delete_service_token(call: Call) -> Response:
    """Delete a token."""
    remove_from(call, call.state.service_tokens, call.args["guid"], "The service token")
    return empty()
