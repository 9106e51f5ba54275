"""Reading users, groups and environments of a server, and describing them for another one.

Decides what is not carried to another server: the ids of an authentication provider, because they
mean nothing to another one, and that users are not locked, because nobody is to be unlocked by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect.concurrency import amap
from aconnect.connect import Client, Environment, Group
from aconnect.errors import EndpointMissingError
from aconnect.migrate.people.model import DescribedEnvironment, DescribedGroup, DescribedUser
from aconnect.migrate.snapshots.catalog import user_snapshot
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
        try:
            permissions = await environment.permissions.find()
        except EndpointMissingError:
            permissions = []  # all publishers may use the environments of older servers
        guids = [one.user_guid or one.group_guid or "" for one in permissions]
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
