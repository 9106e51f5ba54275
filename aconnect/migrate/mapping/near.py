"""What of the destination may be meant where nothing matches: suggestions for people.

Decides only what is worth a look; nothing is matched by it.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from aconnect.migrate.snapshots.model import UserSnapshot

_MOST: Final = 3


class Similar:
    """Finds names that are like a name and begin with the same letter.

    Comparing each name with each other takes minutes on large servers.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_letter: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for name in sorted(names):
            key = name.casefold()
            self._by_letter[key[:1]][key] = name

    def to(self, name: str) -> list[str]:
        """Return up to three, the most similar first."""
        key = name.casefold()
        names = self._by_letter.get(key[:1], {})
        return [names[one] for one in difflib.get_close_matches(key, names, n=_MOST)]


class NearUsers:
    """Finds users who may be the same person."""

    def __init__(self, users: Sequence[UserSnapshot]) -> None:
        self._users = {user.guid: user for user in users}
        self._names = {user.username: user.guid for user in _in_order(users)}
        self._similar = Similar(self._names)
        self._by_trait: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for user in _in_order(users):
            for trait in _traits(user):
                self._by_trait[trait].append(user.guid)

    def of(self, name: str, sources: Iterable[UserSnapshot]) -> list[UserSnapshot]:
        """Return up to three, for a username of the source and the users who have it."""
        traits = [trait for user in _in_order(sources) for trait in _traits(user)]
        found = [guid for trait in traits for guid in self._by_trait.get(trait, ())]
        found += [self._names[one] for one in self._similar.to(name)]
        return [self._users[guid] for guid in dict.fromkeys(found)][:_MOST]


def describe_user(user: UserSnapshot) -> str:
    """Return the names and the e-mail address of a user, to tell people apart."""
    more = ", ".join(filter(None, (full_name(user), user.email)))
    return f"{user.username!r} ({more})" if more else repr(user.username)


def full_name(user: UserSnapshot) -> str:
    """Return the first and last name."""
    return " ".join(filter(None, (user.first_name, user.last_name)))


def _in_order(users: Iterable[UserSnapshot]) -> list[UserSnapshot]:
    return sorted(users, key=lambda user: (user.username, user.guid))


def _traits(user: UserSnapshot) -> Iterator[tuple[str, str]]:
    """Yield what two people rarely have in common, the best first."""
    email = (user.email or "").casefold()
    traits = (
        ("email", email),
        ("external_id", user.external_id),
        ("name", full_name(user).casefold()),
        # Often the username is the beginning of the address.
        ("local", email.partition("@")[0]),
        ("local", user.username.casefold()),
    )
    yield from ((kind, value) for kind, value in traits if value)
