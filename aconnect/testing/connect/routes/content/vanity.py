"""The vanity URL of a content item."""

import re

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, route
from aconnect.testing.connect.routes._checks import existing, remove_from
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.wire import Response, empty, ok

_PATH = re.compile(r"/([A-Za-z0-9_-]+/)+", re.ASCII)

_RESERVED = frozenset(
    {
        "apps",
        "confirm",
        "connect",
        "content",
        "groups",
        "help",
        "login",
        "metrics",
        "plots",
        "recent",
        "register",
        "reports",
        "resetpassword",
        "setpassword",
        "settings",
        "tokens",
        "unpublished",
        "user-completion",
        "users",
        "welcome",
    }
)
"""Reserved first segments of a path, as listed in the vendor's reference."""


@route("GET", "/v1/content/{guid}/vanity", since=(1, 8, 6))
def get_vanity(call: Call) -> Response:
    """Return the vanity URL of a content item."""
    return ok(existing(call.state.vanities, content_of(call)["guid"], "The vanity URL"))


@route("PUT", "/v1/content/{guid}/vanity", role="publisher", since=(1, 8, 6))
async def set_vanity(call: Call) -> Response:
    """Set the path of a content item; with `force`, take it from other content."""
    guid = _editable(call)
    body = await call.fields("path")
    force = body.get("force", False)
    if not isinstance(force, bool):
        raise bad_request("force must be true or false.")
    path = _proper(body["path"])
    vanities = call.state.vanities
    for other, row in list(vanities.items()):
        if other == guid or not _collide(row["path"], path):
            continue
        if not force or row["path"] != path:
            raise ApiFault(409, 51, f"The path {path} collides with {row['path']}, which is used.")
        del vanities[other]
        call.state.deleted.add(f"vanity:{other}")
    vanities[guid] = {"content_guid": guid, "path": path, "created_time": call.state.now()}
    return ok(vanities[guid])


@route("DELETE", "/v1/content/{guid}/vanity", role="publisher", since=(1, 8, 6))
def delete_vanity(call: Call) -> Response:
    """Remove the path of a content item."""
    guid = _editable(call)
    remove_from(call, call.state.vanities, guid, "The vanity URL", mark=f"vanity:{guid}")
    return empty()


def _editable(call: Call) -> str:
    """Return the GUID of the content in the path, if the caller may set its vanity URL."""
    if not call.state.publishers_manage_vanities:
        call.needs("administrator")
    return str(content_of(call, edit=True)["guid"])


def _proper(given: str) -> str:
    """Return a path with a slash at both ends, refusing invalid ones."""
    path = f"/{given.strip('/')}/"
    first = path.split("/")[1]
    if _PATH.fullmatch(path) is None or first in _RESERVED or first.startswith("__"):
        raise bad_request(f"The path {given!r} is not allowed.", 52)
    return path


def _collide(path: str, other: str) -> bool:
    """Return True if paths are equal, or one is below the other."""
    return path.startswith(other) or other.startswith(path)
