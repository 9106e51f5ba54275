"""Packages of a content item."""

from aconnect.testing.connect.dialect import Call, route
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.packages import packages_of
from aconnect.testing.wire import Response, empty, ok


@route("GET", "/v1/content/{guid}/packages", role="publisher", since=(2024, 11, 0))
def get_content_packages(call: Call) -> Response:
    """List the packages of an item; the response has no body if it was never deployed."""
    content = content_of(call)
    return empty() if content["bundle_id"] is None else ok(packages_of(content))
