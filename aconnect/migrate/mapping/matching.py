"""Who and what of the source is who and what on the destination.

Decides by the mapping file first, then by what is unique on both sides. What to do about those
without a match is decided by the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from aconnect._core.text import some_of
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.model import Match, Problem
from aconnect.migrate.mapping.names import GUID_PREFIX, Names
from aconnect.migrate.mapping.principals import (
    Guess,
    match_principals,
    of_groups,
    of_users,
    unmatched,
)
from aconnect.migrate.mapping.resources import (
    Environments,
    Integrations,
    environment_names,
    integration_names,
)
from aconnect.migrate.snapshots.model import (
    ContentSnapshot,
    IntegrationSnapshot,
    PrincipalKind,
    Snapshot,
)

if TYPE_CHECKING:
    from aconnect.migrate.mapping.model import Mapping

_PUBLISHERS: Final = ("publisher", "administrator")


class Matches:
    """What corresponds to what; `match` makes it."""

    def __init__(self, source: Snapshot, destination: Snapshot, mapping: Mapping) -> None:
        url = destination.url
        names = names_of(destination)
        self._url = url
        self._roles = {one.guid: one.role for one in destination.users}
        self._principals: dict[PrincipalKind, dict[str, Match]] = {
            "user": match_principals(
                "user",
                of_users(source.users),
                of_users(destination.users),
                mapping.match_users,
                mapping.users,
                names["users"],
            ),
            "group": match_principals(
                "group",
                of_groups(source.groups),
                of_groups(destination.groups),
                mapping.match_groups,
                mapping.groups,
                names["groups"],
            ),
        }
        self._integrations = Integrations(
            names["integrations"], destination.integrations, mapping.integrations
        )
        self._environments = Environments(
            names["environments"],
            source.environments,
            destination.environments,
            mapping.environments,
        )
        self.fallback: Match | None = None
        """The user whom the mapping file names for content whose owner has no match."""
        if mapping.owner_fallback is not None:
            (guid,) = names["users"].find(mapping.owner_fallback)
            (user,) = of_users(one for one in destination.users if one.guid == guid)
            self.fallback = self._as_owner(user.matched("user", "", "fallback"))

    def user(self, username: str) -> Match:
        """Return the match of a user of the source."""
        return self._principal("user", username)

    def group(self, name: str) -> Match:
        """Return the match of a group of the source."""
        return self._principal("group", name)

    def owner(self, username: str) -> Match:
        """Return the match of a user of the source who owns content."""
        return self._as_owner(self.user(username))

    def principals(self, items: Iterable[ContentSnapshot]) -> tuple[Match, ...]:
        """Return the matches of all owners, users and groups of content, each once; sorted."""
        owners: set[str] = set()
        named: set[tuple[PrincipalKind, str]] = set()
        for item in items:
            owners.add(item.owner)
            named.add(("user", item.owner))
            for one in item.details.permissions if item.details else ():
                named.add((one.kind, one.name))
        return tuple(
            self.owner(name) if kind == "user" and name in owners else self._principal(kind, name)
            for kind, name in sorted(named)
        )

    def integration(self, wanted: IntegrationSnapshot) -> Match:
        """Return the match of an OAuth integration of the source."""
        return self._integrations.match(wanted)

    def environment(self, name: str) -> Match:
        """Return the match of an execution environment, by its image or its title."""
        return self._environments.match(name)

    def _principal(self, kind: PrincipalKind, name: str) -> Match:
        found = self._principals[kind].get(name)
        if found is None:
            reason = f"the source does not list this {kind}"
            found = unmatched(kind, name, self._url, Guess(reason=reason))
        return found

    def _as_owner(self, match: Match) -> Match:
        problems = [
            Problem(one.kind.replace("user-", "owner-"), one.text) for one in match.problems
        ]
        if match.how == "left out":
            text = f"{match.source!r} is left out by the mapping file, but owns content"
            problems.append(Problem("owner-unmapped", text))
        role = self._roles.get(match.target_guid or "")
        if role is not None and role not in _PUBLISHERS:
            text = (
                f"the user {match.target!r} of {self._url} has the role {role}, so cannot own "
                "content; make it a publisher, or name another user in [users] of the mapping file"
            )
            problems.append(Problem("owner-cannot-publish", text))
        return replace(match, problems=tuple(problems))


def match(source: Snapshot, destination: Snapshot, mapping: Mapping) -> Matches:
    """Find out what corresponds to what.

    Raises:
        InvalidArgumentError: The mapping names somebody or something that a server does not have,
            or several have. The message lists all such names.
    """
    errors = list(_wrong_names(source, destination, mapping))
    if errors:
        lines = "\n".join(f"  {one}" for one in errors)
        raise InvalidArgumentError(f"the mapping file names what does not exist:\n{lines}")
    return Matches(source, destination, mapping)


def names_of(one: Snapshot) -> dict[str, Names]:
    """Return what the tables of a mapping file can name on a server."""
    return {
        "users": Names("user", one.url, ((user.guid, user.username) for user in one.users)),
        "groups": Names("group", one.url, ((group.guid, group.name) for group in one.groups)),
        "integrations": integration_names(one.url, one.integrations),
        "environments": environment_names(one.url, one.environments),
    }


def _wrong_names(source: Snapshot, destination: Snapshot, mapping: Mapping) -> Iterator[str]:
    named = {"users": _named(source, "user"), "groups": _named(source, "group")}
    tables = {
        "users": mapping.users,
        "groups": mapping.groups,
        "integrations": mapping.integrations,
        "environments": mapping.environments,
    }
    here, there = names_of(source), names_of(destination)
    for table, file in tables.items():
        for name, wanted in file.items():
            is_known = name in here[table] or name in named.get(table, ())
            if here[table].is_listed and not is_known:
                yield f"[{table}] {here[table].unknown(name)}"
            if there[table].is_listed and wanted:
                yield from _wrong_target(table, there[table], wanted)
    if mapping.owner_fallback is not None:
        yield from _wrong_target("owners", there["users"], mapping.owner_fallback)


def _named(source: Snapshot, kind: PrincipalKind) -> set[str]:
    """Return the users or groups that content names, who need not be in the list."""
    names = {item.owner for item in source.content} if kind == "user" else set[str]()
    for item in source.content:
        permissions = item.details.permissions if item.details else ()
        names |= {one.name for one in permissions if one.kind == kind}
    return names


def _wrong_target(table: str, names: Names, wanted: str) -> Iterator[str]:
    found = names.find(wanted)
    if not found:
        yield f"[{table}] {names.unknown(wanted)}"
    elif len(found) > 1 and table != "integrations":
        guids = some_of([GUID_PREFIX + guid for guid in found])
        yield (
            f"[{table}] {names.url} has {len(found)} {names.kind}s {wanted!r}; name one by its "
            f"guid: {guids}"
        )
