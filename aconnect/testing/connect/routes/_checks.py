"""Checks that several resource groups share.

Decides who may see and change content and how fields of a body are judged.
"""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar

from aconnect.testing.connect.dialect import Call, already_gone, bad_request, not_found
from aconnect.testing.wire import Row

T = TypeVar("T")

Kinds = Mapping[str, tuple[type, ...]]
"""Types that each known field of a body may have."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)

NULL = type(None)
TEXT = (str,)
TEXT_NULL = (str, NULL)
FLAG = (bool,)
FLAG_NULL = (bool, NULL)
WHOLE_NULL = (int, NULL)
NUMBER_NULL = (int, float, NULL)


def chosen(body: Row, kinds: Kinds, *, short: Collection[str] = ()) -> Row:
    """Return the known fields of a body, refusing wrong types; unknown fields are ignored.

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


def is_guid(value: str | None) -> bool:
    """Tell whether a field that may be null holds a GUID."""
    return value is None or _GUID.fullmatch(value) is not None


def remove_from(call: Call, objects: dict[str, T], key: str, what: str) -> T:
    """Take an object out of its table; deleting it again is code 17."""
    row = objects.pop(key, None)
    if row is None:
        raise already_gone(what) if key in call.state.deleted else not_found(what)
    call.state.deleted.add(key)
    return row
