"""Sessions with the services behind OAuth integrations."""

from uuid import uuid4

from aconnect.testing.connect.dialect import Call, forbidden, route
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, empty, ok

_SINCE = (2024, 8, 0)


def log_in(state: State, username: str, integration_guid: str) -> str:
    """Create a session of a user with the service behind an integration; return its GUID."""
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
    """Delete a session of the caller, or, as an administrator, any session."""
    _refuse_foreign_session(call)
    remove_from(call, call.state.oauth_sessions, call.args["guid"], "The OAuth session")
    return empty()
