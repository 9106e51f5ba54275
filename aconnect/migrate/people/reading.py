"""Reading users, groups and environments of a server, as they are and as descriptions of others.

A description of another server leaves out what must not be carried: ids of its authentication
provider, and that users are not locked, so that nobody is unlocked by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect.concurrency import amap
from aconnect.connect import Client, Environment, Group, User
from aconnect.errors import EndpointMissingError
from aconnect.migrate.people.model import DescribedEnvironment, DescribedGroup, DescribedUser
from aconnect.migrate.snapshots.model import GroupSnapshot, PrincipalKind, UserSnapshot

_ENVIRONMENT_FIELDS: Final = (
    "cluster_name",
    "title",
    "description",
    "matching",
    "supervisor",
    "python",
    "nodejs",
    "quarto",
    "r",
    "tensorflow",
    "volume_mounts",
)


class ReadEnvironment(Struct, frozen=True):
    """An execution environment of a server."""

    guid: str
    description: DescribedEnvironment
    is_managed: bool
    """Whether something else than the API manages it."""


async def read_users(client: Client) -> list[UserSnapshot]:
    """Return all users of a server."""
    # A user who is created meanwhile moves others to the next page.
    found = {user.guid: user async for user in client.users.find()}
    return [user_snapshot(user) for user in found.values()]


def user_snapshot(user: User) -> UserSnapshot:
    """Return what a snapshot has of a user."""
    return UserSnapshot(
        guid=user.guid,
        username=user.username,
        email=user.email or None,
        first_name=user.first_name or None,
        last_name=user.last_name or None,
        role=None if user.user_role is None else str(user.user_role),
        external_id=user.external_id or None,
        locked=bool(user.locked),
        confirmed=user.confirmed is not False,
    )


async def read_groups(
    client: Client, users: Iterable[UserSnapshot], *, members_of: Collection[str] | None = None
) -> list[GroupSnapshot]:
    """Return all groups, with the members of those that are named; of all, if `members_of` is None.

    Listing the members takes a request per group.
    """
    usernames = {user.guid: user.username for user in users}

    async def read(group: Group) -> GroupSnapshot:
        members = None
        if members_of is None or group.name in members_of:
            found = {member.username async for member in group.members.find()}
            members = tuple(sorted(found))
        owner = usernames.get(group.owner_guid or "", group.owner_guid)
        return GroupSnapshot(guid=group.guid, name=group.name, owner=owner, members=members)

    groups = {group.guid: group async for group in client.groups.find()}
    return await amap(read, list(groups.values()))


async def read_environments(
    client: Client,
    users: Iterable[UserSnapshot],
    groups: Iterable[GroupSnapshot],
) -> list[ReadEnvironment]:
    """Return the execution environments, and who may use them; none if the server has none."""
    names: dict[str, tuple[PrincipalKind, str]] = {
        **{user.guid: ("user", user.username) for user in users},
        **{group.guid: ("group", group.name) for group in groups},
    }

    async def read(environment: Environment) -> ReadEnvironment:
        guids = [
            permission.user_guid or permission.group_guid or ""
            for permission in await environment.permissions.find()
        ]
        described = DescribedEnvironment(
            name=environment.name,
            fields=_fields_of(environment),
            # One who is gone still keeps all others out.
            principals=frozenset(names.get(guid, ("user", guid)) for guid in guids),
        )
        return ReadEnvironment(environment.guid, described, environment.managed_by is not None)

    try:
        found = await client.environments.find()
    except EndpointMissingError:
        return []
    return await amap(read, found)


def _fields_of(environment: Environment) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(environment)
    return {name: values[name] for name in _ENVIRONMENT_FIELDS if values.get(name)}


def described_users(users: Iterable[UserSnapshot]) -> list[DescribedUser]:
    """Describe users of another server."""
    return [
        DescribedUser(
            username=user.username,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            role=user.role,
            locked=user.locked or None,
        )
        for user in users
    ]


def described_groups(groups: Iterable[GroupSnapshot]) -> list[DescribedGroup]:
    """Describe groups of another server."""
    return [
        DescribedGroup(
            name=group.name,
            owner=group.owner,
            members=None if group.members is None else frozenset(group.members),
        )
        for group in groups
    ]


async def describe_users(client: Client) -> list[DescribedUser]:
    """Describe the users of a server, for another one."""
    return described_users(await read_users(client))


async def describe_groups(client: Client) -> list[DescribedGroup]:
    """Describe the groups of a server with their members, for another one."""
    users = await read_users(client)
    return described_groups(await read_groups(client, users))


async def describe_environments(client: Client) -> list[DescribedEnvironment]:
    """Describe the execution environments of a server, for another one."""
    users = await read_users(client)
    groups = await read_groups(client, users, members_of=())
    return [found.description for found in await read_environments(client, users, groups)]


def renamed_users(users: Iterable[DescribedUser], names: Mapping[str, str]) -> list[DescribedUser]:
    """Give users the usernames of a mapping; those that it maps to "" are left out."""
    return [
        msgspec.structs.replace(user, username=name)
        for user in users
        if (name := names.get(user.username, user.username))
    ]


def renamed_groups(
    groups: Iterable[DescribedGroup], names: Mapping[str, str], users: Mapping[str, str]
) -> list[DescribedGroup]:
    """Give groups, their owners and members the names of two mappings, as `renamed_users`."""
    renamed: list[DescribedGroup] = []
    for group in groups:
        name = names.get(group.name, group.name)
        if not name:
            continue
        owner = users.get(group.owner or "", group.owner) or None
        members = group.members
        if members is not None:
            mapped = (users.get(member, member) for member in members)
            members = frozenset(filter(None, mapped))
        renamed.append(DescribedGroup(name=name, owner=owner, members=members))
    return renamed
