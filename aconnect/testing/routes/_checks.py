"""Checks that several resource groups share.

Decides who may see and change content and how fields of a body are judged.
"""

from collections.abc import Mapping
from typing import TypeVar

from aconnect.testing.dialect import Call, already_gone, bad_request, forbidden, not_found
from aconnect.testing.wire import Row

T = TypeVar("T")

Kinds = Mapping[str, tuple[type, ...]]
"""Types that each known field of a body may have."""

NULL = type(None)
TEXT = (str,)
TEXT_NULL = (str, NULL)
FLAG_NULL = (bool, NULL)
WHOLE_NULL = (int, NULL)
NUMBER_NULL = (int, float, NULL)


def chosen(body: Row, kinds: Kinds) -> Row:
    """Return the known fields of a body, refusing wrong types; unknown fields are ignored."""
    found: Row = {}
    for name, value in body.items():
        allowed = kinds.get(name)
        if allowed is None:
            continue
        # bool is an int to Python, but not in JSON.
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise bad_request(f"The field {name} has a value of the wrong type: {value!r}.")
        found[name] = value
    return found


def may_edit(call: Call, row: Row) -> bool:
    """Tell whether the caller may change a content item."""
    user = call.user["guid"]
    return (
        call.is_admin
        or row["owner_guid"] == user
        or "owner" in call.state.roles_of(row["guid"], user)
    )


def may_view(call: Call, row: Row) -> bool:
    """Tell whether the caller may see a content item."""
    return (
        row["access_type"] != "acl"
        or may_edit(call, row)
        or bool(call.state.roles_of(row["guid"], call.user["guid"]))
    )


def content_of(call: Call, *, edit: bool = False, removing: bool = False) -> Row:
    """Return the content item named in the path, if the caller may see or edit it."""
    guid = call.args["guid"]
    row = call.state.content.get(guid)
    if row is None:
        if removing and guid in call.state.deleted:
            raise already_gone("The content item")
        raise not_found("The content item")
    if not (may_edit(call, row) if edit else may_view(call, row)):
        raise forbidden()
    return row


def remove_from(call: Call, objects: dict[str, T], key: str, what: str) -> T:
    """Take an object out of its table; deleting it again is code 17."""
    row = objects.pop(key, None)
    if row is None:
        raise already_gone(what) if key in call.state.deleted else not_found(what)
    call.state.deleted.add(key)
    return row
