"""What arguments are checked and converted to before a request is made with them.

Decides which spellings of a value mean the same, and refuses values that would silently mean
something else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Iterable
from inspect import iscoroutine
from typing import Any, Final, cast
from uuid import UUID

from msgspec import UNSET

from aconnect.errors import InvalidArgumentError

is_canonical: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
).fullmatch
"""Matches a UUID as servers write it; they compare GUIDs as text."""
_SPELLINGS: Final = re.compile(
    r"\s*(\{?)[0-9a-f]{8}(-?)[0-9a-f]{4}(\2[0-9a-f]{4}){2}\2[0-9a-f]{12}(?(1)\}?)\s*",
    re.ASCII | re.IGNORECASE,
)


def is_guid_name(name: str) -> bool:
    """Return True if an argument with this name takes a GUID."""
    return name.endswith(("guid", "uuid"))


def canonical_guid(name: str, value: Any) -> Any:  # noqa: ARG001  all converters take a name
    """Return a UUID as servers write it, whatever its spelling; return other values unchanged.

    Those are left to the server, which reports them in a path or a body.
    """
    if isinstance(value, str):
        if not is_canonical(value) and _SPELLINGS.fullmatch(value):
            return str(UUID(value.strip()))
    elif isinstance(value, UUID):
        return str(value)
    return value


def is_guid(value: object) -> bool:
    """Return True if a value is a UUID in any spelling."""
    text = canonical_guid("", value)
    return isinstance(text, str) and is_canonical(text) is not None


def guid_filter(name: str, value: Any) -> Any:
    """Return one GUID or several to filter by, as servers write them.

    Refuse anything else, which the server would not report: it would match nothing.
    """
    if isinstance(value, str):
        # Servers take several in one text.
        if not is_canonical(value) and value:
            value = "|".join([_only_guid(name, part) for part in value.split("|")])
        return value
    if isinstance(value, Iterable):
        return [_only_guid(name, one) for one in cast("Iterable[object]", value)]
    return value if value is None or value is UNSET else _only_guid(name, value)


def _only_guid(name: str, value: object) -> str:
    if hasattr(value, "guid"):
        raise InvalidArgumentError(f"{name} cannot be a {type(value).__name__}; pass its guid")
    if not is_guid(value):
        raise InvalidArgumentError(
            f"{name}={value!r} is not a GUID, so it would match nothing; look up the GUID of the "
            "object, for example with find_by(name=...)"
        )
    return cast("str", canonical_guid(name, value))


def no_text(name: str, value: Any) -> Any:
    """Return a list or another iterable; refuse text, which would be split into its letters."""
    if isinstance(value, (str, bytes)):
        raise InvalidArgumentError(f"{name}={value!r} must be a list; write [{value!r}]")
    if not isinstance(cast("object", value), Iterable | AsyncIterable):
        raise wrong_kind(f"{name} must be a list or another iterable", value)
    return value


def wrong_kind(wanted: str, value: object) -> InvalidArgumentError:
    """Return the error for an argument that is something else than what is wanted."""
    if iscoroutine(value):
        value.close()  # Python would warn that nobody has awaited it.
    kind = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
    return InvalidArgumentError(f"{wanted}, not {kind}")
