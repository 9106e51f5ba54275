"""Describing users, groups and environments of one server for another one.

Decides by which names they go there: as the mapping file says, or as those whom they match; those
who match nobody keep their names. What is unclear is not done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping as AbstractMapping, Sequence
from typing import Final, TypeVar

import msgspec

from aconnect._core.arguments import canonical_guid
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

T = TypeVar("T")

_Both = tuple[list[T], list[T]]
"""Those of the source, and those of the destination."""

_DEFAULT: Final = Mapping()
_LEFT_OUT: Final = "the mapping leaves it out"


class _Names:
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
        self._kind: PrincipalKind = kind
        self._targets: set[str] = set(by_guid.values())
        self._guesses: dict[str, Guess] = guess(kind, sources, targets, criteria)
        self._file: dict[str, str] = {}
        for source, target in file.items():
            guid: str = canonical_guid("", target.removeprefix(GUID_PREFIX))
            if target.startswith(GUID_PREFIX) and guid not in by_guid:
                raise InvalidArgumentError(f"the destination has no {kind} {target!r}")
            self._file[source] = by_guid[guid] if target.startswith(GUID_PREFIX) else target

    def of(self, name: str) -> str:
        """Return a name on the destination; empty if the mapping leaves it out."""
        if name in self._file:
            return self._file[name]
        found = self._guesses.get(name, Guess()).target
        return name if found is None else found.name

    def obstacle(self, name: str) -> str:
        """Return why it is unclear who or what it is."""
        found = self._guesses.get(name, Guess())
        if name in self._file or found.target is not None:
            return ""
        if found.how == "ambiguous":
            return found.reason
        if name in self._targets:
            return f"the destination has a {self._kind} of this name, who is not matched by it"
        return ""

    def unclear(self, names: Collection[str]) -> dict[str, str]:
        """Return why some of these names mean nobody of the destination, by the name there."""
        clear = {self.of(name) for name in names if not self.obstacle(name)}
        found = {name: self.obstacle(name) for name in names}
        found |= {name: _LEFT_OUT for name in names if self._file.get(name) == ""}
        return {name: why for name, why in found.items() if why and name not in clear}


class Sides:
    """The users and groups of two servers, and who of one is who of the other."""

    def __init__(
        self,
        users: _Both[UserSnapshot],
        groups: _Both[GroupSnapshot],
        mapping: Mapping,
    ) -> None:
        self._names: dict[PrincipalKind, _Names] = {
            "user": _Names(
                "user", of_users(users[0]), of_users(users[1]), mapping.match_users, mapping.users
            ),
            "group": _Names(
                "group",
                of_groups(groups[0]),
                of_groups(groups[1]),
                mapping.match_groups,
                mapping.groups,
            ),
        }

    def users(self, users: Iterable[UserSnapshot]) -> list[DescribedUser]:
        """Describe users of the source by their names on the destination."""
        names, found = self._names["user"], dict[str, list[DescribedUser]]()
        for user in described_users(users):
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

    def groups(self, groups: Iterable[GroupSnapshot]) -> list[DescribedGroup]:
        """Describe groups of the source, likewise."""
        users, names = self._names["user"], self._names["group"]
        described: dict[str, DescribedGroup] = {}
        for group in described_groups(groups):
            if not (name := names.of(group.name)):
                continue
            one = DescribedGroup(
                name=name,
                owner=None if group.owner is None else users.of(group.owner) or None,
                members=frozenset(filter(None, map(users.of, group.members or ()))),
                obstacle=names.obstacle(group.name),
                unclear=users.unclear((*(group.members or ()), group.owner or "")),
            )
            other = described.get(name)
            described[name] = one if other is None else _together(one, other)
        return list(described.values())

    def environment(self, one: DescribedEnvironment) -> DescribedEnvironment:
        """Describe an environment of the source, likewise."""
        kept: set[tuple[PrincipalKind, str]] = set()
        unclear: dict[tuple[PrincipalKind, str], str] = {}
        for kind, names in self._names.items():
            mine = [name for of, name in one.principals if of == kind]
            # Without any, all could use it: those who are left out still keep others out.
            kept |= {(kind, names.of(name) or name) for name in mine}
            unclear |= {(kind, name): why for name, why in names.unclear(mine).items()}
        return msgspec.structs.replace(one, principals=frozenset(kept), unclear=unclear)


def _several(users: Sequence[DescribedUser]) -> str:
    names = some_of([user.username for user in users])
    return f"{len(users)} users of the source are this one: {names}"


def _together(one: DescribedGroup, other: DescribedGroup) -> DescribedGroup:
    """Return the group that two groups of the source are: it has the members of both."""
    return DescribedGroup(
        name=one.name,
        owner=one.owner if one.owner == other.owner else None,
        members=(one.members or frozenset()) | (other.members or frozenset()),
        obstacle=one.obstacle or other.obstacle,
        unclear={**one.unclear, **other.unclear},
    )


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
    return Sides(users, ([], []), mapping).users(users[0])


async def describe_groups(
    source: Client, destination: Client, mapping: Mapping = _DEFAULT
) -> list[DescribedGroup]:
    """Describe the groups of a server with their members, likewise; several may become one.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    users, groups = await _read_lists(source, destination)
    return Sides(users, groups, mapping).groups(await read_groups(source, users[0]))


async def describe_environments(
    source: Client, destination: Client, mapping: Mapping = _DEFAULT
) -> list[DescribedEnvironment]:
    """Describe the execution environments of a server and who may use them, likewise.

    Environments for which the mapping names another one are left out.

    Raises:
        AconnectError: A server refused to list them, or could not be reached.
    """
    users, groups = await _read_lists(source, destination)
    sides = Sides(users, groups, mapping)
    found = await read_environments(source, users[0], groups[0])
    return [
        sides.environment(one.description)
        for one in found
        if not {one.description.name, one.description.fields.get("title")}
        & mapping.environments.keys()
    ]


async def _read_lists(
    source: Client, destination: Client
) -> tuple[_Both[UserSnapshot], _Both[GroupSnapshot]]:
    """Read the users and groups of both servers, without the members of groups."""
    users = await read_users(source), await read_users(destination)
    groups = (
        await read_groups(source, users[0], members_of=()),
        await read_groups(destination, users[1], members_of=()),
    )
    return users, groups
