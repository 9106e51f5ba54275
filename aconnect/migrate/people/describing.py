"""Describing users, groups and environments of one server for another one.

Decides by which names they go there: as the mapping file says, or as those whom they match; those
who match nobody keep their names. What is unclear is not done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping as AbstractMapping, Sequence

import msgspec

from aconnect._core.text import some_of
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.names import GUID_PREFIX
from aconnect.migrate.mapping.principals import Guess, Principal, guess, of_groups, of_users
from aconnect.migrate.people.model import DescribedEnvironment, DescribedGroup, DescribedUser
from aconnect.migrate.people.reading import (
    described_groups,
    described_users,
    read_environments,
    read_groups,
    read_users,
)
from aconnect.migrate.snapshots.model import GroupSnapshot, PrincipalKind, UserSnapshot

_DEFAULT = Mapping()


class Names:
    """The names that users or groups of the source have on the destination."""

    def __init__(
        self,
        kind: PrincipalKind,
        sources: Sequence[Principal],
        targets: Sequence[Principal],
        criteria: Sequence[str],
        file: AbstractMapping[str, str],
    ) -> None:
        by_guid = {one.guid: one.name for one in targets}
        self._guesses: dict[str, Guess] = guess(kind, sources, targets, criteria)
        self._file: dict[str, str] = {}
        for source, target in file.items():
            guid = target.removeprefix(GUID_PREFIX)
            if guid != target and guid not in by_guid:
                raise InvalidArgumentError(f"the destination has no {kind} {target!r}")
            self._file[source] = target if guid == target else by_guid[guid]

    def of(self, name: str) -> str:
        """Return a name on the destination; empty if the mapping leaves it out."""
        if name in self._file:
            return self._file[name]
        found = self._guesses.get(name, Guess()).target
        return name if found is None else found.name

    def obstacle(self, name: str) -> str:
        """Return why it is unclear who or what it is."""
        found = self._guesses.get(name, Guess())
        return found.reason if name not in self._file and found.how == "ambiguous" else ""


class Sides:
    """The users and groups of two servers, and who of one is who of the other."""

    def __init__(
        self,
        users: tuple[list[UserSnapshot], list[UserSnapshot]],
        groups: tuple[list[GroupSnapshot], list[GroupSnapshot]],
        mapping: Mapping,
    ) -> None:
        self.users: list[UserSnapshot] = users[0]
        self.groups: list[GroupSnapshot] = groups[0]
        self.user_names: Names = Names(
            "user", of_users(users[0]), of_users(users[1]), mapping.match_users, mapping.users
        )
        self.group_names: Names = Names(
            "group",
            of_groups(groups[0]),
            of_groups(groups[1]),
            mapping.match_groups,
            mapping.groups,
        )

    @classmethod
    async def read(cls, source: Client, destination: Client, mapping: Mapping) -> Sides:
        """Read the lists of both servers, without the members of groups."""
        users = await read_users(source), await read_users(destination)
        groups = (
            await read_groups(source, users[0], members_of=()),
            await read_groups(destination, users[1], members_of=()),
        )
        return cls(users, groups, mapping)


async def describe_users(
    source: Client, destination: Client, mapping: Mapping = _DEFAULT
) -> list[DescribedUser]:
    """Describe the users of a server, by the names that they have or will have on another one.

    If several are the same one there, as a mapping for content may say, nobody knows which of them
    describes it.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    users = await read_users(source), await read_users(destination)
    names = Sides(users, ([], []), mapping).user_names
    found: dict[str, list[DescribedUser]] = {}
    for user in described_users(users[0]):
        if name := names.of(user.username):
            found.setdefault(name, []).append(user)
    return [
        DescribedUser(username=name, obstacle=_several(same))
        if len(same) > 1
        else msgspec.structs.replace(
            same[0], username=name, obstacle=names.obstacle(same[0].username)
        )
        for name, same in found.items()
    ]


def _several(users: Sequence[DescribedUser]) -> str:
    return f"{len(users)} users of the source are this one: {some_of([u.username for u in users])}"


async def describe_groups(
    source: Client, destination: Client, mapping: Mapping = _DEFAULT
) -> list[DescribedGroup]:
    """Describe the groups of a server with their members, likewise; several may become one.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    sides = await Sides.read(source, destination, mapping)
    users, groups = sides.user_names, sides.group_names
    described: dict[str, DescribedGroup] = {}
    for group in described_groups(await read_groups(source, sides.users)):
        if not (name := groups.of(group.name)):
            continue
        owner = None if group.owner is None else users.of(group.owner) or None
        members = frozenset(filter(None, map(users.of, group.members or ())))
        if (other := described.get(name)) is not None:
            owner = owner if owner == other.owner else None
            members |= other.members or frozenset()
        described[name] = DescribedGroup(name=name, owner=owner, members=members)
    return list(described.values())


async def describe_environments(
    source: Client, destination: Client, mapping: Mapping = _DEFAULT
) -> list[DescribedEnvironment]:
    """Describe the execution environments of a server and who may use them, likewise.

    Environments for which the mapping names another one are left out.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    sides = await Sides.read(source, destination, mapping)
    names = {"user": sides.user_names, "group": sides.group_names}
    described: list[DescribedEnvironment] = []
    for found in await read_environments(source, sides.users, sides.groups):
        one = found.description
        if {one.name, one.fields.get("title")} & mapping.environments.keys():
            continue
        described.append(mapped_environment(one, lambda kind, name: names[kind].of(name)))
    return described


def mapped_environment(
    environment: DescribedEnvironment, name_of: Callable[[PrincipalKind, str], str]
) -> DescribedEnvironment:
    """Return the environment for those who may use it by their names on the destination."""
    mapped = ((kind, name_of(kind, name)) for kind, name in environment.principals)
    kept = frozenset((kind, name) for kind, name in mapped if name)
    # Without any, all could use it.
    return msgspec.structs.replace(environment, principals=kept or environment.principals)
