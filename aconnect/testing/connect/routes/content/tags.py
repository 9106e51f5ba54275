"""Tags of a content item."""

from aconnect.testing.connect.dialect import Call, bad_request, not_found, route
from aconnect.testing.connect.routes._checks import existing
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.tags import ancestors, descendants
from aconnect.testing.wire import Response, Row, ok


@route("GET", "/v1/content/{guid}/tags", since=(1, 8, 6))
def list_content_tags(call: Call) -> Response:
    """List the tags of a content item."""
    return ok(_tags_of(call, content_of(call)["guid"]))


@route("POST", "/v1/content/{guid}/tags", since=(1, 8, 6))
async def add_tag(call: Call) -> Response:
    """Add a tag and its ancestors, except their category, to a content item."""
    guid = content_of(call, edit=True)["guid"]
    tag_id = (await call.fields("tag_id"))["tag_id"]
    tags = call.state.tags
    if existing(tags, tag_id, "The tag")["parent_id"] is None:
        raise bad_request("A category cannot be put on content.")
    new = {tag_id, *ancestors(tags, tag_id)[:-1]}
    call.state.content_tags.setdefault(guid, set()).update(new)
    return ok(_tags_of(call, guid))


@route("DELETE", "/v1/content/{guid}/tags/{id}", since=(1, 8, 6))
def remove_tag(call: Call) -> Response:
    """Remove a tag and its descendants from a content item."""
    guid = content_of(call, edit=True)["guid"]
    tag_id = call.args["id"]
    kept = call.state.content_tags.setdefault(guid, set())
    if tag_id not in kept:
        raise not_found("The tag of this content item")
    kept -= {tag_id, *descendants(call.state.tags, tag_id)}
    return ok(_tags_of(call, guid))


def _tags_of(call: Call, guid: str) -> list[Row]:
    kept = call.state.content_tags.get(guid, set())
    return [row for tag_id, row in call.state.tags.items() if tag_id in kept]
