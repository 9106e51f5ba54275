"""The number of active users."""

from datetime import timedelta

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.wire import Response, ok

_NEW = (2023, 12, 0)


@route("GET", "/v1/metrics/users/active", role="administrator", since=_NEW)
def get_active_users(call: Call) -> Response:
    """Count the users that were active within each window, by their own rows."""
    state = call.state
    now = state.now()
    licensed = [row for row in state.users.values() if row["active_time"] and not row["locked"]]
    windows: dict[str, dict[str, int]] = {}
    for days in (1, 7, 30, 365):
        roles = [
            row["user_role"] for row in licensed if now - row["active_time"] <= timedelta(days=days)
        ]
        windows[f"{days}d"] = {
            "total": len(roles),
            "admin": roles.count("administrator"),
            "publisher": roles.count("publisher"),
            "viewer": roles.count("viewer"),
        }
    return ok({"windows": windows})
