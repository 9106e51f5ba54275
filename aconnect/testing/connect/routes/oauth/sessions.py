"""Sessions with the services behind OAuth integrations, and OAuth clients of the server itself."""

from datetime import datetime
from uuid import uuid4

from aconnect.testing.connect.dialect import Call, forbidden, route
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.wire import Response, Row, empty, ok

_SINCE = (2024, 8, 0)


def log_in(state: State, username: str, integration_guid: str) -> str:
    """Log a user in to the service behind an integration, and return the session's guid."""
    user = state.known_user(username)["guid"]
    if integration_guid not in state.oauth_integrations:
        raise KeyError(f"the server has no integration {integration_guid!r}")
    guid = str(uuid4())
    number = state.next_number("oauth session")
    state.oauth_sessions[guid] = {
        "id": str(number),
        "guid": guid,
        "user_guid": user,
        "oauth_integration_guid": integration_guid,
        "has_refresh_token": True,
        "created_time": state.now(),
        "updated_time": state.now(),
    }
    return guid


def new_client(client_id: str, number: int, name: str | None, time: datetime) -> Row:
    """Make a client that was never used."""
    return {
        "id": str(number),
        "client_id": client_id,
        "client_name": name,
        "redirect_uris": ["http://127.0.0.1/callback"],
        "created_at": time,
        "last_used_at": None,
    }


def seed(state: State) -> None:
    """Add the editors that every new server lets in."""
    for i, name in enumerate(("Visual Studio Code", "Positron")):
        guid = guid_of("oauth-client", i)
        number = state.next_number("oauth client")
        state.oauth_clients[guid] = new_client(
            guid, number, name, state.seed.start + state.seed.step * i
        )


@route("GET", "/v1/oauth/sessions", since=_SINCE)
def list_sessions(call: Call) -> Response:
    """List the caller's sessions; an administrator may ask for all."""
    everybody = call.flag("all", default=False)
    if everybody:
        call.needs("administrator")
    own = call.user["guid"]
    rows = call.state.oauth_sessions.values()
    return ok([row for row in rows if everybody or row["user_guid"] == own])


def _refuse_foreign_session(call: Call) -> None:
    row = call.state.oauth_sessions.get(call.args["guid"])
    if row is not None and not call.is_admin and row["user_guid"] != call.user["guid"]:
        raise forbidden()


@route("GET", "/v1/oauth/sessions/{guid}", since=_SINCE)
def get_session(call: Call) -> Response:
    """Get one session."""
    _refuse_foreign_session(call)
    return ok(existing(call.state.oauth_sessions, call.args["guid"], "The OAuth session"))


@route("DELETE", "/v1/oauth/sessions/{guid}", since=_SINCE)
def delete_session(call: Call) -> Response:
    """Delete a session: one's own, or as administrator any."""
    _refuse_foreign_session(call)
    remove_from(call, call.state.oauth_sessions, call.args["guid"], "The OAuth session")
    return empty()


@route("GET", "/v1/oauth/clients", since=_SINCE)
def list_clients(call: Call) -> Response:
    """List the clients, the oldest first."""
    rows = sorted(
        call.state.oauth_clients.values(),
        key=lambda row: row["created_at"],
        reverse=not call.flag("asc_order", default=True),
    )
    return offset(call, rows)


@route("GET", "/v1/oauth/clients/{client_id}", since=_SINCE)
def get_client(call: Call) -> Response:
    """Get one client."""
    return ok(existing(call.state.oauth_clients, call.args["client_id"], "The OAuth client"))


@route("DELETE", "/v1/oauth/clients/{client_id}", role="administrator", since=_SINCE)
def delete_client(call: Call) -> Response:
    """Delete a client."""
    remove_from(call, call.state.oauth_clients, call.args["client_id"], "The OAuth client")
    return empty()
