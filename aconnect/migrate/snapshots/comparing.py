"""Comparing two descriptions of content, whether of two servers or of what was planned.

Decides which fields are carried from one server to another, and so compared: not ids, times,
addresses and versions, which are never the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from aconnect.migrate.snapshots.describing import SETTINGS
from aconnect.migrate.snapshots.model import (
    BundleSnapshot,
    ContentDetails,
    ContentSnapshot,
    IntegrationSnapshot,
    PrincipalRole,
    RepositorySnapshot,
)

Value = str | int | float | bool | None | tuple[str, ...]

_LISTED: Final = (
    "title",
    "app_mode",
    "access_type",
    "environment",
    "vanity",
    "locked",
    "locked_message",
)
_PARTS: Final = {
    "permissions": "permissions",
    "variables": "variables",
    "bundle": "bundles",
    "repository": "repository",
    "integrations": "integrations",
}
"""The fields that come from the details, and the parts of these that they need."""

FIELDS: Final = ("name", "owner", *_LISTED, "tags", *SETTINGS, *_PARTS)
"""All fields that are compared."""

_ROLES: Final = {"owner": "collaborator"}


class Difference(Struct, frozen=True):
    """A field that two descriptions of something have with different values."""

    field: str
    before: Value
    """In the first; None if it is unset."""
    after: Value
    """In the second."""

    def __str__(self) -> str:
        if not (isinstance(self.before, tuple) or isinstance(self.after, tuple)):
            return f"{self.field} is {_text(self.after)} instead of {_text(self.before)}"
        before, after = _many(self.before), _many(self.after)
        missing = ", ".join(one for one in before if one not in after)
        more = ", ".join(one for one in after if one not in before)
        parts = (missing and f"{missing} missing", more and f"{more} in addition")
        return f"{self.field}: {'; '.join(filter(None, parts))}"

    @property
    def reversed(self) -> Difference:
        """The difference between the second and the first."""
        return Difference(self.field, self.after, self.before)


def compare_content(
    before: ContentSnapshot, after: ContentSnapshot, *, fields: Collection[str] | None = None
) -> tuple[Difference, ...]:
    """Return the fields of content that differ, in the order of `FIELDS`.

    What was not read on either side is not compared; `not_compared` names it.

    Args:
        before: The first description, such as what was planned.
        after: The second, such as what is there.
        fields: The fields to compare; by default all.
    """
    left, right = _values(before), _values(after)
    left["bundle"], right["bundle"] = _bundles(before.details, after.details) or (None, None)
    skipped = not_compared(before, after)
    chosen = (name for name in FIELDS if name not in skipped and (fields is None or name in fields))
    return differences(
        {name: left.get(name) for name in chosen}, {name: right.get(name) for name in FIELDS}
    )


def missing_from(wanted: ContentSnapshot, existing: ContentSnapshot) -> tuple[Difference, ...]:
    """Return the fields in which existing content is not, or not yet, what is wanted.

    What it has besides, such as more tags and permissions, is no difference.
    """
    found = (one for one in compare_content(wanted, existing) if one.before is not None)
    return tuple(one for one in map(_without_more, found) if one.before != one.after)


def _without_more(difference: Difference) -> Difference:
    """Return the difference without what only the second has of several values."""
    before, after = difference.before, difference.after
    if isinstance(before, tuple) and isinstance(after, tuple):
        after = tuple(one for one in before if one in after)
    return Difference(difference.field, before, after)


def not_compared(before: ContentSnapshot, after: ContentSnapshot) -> tuple[str, ...]:
    """Return the fields that cannot be compared, because they were not read on either side."""
    one, other = before.details, after.details
    if one is None or other is None:
        return () if one is other else tuple(_PARTS)
    unreadable = {*one.unreadable, *other.unreadable}
    missing = [name for name, part in _PARTS.items() if part in unreadable]
    if "bundle" not in missing and _bundles(one, other) is None:
        missing.append("bundle")
    return tuple(missing)


def differences(before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[Difference, ...]:
    """Return the fields of `before` that have another value in `after`."""
    return tuple(
        Difference(name, value, after.get(name))
        for name, value in before.items()
        if value != after.get(name)
    )


def translated(
    content: ContentSnapshot, *, users: Mapping[str, str], groups: Mapping[str, str]
) -> ContentSnapshot:
    """Return content with the names that its users and groups have on another server.

    Names that are not mapped are the same there; permissions of those that are mapped to an empty
    name are left out.
    """
    details = content.details
    if details is not None:
        maps = {"user": users, "group": groups}
        roles = (
            PrincipalRole(one.kind, maps[one.kind].get(one.name, one.name), one.role)
            for one in details.permissions
        )
        kept = tuple(sorted(one for one in roles if one.name))
        details = msgspec.structs.replace(details, permissions=kept)
    owner = users.get(content.owner) or content.owner
    return msgspec.structs.replace(content, owner=owner, details=details)


def _values(content: ContentSnapshot) -> dict[str, Value]:
    """Return the fields of content in a form that can be compared, and shown to a person."""
    values: dict[str, Value] = {name: getattr(content, name) for name in _LISTED}
    values |= content.settings
    values |= {"name": content.name, "owner": content.owner}
    values["tags"] = tuple("/".join(path) for path in content.tags)
    details = content.details
    if details is not None:
        values["permissions"] = tuple(map(_role, details.permissions))
        values["variables"] = details.variables
        values["repository"] = _location(details.repository)
        values["integrations"] = tuple(map(integration_name, details.integrations))
    return values


def _bundles(
    before: ContentDetails | None, after: ContentDetails | None
) -> tuple[str | None, str | None] | None:
    """Return what identifies the active bundles on both servers; None if nothing does.

    The bundles of content from Git are built from its repository, which is compared instead.
    """
    if before is None or after is None or before.repository or after.repository:
        return None, None
    one, other = _active(before), _active(after)
    if one is None or other is None:
        return _identity(one), _identity(other)
    if one.md5 and other.md5:
        return f"MD5 {one.md5}", f"MD5 {other.md5}"
    if one.size and other.size:
        return f"{one.size} bytes", f"{other.size} bytes"
    return None


def _active(details: ContentDetails) -> BundleSnapshot | None:
    return next((bundle for bundle in details.bundles if bundle.active), None)


def _identity(bundle: BundleSnapshot | None) -> str | None:
    if bundle is None:
        return None
    return f"MD5 {bundle.md5}" if bundle.md5 else f"{bundle.size} bytes"


def _role(one: PrincipalRole) -> str:
    return f"{_ROLES.get(one.role, one.role)} for {one.kind} {one.name}"


def _location(one: RepositorySnapshot | None) -> str | None:
    if one is None:
        return None
    parts = (
        one.repository,
        one.branch and f"branch {one.branch}",
        one.directory and f"directory {one.directory}",
        "polling" if one.polling else None,
    )
    return ", ".join(filter(None, parts))


def integration_name(one: IntegrationSnapshot) -> str:
    """Return what identifies an integration, for a person."""
    return f"{one.name} ({one.template}, {one.auth_type})"


def _many(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _text(value: Value) -> str:
    match value:
        case None:
            return "unset"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value)
        case _:
            return str(value)
