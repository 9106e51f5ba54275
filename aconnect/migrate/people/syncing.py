"""Bringing users, groups and environments of a server to a described state.

`plan_...` compares and changes nothing; `sync_...` does the same, and makes the changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from aconnect.connect import Client
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.people.applying import ChangeOutcome, apply_changes
from aconnect.migrate.people.describing import Sides, mapped_environment
from aconnect.migrate.people.environments import compare_environments
from aconnect.migrate.people.groups import compare_groups
from aconnect.migrate.people.model import (
    Change,
    DescribedEnvironment,
    DescribedGroup,
    DescribedUser,
    in_order,
)
from aconnect.migrate.people.provider import read_provider
from aconnect.migrate.people.reading import (
    described_groups,
    described_users,
    read_environments,
    read_groups,
    read_users,
)
from aconnect.migrate.people.users import compare_users
from aconnect.migrate.snapshots.model import PrincipalKind

_DEFAULT: Final = Mapping()


async def plan_users(
    client: Client, wanted: Iterable[DescribedUser], *, lock_missing: bool = False
) -> list[Change]:
    """Return the changes that bring the users of a server to what is described; change nothing.

    Users who are not described are among the changes, but are only locked with `lock_missing`.
    Nobody is deleted, because servers cannot do it. The owner of the key and the last administrator
    are never locked, nor get a lower role.

    Raises:
        InvalidArgumentError: A user is described twice.
        AconnectError: The server refused to list its users, or could not be reached.
    """
    described = list(wanted)
    provider, me = await read_provider(client), await client.me()
    users = await read_users(client)
    return compare_users(described, users, me=me.guid, provider=provider, lock_missing=lock_missing)


async def sync_users(
    client: Client, wanted: Iterable[DescribedUser], *, lock_missing: bool = False
) -> list[ChangeOutcome]:
    """Bring the users of a server to what is described; return the outcome of each change.

    Raises:
        AconnectError: As `plan_users`; failures of single changes are in their outcomes.
    """
    changes = await plan_users(client, wanted, lock_missing=lock_missing)
    return await apply_changes(client, changes)


async def plan_groups(
    client: Client,
    wanted: Iterable[DescribedGroup],
    *,
    remove_members: bool = False,
    delete_groups: bool = False,
) -> list[Change]:
    """Return the changes that bring the groups of a server to what is described; change nothing.

    Members and groups that are not described are among the changes, but members are only removed
    with `remove_members`, and groups only deleted with `delete_groups`.

    Raises:
        InvalidArgumentError: A group is described twice.
        AconnectError: The server refused to list its groups, or could not be reached.
    """
    described = list(wanted)
    provider, me = await read_provider(client), await client.me()
    users = await read_users(client)
    names = {group.name for group in described if group.members is not None}
    return compare_groups(
        described,
        await read_groups(client, users, members_of=names),
        users,
        me=me.guid,
        provider=provider,
        remove_members=remove_members,
        delete_groups=delete_groups,
    )


async def sync_groups(
    client: Client,
    wanted: Iterable[DescribedGroup],
    *,
    remove_members: bool = False,
    delete_groups: bool = False,
) -> list[ChangeOutcome]:
    """Bring the groups of a server to what is described; return the outcome of each change.

    Raises:
        AconnectError: As `plan_groups`; failures of single changes are in their outcomes.
    """
    changes = await plan_groups(
        client, wanted, remove_members=remove_members, delete_groups=delete_groups
    )
    return await apply_changes(client, changes)


async def plan_environments(client: Client, wanted: Iterable[DescribedEnvironment]) -> list[Change]:
    """Return the changes that create the described environments that are missing; change nothing.

    Raises:
        InvalidArgumentError: An environment is described twice.
        AconnectError: The server refused to list its environments, or could not be reached.
    """
    described = list(wanted)
    users = await read_users(client)
    groups = await read_groups(client, users, members_of=())
    environments = await read_environments(client, users, groups)
    return compare_environments(described, environments, users, groups)


async def sync_environments(
    client: Client, wanted: Iterable[DescribedEnvironment]
) -> list[ChangeOutcome]:
    """Create the described environments that are missing; return the outcome of each change.

    Raises:
        AconnectError: As `plan_environments`; failures of single changes are in their outcomes.
    """
    return await apply_changes(client, await plan_environments(client, wanted))


async def missing_people(
    source: Client,
    destination: Client,
    *,
    users: Collection[str],
    groups: Collection[str] = (),
    environments: Collection[str] = (),
    mapping: Mapping = _DEFAULT,
) -> list[Change]:
    """Return the changes that create what is missing on another server; change nothing.

    Only what is named is created. New groups get those members who are on the destination by the
    mapping, or are created as well; the other members are changes that cannot be made. Nothing that
    exists is changed, except that an environment gets missing permissions.

    Args:
        source: The client of the server that has them.
        destination: The client of the server that may lack them.
        users: Usernames.
        groups: Names of groups.
        environments: Images of environments.
        mapping: Who is who on the destination. Not everyone with a known name is the same one.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    provider, me = await read_provider(destination), await destination.me()
    old_users, new_users = await read_users(source), await read_users(destination)
    old_groups = await read_groups(source, old_users, members_of=groups)
    new_groups = await read_groups(destination, new_users, members_of=())
    usernames = {user.username for user in new_users}
    names = {group.name for group in new_groups}
    wanted = [user for user in old_users if user.username in set(users) - usernames]
    changes = compare_users(described_users(wanted), new_users, me=me.guid, provider=provider)
    created = {change.name for change in changes if change.kind == "create-user" and change.is_due}
    wanted_groups = [group for group in old_groups if group.name in set(groups) - names]
    sides = Sides((old_users, new_users), (old_groups, new_groups), mapping)

    def name_of(kind: PrincipalKind, name: str) -> str:
        if name in (created if kind == "user" else {group.name for group in wanted_groups}):
            return name
        return (sides.user_names if kind == "user" else sides.group_names).of(name)

    described = [
        msgspec.structs.replace(
            group,
            owner=None if group.owner is None else name_of("user", group.owner) or None,
            members=frozenset(name_of("user", one) for one in group.members or ()) - {""},
        )
        for group in described_groups(wanted_groups)
    ]
    changes += compare_groups(
        described,
        new_groups,
        new_users,
        me=me.guid,
        provider=provider,
        new_users=created,
    )
    if environments:
        found = await read_environments(source, old_users, old_groups)
        changes += compare_environments(
            [
                mapped_environment(one.description, name_of)
                for one in found
                if one.description.name in environments
            ],
            await read_environments(destination, new_users, new_groups),
            new_users,
            new_groups,
            new_users=created,
            new_groups={group.name for group in wanted_groups},
        )
    # What the destination has beside them is none of this.
    return in_order([change for change in changes if change.needs is None])
