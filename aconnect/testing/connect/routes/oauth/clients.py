"""OAuth clients that have registered with the server."""

from datetime import datetime

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.wire import Response, Row, empty, ok

_SINCE = (2024, 8, 0)


def new_client(client_id: str, number: int, name: str | None, time: datetime) -> Row:
    """Return a new client that was never used."""
    return {
        "id": str(number),
        "client_id": client_id,
        "client_name": name,
        "redirect_uris": ["http://127.0.0.1/callback"],
        "created_at": time,
        "last_used_at": None,
    }


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


def seed(state: State) -> None:
    """Add the editors that every new server allows."""
    for i, name in enumerate(("Visual Studio Code", "Positron")):
        guid = guid_of("oauth-client", i)
        number = state.next_number("oauth client")
        state.oauth_clients[guid] = new_client(
            guid, number, name, state.seed.start + state.seed.step * i
        )
