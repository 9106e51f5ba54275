"""Described people, and the changes that bring a server to what is described.

What is None in a description is not described, and therefore not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct

from aconnect._core.text import counted
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.model import PrincipalKind

T = TypeVar("T")

ROLES: Final = ("administrator", "publisher", "viewer")
"""The roles of users, the highest first."""

ChangeKind = Literal[
    "create-user",
    "update-user",
    "unlock-user",
    "lock-user",
    "create-group",
    "create-environment",
    "add-member",
    "allow-environment",
    "remove-member",
    "change-owner",
    "delete-group",
]
Sign = Literal["+", "~", "-", "!"]
Option = Literal["lock_missing", "remove_members", "delete_groups"]
"""An argument without which nothing is locked, removed or deleted."""

_SIGNS: Final[dict[ChangeKind, Sign]] = {
    "create-user": "+",
    "create-group": "+",
    "create-environment": "+",
    "add-member": "+",
    "allow-environment": "+",
    "lock-user": "-",
    "remove-member": "-",
    "delete-group": "-",
}

_STAGES: Final[tuple[tuple[ChangeKind, ...], ...]] = (
    ("create-user",),
    ("update-user", "unlock-user", "lock-user"),
    ("create-group", "create-environment"),
    ("add-member", "allow-environment"),
    ("remove-member",),
    # Afterwards, the key may not be allowed to change the group.
    ("change-owner", "delete-group"),
)

_LABELS: Final = {
    "email": "e-mail",
    "first_name": "first name",
    "last_name": "last name",
    "user_role": "role",
}


class DescribedUser(Struct, frozen=True, kw_only=True):
    """A user as it shall be."""

    username: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    role: str | None = None
    locked: bool | None = None
    external_id: str | None = None
    """The id that the authentication provider has for the user."""
    unique_id: str | None = None
    """The same for creating a user on servers that know no `external_id`; they do not return it."""
    obstacle: str = ""
    """Why it is unclear who it is, so that nothing is done; empty if it is clear."""


class DescribedGroup(Struct, frozen=True, kw_only=True):
    """A group as it shall be."""

    name: str
    owner: str | None = None
    """The username."""
    members: frozenset[str] | None = None
    """Their usernames."""
    obstacle: str = ""
    """Why it is unclear which group it is, so that nothing is done; empty if it is clear."""
    unclear: dict[str, str] = {}
    """Why it is unclear who the owner or a member is, by the username; they are given nothing."""


class DescribedEnvironment(Struct, frozen=True, kw_only=True):
    """An execution environment as it shall be."""

    name: str
    """The container image."""
    fields: dict[str, Any] = {}
    """The arguments of `environments.create` but the name."""
    principals: frozenset[tuple[PrincipalKind, str]] = frozenset()
    """The users and groups that may use it, by name; without any, all publishers may."""
    unclear: dict[tuple[PrincipalKind, str], str] = {}
    """Why it is unclear who one of them is, or that the mapping leaves it out; they are not given
    it."""


class Change(Struct, frozen=True, kw_only=True):
    """One change of a server.

    It contains only plain values, so it can be written to a file and applied by a later process.
    """

    kind: ChangeKind
    name: str
    """The username, the name of the group, or the image of the environment that changes."""
    guid: str = ""
    """Its guid; empty if it does not exist yet."""
    member: str = ""
    """The user or group that it is given to or taken from, by name: a member, an owner, or one who
    may use an environment."""
    member_guid: str = ""
    """Its guid; empty if it does not exist yet."""
    member_kind: PrincipalKind = "user"
    before: dict[str, Any] = {}
    """The values of what changes, by the names of the API."""
    after: dict[str, Any] = {}
    """The new values."""
    by_ticket: bool = False
    """Whether it is created from what the authentication provider has, such as LDAP."""
    note: str = ""
    """What to consider before it is made."""
    obstacle: str = ""
    """Why it cannot be made; empty if it can."""
    needs: Option | None = None
    """The argument without which it is not made; None if it is."""

    @property
    def sign(self) -> Sign:
        """What it does: `+` creates or adds, `~` changes, `-` takes away; `!` is not possible."""
        return "!" if self.obstacle else _SIGNS.get(self.kind, "~")

    @property
    def is_due(self) -> bool:
        """Whether it will be made: it is possible, and not held back for want of an argument."""
        return not (self.obstacle or self.needs)

    @property
    def stage(self) -> int:
        """Its place in the order: changes of one stage do not depend on each other."""
        return next(i for i, kinds in enumerate(_STAGES) if self.kind in kinds)

    @property
    def text(self) -> str:
        """The change in one line, without its sign."""
        reason = f": {self.obstacle}" if self.obstacle else f"; {self.note}" if self.note else ""
        return f"{self._what()}{reason}"

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"

    def _what(self) -> str:
        match self.kind:
            case "create-user":
                shown = (self.after.get("user_role"), self.after.get("email"))
                details = ", ".join(filter(None, shown))
                return f"user {self.name}{f' ({details})' if details else ''}"
            case "update-user":
                differences = [_difference(n, self.before.get(n), v) for n, v in self.after.items()]
                return f"user {self.name}{': ' if differences else ''}{', '.join(differences)}"
            case "lock-user" | "unlock-user":
                return f"user {self.name}: {self.kind.removesuffix('-user')}"
            case "create-group" | "delete-group":
                return f"group {self.name}"
            case "add-member" | "remove-member":
                return f"group {self.name}: member {self.member}"
            case "change-owner":
                owner = _difference("owner", self.before.get("owner"), self.member)
                return f"group {self.name}: {owner}"
            case "create-environment":
                return f"environment {self.name}"
            case "allow-environment":
                return f"environment {self.name}: {self.member_kind} {self.member} may use it"


def mail_text(changes: Iterable[Change]) -> str:
    """Return whom the server mails because of these changes; empty if nobody."""
    mailed = sum(one.is_due and "user_must_set_password" in one.after for one in changes)
    new = counted(mailed, "new user")
    return f"the server mails {new}, who must set a password" if mailed else ""


def in_order(changes: list[Change]) -> list[Change]:
    """Return changes in the order in which they are made, which never depends on the input's."""
    return sorted(changes, key=lambda c: (c.stage, c.name, c.kind, c.member_kind, c.member))


def _difference(name: str, old: object, new: object) -> str:
    return f"{_LABELS.get(name, name)} {old or 'none'} -> {new or 'none'}"


def by_name(items: Iterable[T], name_of: Callable[[T], str], noun: str) -> dict[str, T]:
    """Return described items by name, and refuse what has none or is described twice."""
    found: dict[str, T] = {}
    for item in items:
        name = name_of(item)
        if not name:
            raise InvalidArgumentError(f"a described {noun} has no name")
        if name in found:
            raise InvalidArgumentError(f"the {noun} {name!r} is described twice")
        found[name] = item
    return found
