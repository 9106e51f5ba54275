"""The changes that bring a server to what is described; nothing here makes a request.

Decides what is never done: nothing is locked, removed or deleted that is only missing from the
description, unless an argument says so; the owner of the key is neither locked nor demoted, nor is
the last administrator. What is not done is among the changes, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.people.model import (
    ROLES,
    Change,
    DescribedEnvironment,
    DescribedGroup,
    DescribedUser,
    Option,
    in_order,
)
from aconnect.migrate.people.provider import Provider
from aconnect.migrate.people.reading import ReadEnvironment
from aconnect.migrate.snapshots.model import GroupSnapshot, PrincipalKind, UserSnapshot

T = TypeVar("T")

_ADMINISTRATOR: Final = ROLES[0]
_OWN: Final = "it is the owner of the key"
_LAST: Final = "it is the last administrator"
_NO_GROUPS: Final = "groups are switched off on the server"
_NO_USER: Final = "there is no such user"


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
    described = _by_name(wanted, lambda user: user.username, "user")
    guard = _Guard(me, present.values())
    spelled = {name.casefold(): name for name in sorted(present)}
    emails = {user.email.casefold(): n for n, user in sorted(present.items()) if user.email}
    changes: list[Change] = []
    for name, user in sorted(described.items()):
        found = present.get(name)
        if found is not None:
            changes += _changed_user(user, found, provider, guard)
            continue
        obstacle = user.obstacle
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
        if user.locked and creation.is_due:
            changes.append(Change(kind="lock-user", name=name))
    for name in sorted(present.keys() - described.keys()):
        found = present[name]
        if not found.locked:
            obstacle = guard.refuse_loss(found) if lock_missing else ""
            needs: Option | None = None if lock_missing else "lock_missing"
            changes.append(
                Change(kind="lock-user", name=name, guid=found.guid, obstacle=obstacle, needs=needs)
            )
    return in_order(changes)


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
    return {**_values(user), **{name: id_ for name, id_ in ids.items() if id_}, **must_set}


def _is_same(field: str, old: str | None, new: str) -> bool:
    # Servers may change the case of addresses.
    return old is not None and (
        old.casefold() == new.casefold() if field == "email" else old == new
    )


def _is_lower(new: str, old: str | None) -> bool:
    ranks = {role: rank for rank, role in enumerate(reversed(ROLES), 1)}
    # A role that is unknown here may be lower than any other.
    return ranks.get(new, 0) < ranks.get(old or "", 0)


def compare_groups(
    wanted: Iterable[DescribedGroup],
    groups: Iterable[GroupSnapshot],
    users: Iterable[UserSnapshot],
    *,
    me: str,
    provider: Provider,
    new_users: Collection[str] = (),
    remove_members: bool = False,
    delete_groups: bool = False,
) -> list[Change]:
    """Return the changes that bring groups to what is described.

    Args:
        wanted: The description.
        groups: All groups of the server, with the members of those that are described.
        users: All users of the server.
        me: The guid of the owner of the key, who owns new groups.
        provider: What the server leaves to the API.
        new_users: The usernames of users who will be created before.
        remove_members: Whether to remove members who are not described.
        delete_groups: Whether to delete groups that are not described.

    Raises:
        InvalidArgumentError: A group is described twice.
    """
    guids = {user.username: user.guid for user in users}
    known = {**dict.fromkeys(new_users, ""), **guids}
    own = {name for name, guid in guids.items() if guid == me}
    present = {group.name: group for group in groups}
    described = _by_name(wanted, lambda group: group.name, "group")
    changes: list[Change] = []
    for name, group in sorted(described.items()):
        found = present.get(name)
        guid, owners = ("", own) if found is None else (found.guid, {found.owner})
        if found is None:
            obstacle = "" if provider.has_groups else _NO_GROUPS
            by_ticket = provider.groups_by_ticket
            changes.append(
                Change(kind="create-group", name=name, by_ticket=by_ticket, obstacle=obstacle)
            )
            if obstacle:
                continue
        if group.owner is not None and group.owner not in owners:
            managed = f"{provider.name} manages it" if provider.manages_owners else ""
            changes.append(
                Change(
                    kind="change-owner",
                    name=name,
                    guid=guid,
                    member=group.owner,
                    member_guid=known.get(group.owner, ""),
                    before={"owner": None if found is None else found.owner},
                    obstacle=managed or ("" if group.owner in known else _NO_USER),
                )
            )
        if group.members is not None:
            old = set(() if found is None else found.members or ())
            changes += _changed_members(
                name, guid, old, group.members, known, provider, remove=remove_members
            )
    for name in sorted(present.keys() - described.keys()):
        needs: Option | None = None if delete_groups else "delete_groups"
        changes.append(Change(kind="delete-group", name=name, guid=present[name].guid, needs=needs))
    return in_order(changes)


def _changed_members(
    name: str,
    guid: str,
    old: Collection[str],
    new: Collection[str],
    known: dict[str, str],
    provider: Provider,
    *,
    remove: bool,
) -> list[Change]:
    managed = f"{provider.name} manages the members" if provider.manages_members else ""
    added = [
        Change(
            kind="add-member",
            name=name,
            guid=guid,
            member=member,
            member_guid=known.get(member, ""),
            obstacle=managed or ("" if member in known else _NO_USER),
        )
        for member in new
        if member not in old
    ]
    removed = [
        Change(
            kind="remove-member",
            name=name,
            guid=guid,
            member=member,
            member_guid=known.get(member, ""),
            obstacle=managed if remove else "",
            needs=None if remove else "remove_members",
        )
        for member in old
        if member not in new
    ]
    return [*added, *removed]


def compare_environments(
    wanted: Iterable[DescribedEnvironment],
    environments: Iterable[ReadEnvironment],
    users: Iterable[UserSnapshot],
    groups: Iterable[GroupSnapshot],
    *,
    new_users: Collection[str] = (),
    new_groups: Collection[str] = (),
) -> list[Change]:
    """Return the changes that create environments, and let those use them who are described.

    What else differs in an environment is not changed, because content may run in it.

    Args:
        wanted: The description.
        environments: All environments of the server.
        users: All users of the server.
        groups: All groups of the server.
        new_users: The usernames of users who will be created before.
        new_groups: The names of groups that will be created before.

    Raises:
        InvalidArgumentError: An environment is described twice.
    """
    known: dict[tuple[PrincipalKind, str], str] = {
        **{("user", name): "" for name in new_users},
        **{("group", name): "" for name in new_groups},
        **{("user", user.username): user.guid for user in users},
        **{("group", group.name): group.guid for group in groups},
    }
    present = {found.description.name: found for found in environments}
    changes: list[Change] = []
    for name, environment in sorted(_by_name(wanted, lambda e: e.name, "environment").items()):
        found = present.get(name)
        if found is None:
            # Without any permission, all publishers could use it.
            is_open = environment.principals and not environment.principals & known.keys()
            obstacle = "none of those who may use it exists, so all could use it" if is_open else ""
            after = environment.fields
            changes.append(
                Change(kind="create-environment", name=name, after=after, obstacle=obstacle)
            )
            if obstacle:
                continue
        old = frozenset() if found is None else found.description.principals
        for kind, member in environment.principals - old:
            managed = "something else than the API manages it" if found and found.is_managed else ""
            changes.append(
                Change(
                    kind="allow-environment",
                    name=name,
                    guid="" if found is None else found.guid,
                    member=member,
                    member_guid=known.get((kind, member), ""),
                    member_kind=kind,
                    obstacle=managed or ("" if (kind, member) in known else f"no such {kind}"),
                )
            )
    return in_order(changes)


def _by_name(items: Iterable[T], name_of: Callable[[T], str], noun: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for item in items:
        name = name_of(item)
        if not name:
            raise InvalidArgumentError(f"a described {noun} has no name")
        if name in found:
            raise InvalidArgumentError(f"the {noun} {name!r} is described twice")
        found[name] = item
    return found
