"""Comparing two snapshots of servers.

Decides what of two servers is the same thing: content of the same name and owner, users and groups
of the same name, tags of the same path.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.comparing import (
    FIELDS,
    Difference,
    Value,
    compare_content,
    differences,
    integration_name,
    not_compared,
    translated,
)
from aconnect.migrate.snapshots.describing import WRITABLE
from aconnect.migrate.snapshots.model import (
    ContentSnapshot,
    EnvironmentSnapshot,
    GroupSnapshot,
    Snapshot,
    UserSnapshot,
)

T = TypeVar("T")

Kind = Literal["content", "user", "group", "tag", "environment", "integration"]
KINDS: Final[tuple[Kind, ...]] = ("user", "group", "tag", "environment", "integration", "content")

DiffSign = Literal["=", "+", "-", "*", "!"]
"""`=` the same, `+` only in the second, `-` only in the first, `*` different, `!` it could not be
compared."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_USER: Final = ("email", "first_name", "last_name", "role", "locked")
_ENVIRONMENT: Final = ("name", "r", "python", "quarto", "nodejs")


class DiffRow(Struct, frozen=True, kw_only=True):
    """One thing of two servers, and how it differs."""

    sign: DiffSign
    kind: Kind
    name: str
    """Of content `owner/name`, of tags the path; with the names of the second server."""
    differences: tuple[Difference, ...] = ()
    reason: str | None = None
    """Why it, or a part of it, could not be compared."""


class Diff(Struct, frozen=True, kw_only=True):
    """How two servers differ."""

    before: str
    """The address of the first server."""
    after: str
    rows: tuple[DiffRow, ...] = ()

    @property
    def counts(self) -> dict[DiffSign, int]:
        """The number of rows with each sign."""
        return dict(Counter(row.sign for row in self.rows))

    @property
    def is_equal(self) -> bool:
        """Whether everything could be compared, and is the same."""
        return all(row.sign == "=" for row in self.rows)


def compare(
    before: Snapshot,
    after: Snapshot,
    *,
    kinds: Collection[Kind] = KINDS,
    users: Mapping[str, str] = _NONE,
    groups: Mapping[str, str] = _NONE,
) -> Diff:
    """Compare two snapshots.

    Args:
        before: The first.
        after: The second.
        kinds: What to compare; by default everything.
        users: The usernames on the second server by those on the first; others are the same.
        groups: The same for the names of groups.

    Raises:
        InvalidArgumentError: A kind is unknown.
    """
    compared: dict[Kind, Callable[[], Iterable[DiffRow]]] = {
        "user": lambda: _users(before, after, users),
        "group": lambda: _groups(before, after, users, groups),
        "tag": lambda: _tags(before, after),
        "environment": lambda: _environments(before, after),
        "integration": lambda: _integrations(before, after),
        "content": lambda: _content(before, after, users, groups),
    }
    if unknown := set(kinds) - set(compared):
        raise InvalidArgumentError(
            f"cannot compare {', '.join(sorted(unknown))}; kinds are {', '.join(KINDS)}"
        )
    rows = (row for kind in KINDS if kind in kinds for row in compared[kind]())
    return Diff(before=before.url, after=after.url, rows=tuple(rows))


_Result = tuple[tuple[Difference, ...], tuple[str, ...]]
"""The differences of two things, and the names of fields that could not be compared."""


def _pairs(
    kind: Kind,
    before: Iterable[tuple[Hashable, str, T]],
    after: Iterable[tuple[Hashable, str, T]],
    result: Callable[[T, T], _Result],
) -> list[DiffRow]:
    """Compare what has the same key on both sides; each is a key, a name to show, and a thing."""
    sides: tuple[dict[Hashable, list[T]], ...] = ({}, {})
    names: dict[Hashable, str] = {}
    for side, things in zip(sides, (before, after), strict=True):
        for key, name, thing in things:
            names[key] = name
            side.setdefault(key, []).append(thing)
    rows: list[DiffRow] = []
    for key, name in sorted(names.items(), key=lambda pair: (pair[1], repr(pair[0]))):
        left, right = sides[0].get(key, []), sides[1].get(key, [])
        if len(left) == len(right) == 1:
            found, missing = result(left[0], right[0])
            sign: DiffSign = "*" if found else "!" if missing else "="
            reason = f"cannot be compared: {', '.join(missing)}" if missing else None
        elif left and right:
            found, sign = (), "!"
            reason = f"{len(left)} of the first server and {len(right)} of the second are this one"
        else:
            found, reason, sign = (), None, "-" if left else "+"
        rows.append(DiffRow(sign=sign, kind=kind, name=name, differences=found, reason=reason))
    return rows


