"""Vanity URLs.

Their paths are checked in `content.vanity`. They lead nowhere: the simulated server shows no
content.
"""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.wire import Response, ok


@route("GET", "/v1/vanities", role="administrator", since=(1, 8, 6))
def list_vanities(call: Call) -> Response:
    """List all, not paged."""
    return ok(list(call.state.vanities.values()))
