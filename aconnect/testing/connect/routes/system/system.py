"""Hosts and service accounts."""

from datetime import timedelta

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ok

_NEW = (2023, 12, 0)


HEARD_OF = timedelta(seconds=60)
"""How long a host counts as active after it was last seen."""


def seed(state: State) -> None:
    """Add hosts and service accounts."""
    state.hosts = [
        {"hostname": "connect", "last_seen": None},
        {"hostname": "connect-retired", "last_seen": state.seed.start - timedelta(days=30)},
    ]
    state.service_accounts = {
        "enabled": True,
        "default": "default",
        "accounts": ["default", "connect-content"],
    }


@route("GET", "/v1/system/hosts", role="administrator", since=_NEW)
def list_hosts(call: Call) -> Response:
    """List the hosts, or only the active ones."""
    now = call.state.now()
    rows: list[Row] = [
        {"version": call.version or "", **host, "last_seen": host["last_seen"] or now}
        for host in call.state.hosts
    ]
    if call.flag("active", default=False):
        rows = [row for row in rows if now - row["last_seen"] <= HEARD_OF]
    return ok(rows)


@route("GET", "/v1/system/offhost/service-accounts", role="publisher", since=_NEW)
def get_service_accounts(call: Call) -> Response:
    """Return the service accounts of Kubernetes."""
    return ok(call.state.service_accounts)