def _content(
    before: Snapshot, after: Snapshot, users: Mapping[str, str], groups: Mapping[str, str]
) -> list[DiffRow]:
    known = [set(one.content_fields) or WRITABLE for one in (before, after)]
    # An older server lacks some fields.
    fields = [name for name in FIELDS if name not in WRITABLE or all(name in one for one in known)]

    def keyed(content: Iterable[ContentSnapshot]) -> list[tuple[Hashable, str, ContentSnapshot]]:
        return [((one.owner, one.name), f"{one.owner}/{one.name}", one) for one in content]

    return _pairs(
        "content",
        keyed(translated(one, users=users, groups=groups) for one in before.content),
        keyed(after.content),
        lambda one, other: (
            compare_content(one, other, fields=fields),
            not_compared(one, other),
        ),
    )


def _users(before: Snapshot, after: Snapshot, users: Mapping[str, str]) -> list[DiffRow]:
    def keyed(
        found: Iterable[UserSnapshot], names: Mapping[str, str]
    ) -> Iterable[tuple[Hashable, str, UserSnapshot]]:
        for one in found:
            name = names.get(one.username, one.username)
            if name:
                yield name, name, one

    return _pairs("user", keyed(before.users, users), keyed(after.users, _NONE), _by_fields(_USER))


def _groups(
    before: Snapshot, after: Snapshot, users: Mapping[str, str], groups: Mapping[str, str]
) -> list[DiffRow]:
    def there(name: str) -> str:
        return users.get(name, name)

    def translate(one: GroupSnapshot) -> GroupSnapshot:
        members = one.members
        if members is not None:
            members = tuple(sorted(name for one in members if (name := there(one))))
        owner = None if one.owner is None else there(one.owner) or None
        name = groups.get(one.name, one.name)
        return msgspec.structs.replace(one, name=name, owner=owner, members=members)

    def result(one: GroupSnapshot, other: GroupSnapshot) -> _Result:
        is_read = one.members is not None and other.members is not None
        fields = ("owner", "members") if is_read else ("owner",)
        is_missing = not is_read and one.members is not other.members
        return _by_fields(fields)(one, other)[0], ("members",) if is_missing else ()

    def keyed(found: Iterable[GroupSnapshot]) -> list[tuple[Hashable, str, GroupSnapshot]]:
        return [(one.name, one.name, one) for one in found if one.name]

    return _pairs("group", keyed(map(translate, before.groups)), keyed(after.groups), result)


def _tags(before: Snapshot, after: Snapshot) -> list[DiffRow]:
    def keyed(one: Snapshot) -> list[tuple[Hashable, str, None]]:
        return [(path, "/".join(path), None) for path in set(one.tags.values())]

    return _pairs("tag", keyed(before), keyed(after), _by_fields(()))


def _environments(before: Snapshot, after: Snapshot) -> list[DiffRow]:
    def keyed(
        found: Iterable[EnvironmentSnapshot],
    ) -> list[tuple[Hashable, str, EnvironmentSnapshot]]:
        return [(one.title or one.name, one.title or one.name, one) for one in found]

    if row := _unlisted("environment", before.environments, after.environments):
        return [row]
    return _pairs(
        "environment",
        keyed(before.environments or ()),
        keyed(after.environments or ()),
        _by_fields(_ENVIRONMENT),
    )


def _integrations(before: Snapshot, after: Snapshot) -> list[DiffRow]:
    def keyed(one: Snapshot) -> list[tuple[Hashable, str, None]]:
        found = set((one.integrations or {}).values())
        return [(each, integration_name(each), None) for each in found]

    if row := _unlisted("integration", before.integrations, after.integrations):
        return [row]
    return _pairs("integration", keyed(before), keyed(after), _by_fields(()))


def _unlisted(kind: Kind, before: Collection[Any] | None, after: Collection[Any] | None) -> Any:
    """Return a row if one server lists something, and the key cannot list it on the other."""
    if (before is None and after) or (after is None and before):
        which = "first" if before is None else "second"
        reason = f"the {which} server does not have the list, or its key may not read it"
        return DiffRow(sign="!", kind=kind, name="all", reason=reason)
    return None


def _by_fields(fields: Collection[str]) -> Callable[[Any, Any], _Result]:
    """Return a function that compares two things by some of their attributes."""

    def values(one: Any) -> dict[str, Value]:
        return {name: getattr(one, name) for name in fields}

    return lambda one, other: (differences(values(one), values(other)), ())
