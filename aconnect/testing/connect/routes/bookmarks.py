"""Bookmarks: each user's own, one for each content item."""

from aconnect.testing.connect.dialect import ApiFault, Call, already_gone, not_found, route
from aconnect.testing.connect.routes._content import content_of
from aconnect.testing.wire import Answer, Row, empty, ok


def _bookmarks(call: Call) -> dict[str, Row]:
    return call.state.bookmarks.setdefault(content_of(call)["guid"], {})


@route("GET", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def get_bookmark(call: Call) -> Answer:
    """Get the caller's."""
    found = _bookmarks(call).get(call.user["guid"])
    if found is None:
        raise not_found("The bookmark")
    return ok(found)


@route("POST", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def create_bookmark(call: Call) -> Answer:
    """Put the caller's on; a second one is refused."""
    bookmarks = _bookmarks(call)
    if call.user["guid"] in bookmarks:
        raise ApiFault(409, 267, "The content item is already bookmarked.")
    bookmarks[call.user["guid"]] = {"created_time": call.state.now()}
    return empty(201)


@route("DELETE", "/v1/content/{guid}/bookmark", since=(2023, 12, 0))
def delete_bookmark(call: Call) -> Answer:
    """Take the caller's off."""
    mark = f"bookmark:{call.args['guid']}:{call.user['guid']}"
    if _bookmarks(call).pop(call.user["guid"], None) is None:
        gone = mark in call.state.deleted
        raise already_gone("The bookmark") if gone else not_found("The bookmark")
    call.state.deleted.add(mark)
    return empty()
