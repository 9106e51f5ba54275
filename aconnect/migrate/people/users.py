"""The changes that bring users to what is described; nothing here makes a request.

Decides what is never done: nobody is locked who is only missing from the description, unless an
argument says so; the owner of the key is neither locked nor demoted, nor is the last administrator.
What is not done is among the changes, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aconnect.migrate.people.model import ROLES, Change, DescribedUser, Option, by_name, in_order
from aconnect.migrate.people.provider import Provider
from aconnect.migrate.snapshots.model import UserSnapshot

_ADMINISTRATOR: Final = ROLES[0]
_OWN: Final = "it is the owner of the key"
_LAST: Final = "it is the last administrator"
_UNCLEAR: Final = "it may be somebody who is described, and for whom it is unclear who it is"


def compare_users(
    wanted: Iterable[DescribedUser],
    users: Iterable[UserSnapshot],
    *,
    me: str,
    provider: Provider,
    lock_missing: bool = False,
) -> list[Change]:
    """Return the changes that bring users to what is described.

    Args:
        wanted: The description.
        users: All users of the server.
        me: The guid of the owner of the key.
        provider: What the server leaves to the API.
        lock_missing: Whether to lock users who are not described.

    Raises:
        InvalidArgumentError: A user is described twice.
    """
    present = {user.username: user for user in users}
    described = by_name(wanted, lambda user: user.username, "user")
    guard = _Guard(me, present.values())
    spelled = {name.casefold(): name for name in sorted(present)}
    emails = {user.email.casefold(): n for n, user in sorted(present.items()) if user.email}
    changes: list[Change] = []
    # What tells who may be meant by those for whom that is unclear.
    unclear: set[str] = set()
    for name, user in sorted(described.items()):
        found, obstacle = present.get(name), user.obstacle
        if found is not None:
            changes += (
                [Change(kind="update-user", name=name, guid=found.guid, obstacle=obstacle)]
                if obstacle
                else _changed_user(user, found, provider, guard)
            )
            continue
        if not obstacle and (like := spelled.get(name.casefold())) is not None:
            obstacle = f"there is a user {like}; write the name like this"
        same = emails.get((user.email or "").casefold())
        creation = Change(
            kind="create-user",
            name=name,
            after=_creation(user, provider),
            by_ticket=provider.users_by_ticket,
            note="" if same is None else f"user {same} has the same e-mail address",
            obstacle=obstacle,
        )
        changes.append(creation)
        if obstacle:
            unclear |= set(_traits(name, user.email))
        if user.locked and creation.is_due:
            changes.append(Change(kind="lock-user", name=name))
    for name in sorted(present.keys() - described.keys()):
        found = present[name]
        if not found.locked:
            obstacle = ""
            if lock_missing:
                is_unclear = not unclear.isdisjoint(_traits(name, found.email))
                obstacle = _UNCLEAR if is_unclear else guard.refuse_loss(found)
            needs: Option | None = None if lock_missing else "lock_missing"
            changes.append(
                Change(kind="lock-user", name=name, guid=found.guid, obstacle=obstacle, needs=needs)
            )
    return in_order(changes)


def _traits(name: str, email: str | None) -> list[str]:
    return [text.casefold() for text in (name, email) if text]


class _Guard:
    """Refuses what would leave a server without an administrator, or the key without its owner."""

    def __init__(self, me: str, users: Iterable[UserSnapshot]) -> None:
        self._me = me
        self._administrators = {user.guid for user in users if _is_active_administrator(user)}

    def refuse_loss(self, user: UserSnapshot) -> str:
        """Return why a user cannot be locked or get a lower role; empty if it can, and will."""
        if user.guid == self._me:
            return _OWN
        if self._administrators == {user.guid}:
            return _LAST
        self._administrators.discard(user.guid)
        return ""


def _is_active_administrator(user: UserSnapshot) -> bool:
    return user.role == _ADMINISTRATOR and not user.locked


def _changed_user(
    wanted: DescribedUser, found: UserSnapshot, provider: Provider, guard: _Guard
) -> list[Change]:
    """Return the changes of a user who exists."""
    name, guid = found.username, found.guid
    if wanted.obstacle:
        return [Change(kind="update-user", name=name, guid=guid, obstacle=wanted.obstacle)]
    if wanted.external_id and found.external_id and wanted.external_id != found.external_id:
        text = f"it has the external id {found.external_id}, so it is somebody else"
        return [Change(kind="update-user", name=name, guid=guid, obstacle=text)]
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    obstacles: dict[str, str] = {}
    for field, new in _values(wanted).items():
        old = found.role if field == "user_role" else getattr(found, field)
        if _is_same(field, old, new):
            continue
        before[field], after[field] = old, new
        if field in provider.managed_fields:
            obstacles[field] = f"{provider.name} manages it"
        elif field == "user_role" and _is_lower(new, old) and not found.locked:
            obstacles[field] = guard.refuse_loss(found)
    changes = [
        Change(
            kind="update-user",
            name=name,
            guid=guid,
            before={field: before[field] for field in fields},
            after={field: after[field] for field in fields},
            obstacle=obstacle,
        )
        for obstacle in sorted({obstacles.get(field, "") for field in after})
        if (fields := [field for field in after if obstacles.get(field, "") == obstacle])
    ]
    if wanted.locked is not None and wanted.locked != found.locked:
        if not wanted.locked:
            changes.append(Change(kind="unlock-user", name=name, guid=guid))
        else:
            obstacle = guard.refuse_loss(found)
            changes.append(Change(kind="lock-user", name=name, guid=guid, obstacle=obstacle))
    return changes


def _values(user: DescribedUser) -> dict[str, str]:
    """Return what is described of a user and can be changed, by the names of the API."""
    values = {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "user_role": user.role,
    }
    return {name: value for name, value in values.items() if value}


def _creation(user: DescribedUser, provider: Provider) -> dict[str, Any]:
    """Return the arguments for creating a user."""
    ids = {"external_id": user.external_id, "unique_id": user.unique_id}
    must_set = {"user_must_set_password": True} if provider.has_passwords else {}
    values = _values(user)
    if provider.users_by_ticket and "user_role" in provider.managed_fields:
        # It is set after the creation, which the server would refuse.
        values.pop("user_role", None)
    return {**values, **{name: id_ for name, id_ in ids.items() if id_}, **must_set}


def _is_same(field: str, old: str | None, new: str) -> bool:
    # Servers may change the case of addresses.
    return old is not None and (
        old.casefold() == new.casefold() if field == "email" else old == new
    )


def _is_lower(new: str, old: str | None) -> bool:
    ranks = {role: rank for rank, role in enumerate(reversed(ROLES), 1)}
    # A role that is unknown here may be lower than any other.
    return ranks.get(new, 0) < ranks.get(old or "", 0)
