"""Checks that several resource groups share.

Decides how query parameters and body fields are checked, and how objects are looked up and
deleted.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TypeVar, cast

from aconnect.testing.connect.dialect import ApiFault, Call, already_deleted, bad_request, not_found
from aconnect.testing.connect.paging import parse_time
from aconnect.testing.wire import Row

T = TypeVar("T")

Kinds = Mapping[str, tuple[type, ...]]
"""The types that each field of a body may have."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

NULL = type(None)
TEXT = (str,)
TEXT_NULL = (str, NULL)
FLAG = (bool,)
FLAG_NULL = (bool, NULL)
WHOLE_NULL = (int, NULL)
NUMBER_NULL = (int, float, NULL)


def chosen(body: Row, kinds: Kinds, *, short: Collection[str] = ()) -> Row:
    """Return the known fields of a body; wrong types are refused, unknown fields ignored.

    Numbers have 64 bits, those of the `short` fields 32.
    """
    found: Row = {}
    for name, value in body.items():
        allowed = kinds.get(name)
        if allowed is None:
            continue
        # bool is an int to Python, but not in JSON.
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise bad_request(f"The field {name} has a value of the wrong type: {value!r}.")
        beyond = 1 << (31 if name in short else 63)
        if isinstance(value, int) and not -beyond <= value < beyond:
            raise bad_request(f"The field {name} is out of range: {value}.")
        found[name] = value
    return found


def each_chosen(name: str, values: Iterable[object], kinds: Kinds) -> list[Row]:
    """Return the known fields of each object of an array, which is a field of a body."""
    rows: list[Row] = []
    for value in values:
        if not isinstance(value, dict):
            raise bad_request(f"The field {name} holds a value of the wrong type: {value!r}.")
        rows.append(chosen(cast("Row", value), kinds))
    return rows


def is_guid(value: str | None) -> bool:
    """Return True if a nullable field has a GUID."""
    return value is None or _GUID.fullmatch(value) is not None


def existing(objects: Mapping[str, T], key: str, what: str) -> T:
    """Return an object from its table, which must have it."""
    match = objects.get(key)
    if match is None:
        raise not_found(what)
    return match


def missing(call: Call, mark: str, what: str) -> ApiFault:
    """Report that an object does not exist, or with code 17 that it was deleted before."""
    return already_deleted(what) if mark in call.state.deleted else not_found(what)


def remove_from(
    call: Call, objects: dict[str, T], key: str, what: str, *, mark: str | None = None
) -> T:
    """Remove an object from its table; deleting it again is code 17.

    Args:
        call: The call, whose state records earlier deletions.
        objects: The table.
        key: The object's key in it.
        what: The name of the object in the error.
        mark: The record of the deletion, if the key alone is not unique.
    """
    mark = mark or key
    removed = objects.pop(key, None)
    if removed is None:
        raise missing(call, mark, what)
    call.state.deleted.add(mark)
    return removed


def is_among(call: Call, entries: Iterable[Row]) -> bool:
    """Return True if the entries include the caller; without entries, every caller is included."""
    own, members = call.user["guid"], call.state.members
    matches = [
        entry["user_guid"] == own or own in members.get(entry["group_guid"], ())
        for entry in entries
    ]
    return call.is_admin or not matches or any(matches)


def one_of(call: Call, name: str, allowed: Collection[str], default: str) -> str:
    """Return a query parameter that is one of several values."""
    given = call.value(name) or default
    if given not in allowed:
        raise bad_request(f"{name} must be one of {', '.join(sorted(allowed))}; got {given!r}.")
    return given


def is_descending(call: Call, default: str) -> bool:
    """Parse `order`."""
    return one_of(call, "order", ("asc", "desc"), default) == "desc"


def expiry(call: Call, body: Row) -> datetime | None:
    """Parse `expires_at`, which must be in the future; None if it is missing."""
    text = body.get("expires_at")
    if text is None:
        return None
    time = parse_time(text, "expires_at")
    if time <= call.state.now():
        raise bad_request("expires_at must be in the future.")
    return time


def remote_prefix(call: Call) -> str:
    """Return the `prefix` of a search of the directory, which older servers require."""
    prefix = call.value("prefix")
    if prefix is None and not call.features.modern_fields:
        raise bad_request("The parameter prefix is required.")
    return (prefix or "").lower()
