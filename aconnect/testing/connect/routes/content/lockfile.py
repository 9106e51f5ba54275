"""The lock file of Python content."""

from aconnect.testing.connect.dialect import Call, not_found, route
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.packages import VERSIONS, packages_of
from aconnect.testing.wire import Response


@route("GET", "/v1/content/{guid}/lockfile", since=(2025, 12, 0))
def get_lockfile(call: Call) -> Response:
    """Return the exact Python packages of an item, as a file."""
    content = content_of(call, edit=True)
    rows = [row for row in packages_of(content) if row["language"] == "python"]
    if not rows:
        raise not_found("The lock file of this content item")
    version = content["py_version"] or VERSIONS["python"]
    return Response(
        "".join(f"{row['name']}=={row['version']}\n" for row in rows).encode(),
        content_type="text/plain; charset=utf-8",
        headers={"Generated-By": f"connect; python={version}"},
    )
