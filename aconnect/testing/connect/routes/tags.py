"""Tags."""

from datetime import datetime

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, not_found, route
from aconnect.testing.connect.routes._checks import TEXT, TEXT_NULL, chosen, existing, remove_from
from aconnect.testing.connect.routes.content._items import may_view, sent_content
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, empty, ok


def new_tag(number: int, name: str, parent_id: str | None, time: datetime) -> Row:
    """Return a new tag; one without a parent is a category."""
    return {
        "id": str(number),
        "name": name,
        "parent_id": parent_id,
        "created_time": time,
        "updated_time": time,
    }


def seed(state: State) -> None:
    """Add a category with three tags, one of them below another."""
    for name, parent in (
        ("Department", None),
        ("Finance", "1"),
        ("Payroll", "2"),
        ("Research", "1"),
    ):
        number = state.next_number("tag")
        state.tags[str(number)] = new_tag(number, name, parent, state.seed.start)


def _tag(call: Call) -> Row:
    """Return a tag by id, or by a comma-separated path of names from its category down."""
    tags = call.state.tags
    given = call.args["id"]
    if given in tags:
        return tags[given]
    row: Row | None = None
    for name in given.split(","):
        parent = None if row is None else row["id"]
        row = next(
            (t for t in tags.values() if t["name"] == name and t["parent_id"] == parent), None
        )
        if row is None:
            break
    if row is None:
        raise not_found("The tag")
    return row


def ancestors(tags: dict[str, Row], tag_id: str) -> list[str]:
    """Return the ids from a tag's parent up to its category."""
    tag_ids: list[str] = []
    parent: str | None = tags[tag_id]["parent_id"]
    while parent is not None:
        tag_ids.append(parent)
        parent = tags[parent]["parent_id"]
    return tag_ids


def descendants(tags: dict[str, Row], tag_id: str) -> list[str]:
    """Return the ids of all tags below a tag."""
    return [other for other in tags if other != tag_id and tag_id in ancestors(tags, other)]


def _refuse_taken(call: Call, name: str, parent: str | None, own: Row | None = None) -> None:
    for row in call.state.tags.values():
        if row is not own and row["name"] == name and row["parent_id"] == parent:
            raise ApiFault(400, 81, f"There is already a tag {name!r} there.")


def _refuse_parent(call: Call, parent: str | None) -> None:
    if parent is not None:
        existing(call.state.tags, parent, "The parent tag")


@route("GET", "/v1/tags", since=(1, 8, 6))
def list_tags(call: Call) -> Response:
    """List tags, optionally by name or parent."""
    name, parent = call.value("name"), call.value("parent_id")
    return ok(
        [
            row
            for row in call.state.tags.values()
            if (name is None or row["name"] == name)
            and (parent is None or row["parent_id"] == parent)
        ]
    )


@route("POST", "/v1/tags", role="administrator", since=(1, 8, 6))
async def create_tag(call: Call) -> Response:
    """Create a tag; one without a parent is a category."""
    body = chosen(await call.fields("name"), {"name": TEXT, "parent_id": TEXT_NULL})
    parent = body.get("parent_id") or None
    _refuse_parent(call, parent)
    _refuse_taken(call, body["name"], parent)
    number = call.state.next_number("tag")
    row = call.state.tags[str(number)] = new_tag(number, body["name"], parent, call.state.now())
    return ok(row)


@route("GET", "/v1/tags/{id}", since=(1, 8, 6))
def get_tag(call: Call) -> Response:
    """Get one tag by id or path."""
    return ok(_tag(call))


@route("PATCH", "/v1/tags/{id}", role="administrator", since=(1, 8, 6))
async def update_tag(call: Call) -> Response:
    """Rename or move a tag; a null parent makes it a category."""
    row = _tag(call)
    body = chosen(await call.fields(), {"name": TEXT_NULL, "parent_id": TEXT_NULL})
    name = body.get("name") or row["name"]
    parent = body.get("parent_id", row["parent_id"])
    _refuse_parent(call, parent)
    if parent is not None and row["id"] in (parent, *ancestors(call.state.tags, parent)):
        raise bad_request("A tag cannot be moved below itself.")
    _refuse_taken(call, name, parent, row)
    row.update(name=name, parent_id=parent, updated_time=call.state.now())
    return ok(row)


@route("DELETE", "/v1/tags/{id}", role="administrator", since=(1, 8, 6))
def delete_tag(call: Call) -> Response:
    """Delete a tag with its descendants, from content as well."""
    given = call.args["id"]
    tags = call.state.tags
    gone = {given, *descendants(tags, given)} if given in tags else {given}
    remove_from(call, tags, given, "The tag")
    for other in gone - {given}:
        remove_from(call, tags, other, "The tag")
    for assigned in call.state.content_tags.values():
        assigned.difference_update(gone)
    return empty()


@route("GET", "/v1/tags/{id}/content", since=(1, 8, 6))
def list_tag_content(call: Call) -> Response:
    """List the content that has a tag."""
    tag_id = _tag(call)["id"]
    return ok(
        [
            sent_content(call, row)
            for guid, row in call.state.content.items()
            if tag_id in call.state.content_tags.get(guid, ()) and may_view(call, row)
        ]
    )
