"""The changes that bring groups to what is described; nothing here makes a request.

Decides what is never done: no group is deleted and no member removed that is only missing from the
description, unless an argument says so. What is not done is among the changes, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from aconnect.migrate.people.model import Change, DescribedGroup, Option, by_name, in_order
from aconnect.migrate.people.provider import Provider
from aconnect.migrate.snapshots.model import GroupSnapshot, UserSnapshot

_NO_GROUPS: Final = "groups are switched off on the server"
_NO_USER: Final = "there is no such user"
_UNCLEAR: Final = "it may be one that is described, and for which it is unclear which it is"


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
    described = by_name(wanted, lambda group: group.name, "group")
    spelled = {name.casefold(): name for name in sorted(present)}
    unclear: set[str] = set()
    changes: list[Change] = []
    for name, group in sorted(described.items()):
        found = present.get(name)
        guid, owners = ("", own) if found is None else (found.guid, {found.owner})
        obstacle = group.obstacle
        if found is None and not obstacle:
            like = spelled.get(name.casefold())
            obstacle = "" if like is None else f"there is a group {like}; write the name like this"
            obstacle = obstacle or ("" if provider.has_groups else _NO_GROUPS)
        if found is None or obstacle:
            by_ticket = provider.groups_by_ticket
            changes.append(
                Change(kind="create-group", name=name, by_ticket=by_ticket, obstacle=obstacle)
            )
        if obstacle:
            unclear.add(name.casefold())
            continue
        if group.owner is not None and group.owner not in owners:
            owner = None if found is None else found.owner
            changes.append(_changed_owner(group, guid, owner, group.owner, known, provider))
        if group.members is not None:
            old = set(() if found is None else found.members or ())
            changes += _changed_members(
                group, guid, old, group.members, known, provider, remove=remove_members
            )
    for name in sorted(present.keys() - described.keys()):
        needs: Option | None = None if delete_groups else "delete_groups"
        obstacle = _UNCLEAR if delete_groups and name.casefold() in unclear else ""
        guid = present[name].guid
        changes.append(
            Change(kind="delete-group", name=name, guid=guid, needs=needs, obstacle=obstacle)
        )
    return in_order(changes)


def _changed_owner(
    group: DescribedGroup,
    guid: str,
    old: str | None,
    new: str,
    known: dict[str, str],
    provider: Provider,
) -> Change:
    managed = f"{provider.name} manages it" if provider.manages_owners else ""
    return Change(
        kind="change-owner",
        name=group.name,
        guid=guid,
        member=new,
        member_guid=known.get(new, ""),
        before={"owner": old},
        obstacle=managed or group.unclear.get(new) or ("" if new in known else _NO_USER),
    )


def _changed_members(
    group: DescribedGroup,
    guid: str,
    old: Collection[str],
    new: Collection[str],
    known: dict[str, str],
    provider: Provider,
    *,
    remove: bool,
) -> list[Change]:
    name = group.name
    managed = f"{provider.name} manages the members" if provider.manages_members else ""
    added = [
        Change(
            kind="add-member",
            name=name,
            guid=guid,
            member=member,
            member_guid=known.get(member, ""),
            obstacle=managed or group.unclear.get(member) or ("" if member in known else _NO_USER),
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
