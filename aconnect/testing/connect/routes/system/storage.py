"""The storage of the server, from the sizes of its stored bundles."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.routes.content.storage import bundle_rows, bundle_sums
from aconnect.testing.wire import Response, ok

_SINCE = (2026, 6, 0)


@route("GET", "/v1/system/storage", role="administrator", since=_SINCE)
def get_server_storage(call: Call) -> Response:
    """Add up all bundles."""
    found = [rows for guid in call.state.content if (rows := bundle_rows(call, guid))]
    sums = bundle_sums([row for rows in found for row in rows])
    return ok({"bundles": {**sums, "content_count": len(found)}})
