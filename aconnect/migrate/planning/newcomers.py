"""Users, groups and environments that the destination lacks, and that the run creates first.

They are planned with as if the destination had them: a placeholder stands for the guid that each
will have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from aconnect.connect import Client
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.people.model import Change
from aconnect.migrate.people.syncing import missing_people
from aconnect.migrate.snapshots.model import (
    EnvironmentSnapshot,
    GroupSnapshot,
    Snapshot,
    UserSnapshot,
)

_PREFIX: Final = "new:"


async def find_newcomers(
    source: Client, destination: Client, old: Snapshot, new: Snapshot, mapping: Mapping
) -> tuple[Change, ...]:
    """Return the changes that create what the content of the source needs; makes none of them.

    Raises:
        AconnectError: A server could not be read.
    """
    matches = match(old, new, mapping)
    unmapped = [one for one in matches.principals(old.content) if one.how == "unmapped"]
    named = sorted({item.environment for item in old.content if item.environment is not None})
    changes = await missing_people(
        source,
        destination,
        users=[one.source for one in unmapped if one.kind == "user"],
        groups=[one.source for one in unmapped if one.kind == "group"],
        environments=[name for name in named if matches.environment(name).how == "missing"],
        mapping=mapping,
    )
    return tuple(changes)


def with_newcomers(destination: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """Return the destination as it is after the changes."""
    users = {user.username for user in destination.users}
    groups = {group.name for group in destination.groups}
    environments = {one.name for one in destination.environments or ()}
    due = [change for change in changes if change.is_due]
    locked = {change.name for change in due if change.kind == "lock-user"}
    return msgspec.structs.replace(
        destination,
        users=(
            *destination.users,
            *(
                _user(one, is_locked=one.name in locked)
                for one in due
                if one.kind == "create-user" and one.name not in users
            ),
        ),
        groups=(
            *destination.groups,
            *(
                GroupSnapshot(guid=placeholder("group", one.name), name=one.name)
                for one in due
                if one.kind == "create-group" and one.name not in groups
            ),
        ),
        environments=destination.environments
        if destination.environments is None
        else (
            *destination.environments,
            *(
                _environment(one)
                for one in due
                if one.kind == "create-environment" and one.name not in environments
            ),
        ),
    )


def mapped_newcomers(mapping: Mapping, changes: Iterable[Change]) -> Mapping:
    """Return a mapping by which new users and groups are those of the source, of the same name.

    What they are matched by otherwise may be nothing that they are created with.
    """
    due = [change for change in changes if change.is_due]
    users = {one.name: one.name for one in due if one.kind == "create-user"}
    groups = {one.name: one.name for one in due if one.kind == "create-group"}
    return msgspec.structs.replace(
        mapping, users={**users, **mapping.users}, groups={**groups, **mapping.groups}
    )


def _environment(change: Change) -> EnvironmentSnapshot:
    def versions(name: str) -> tuple[str, ...]:
        found: dict[str, Any] = change.after.get(name) or {}
        return tuple(one["version"] for one in found.get("installations") or ())

    return EnvironmentSnapshot(
        guid=placeholder("environment", change.name),
        name=change.name,
        title=change.after.get("title"),
        r=versions("r"),
        python=versions("python"),
        quarto=versions("quarto"),
        nodejs=versions("nodejs"),
    )


def _user(change: Change, *, is_locked: bool) -> UserSnapshot:
    return UserSnapshot(
        guid=placeholder("user", change.name),
        username=change.name,
        email=change.after.get("email"),
        role=change.after.get("user_role"),
        locked=is_locked,
    )


def placeholder(noun: str, name: str) -> str:
    """Return what stands for the guid of a user, group or environment that is created."""
    return f"{_PREFIX}{noun}:{name}"


def is_placeholder(guid: str) -> bool:
    """Return True if this stands for the guid of what is created."""
    return guid.startswith(_PREFIX)
