"""Bookmarks: one per user and content item."""

from aconnect.testing.connect.dialect import ApiFault, Call, route
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, Row, empty, ok


def _bookmarks(call: Call) -> dict[str, Row]:
    return call.state.bookmarks.setdefault(content_of(call)["guid"], {})


@route("GET", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def get_bookmark(call: Call) -> Response:
    """Return the caller's bookmark."""
    return ok(existing(_bookmarks(call), call.user["guid"], "The bookmark"))


@route("POST", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def create_bookmark(call: Call) -> Response:
    """Add the caller's bookmark; a second one is refused."""
    bookmarks = _bookmarks(call)
    if call.user["guid"] in bookmarks:
        raise ApiFault(409, 267, "The content item is already bookmarked.")
    bookmarks[call.user["guid"]] = {"created_time": call.state.now()}
    return empty(201)


@route("DELETE", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def delete_bookmark(call: Call) -> Response:
    """Delete the caller's bookmark."""
    user = call.user["guid"]
    mark = f"bookmark:{call.args['guid']}:{user}"
    remove_from(call, _bookmarks(call), user, "The bookmark", mark=mark)
    return empty()
