"""Signing in, as oneself or as another user, and signing out."""

from aconnect.testing.looker.checks import existing, not_found
from aconnect.testing.looker.routes import ROUTES
from aconnect.testing.looker.state import LookerCall, LookerState, acting_user, request_token
from aconnect.testing.wire import Response, ServiceFault, empty, ok


def _session(state: LookerState, user_id: str) -> Response:
    return ok(
        {
            "access_token": state.new_token(user_id),
            "token_type": "Bearer",
            "expires_in": state.expires_in,
            "refresh_token": None,
        }
    )


@ROUTES.route("POST", "/login", public=True)
async def login(call: LookerCall) -> Response:
    """Create a session; Looker reads the credentials from the form or the query only."""
    form = await call.form()
    client_id = form.get("client_id") or call.value("client_id") or ""
    secret = form.get("client_secret") or call.value("client_secret")
    state = call.state
    if client_id not in state.clients or state.clients[client_id] != secret:
        raise not_found()
    return _session(state, state.owner)


@ROUTES.route("POST", "/login/{id}")
def login_user(call: LookerCall) -> Response:
    """Create a session that acts as another user."""
    state = call.state
    if acting_user(call) not in state.sudoers:
        raise ServiceFault(403, "You do not have permission to act as another user.")
    return _session(state, existing(state.users, call)["id"])


@ROUTES.route("DELETE", "/logout")
def logout(call: LookerCall) -> Response:
    """End the session of the token."""
    token = request_token(call)
    del call.state.tokens[token], call.state.token_users[token]
    return empty()
