"""Custom documentation pages."""

from aconnect.testing.connect.dialect import Call, bad_request, not_found, route
from aconnect.testing.connect.paging import parse_time
from aconnect.testing.connect.routes._checks import TEXT, Kinds, chosen
from aconnect.testing.wire import Response, empty, ok

_NEW = (2023, 12, 0)

_DOCUMENTATION: Kinds = {"content": TEXT, "created_time": TEXT}

MOST_DOCUMENTATION = 500_000
"""In characters."""


@route("GET", "/v1/system/documentation", since=_NEW)
def get_documentation(call: Call) -> Response:
    """Return the documentation, if there is any."""
    if call.state.documentation is None:
        raise not_found("The custom documentation")
    return ok(call.state.documentation)


@route("POST", "/v1/system/documentation", role="administrator", since=_NEW)
async def set_documentation(call: Call) -> Response:
    """Replace the documentation."""
    body = chosen(await call.fields(), _DOCUMENTATION)
    content: str = body.get("content", "")
    if "created_time" in body:
        # It may be sent, but the server's own time is used.
        parse_time(body["created_time"], "created_time")
    if not 0 < len(content) <= MOST_DOCUMENTATION:
        raise bad_request(f"The content must have 1 to {MOST_DOCUMENTATION} characters.", 255)
    call.state.documentation = {"content": content, "created_time": call.state.now()}
    return empty()


@route("DELETE", "/v1/system/documentation", role="administrator", since=_NEW)
def delete_documentation(call: Call) -> Response:
    """Remove the documentation."""
    if call.state.documentation is None:
        raise not_found("The custom documentation")
    call.state.documentation = None
    return empty()
