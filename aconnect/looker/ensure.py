"""Brings a role to a described state: first the difference, then the change.

What is not described is not changed. Names are compared exactly, and users and groups by id. Users
are those that have the role directly, not through a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from aconnect.errors import InvalidArgumentError
from aconnect.looker.roles import Role
from aconnect.looker.sets import ModelSet, PermissionSet

if TYPE_CHECKING:
    from aconnect.looker.client import Client


class _Sets(TypedDict, total=False):
    """The sets to assign to a role."""

    permission_set_id: str
    model_set_id: str


@dataclass(frozen=True, slots=True)
class Difference:
    """The change of a list of names or ids."""

    wanted: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @classmethod
    def between(cls, found: Iterable[str], wanted: Iterable[str]) -> Difference:
        """Compare two lists; order and repetition do not matter."""
        old, new = set(found), dict.fromkeys(wanted)
        return cls(
            tuple(new), tuple(n for n in new if n not in old), tuple(sorted(old - new.keys()))
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def __str__(self) -> str:
        signs = [f"+ {name}" for name in self.added] + [f"- {name}" for name in self.removed]
        return ", ".join(signs) or "nothing to do"


@dataclass(frozen=True, slots=True)
class SetChange:
    """The change of a role's permission set or model set."""

    name: str
    id: str | None
    """None for a set that will be created."""
    content: Difference
    """Its permissions or models."""
    replaces: bool
    """Whether the role has another set, or none, now."""

    def __bool__(self) -> bool:
        return self.id is None or self.replaces or bool(self.content)

    def lines(self, kind: str) -> list[str]:
        """Return the change as text, one line per action."""
        lines = [f"  use the {kind} {self.name!r}"] if self.replaces else []
        if self.id is None:
            lines.append(f"  create the {kind} {self.name!r}: {self.content}")
        elif self.content:
            lines.append(f"  change the {kind} {self.name!r}: {self.content}")
        return lines


@dataclass(frozen=True, slots=True)
class RoleChange:
    """The changes that bring a role to a described state; true if there are any.

    `str()` shows them, one line per action. Nothing is changed before `apply`.
    """

    name: str
    role: Role | None
    """The current role; None if it will be created."""
    permission_set: SetChange | None
    model_set: SetChange | None
    users: Difference | None
    groups: Difference | None
    _client: Client = field(repr=False, compare=False)

    def __bool__(self) -> bool:
        parts = (self.permission_set, self.model_set, self.users, self.groups)
        return self.role is None or any(parts)

    def __str__(self) -> str:
        if not self:
            return f"role {self.name!r}: nothing to do"
        lines = [f"role {self.name!r}: {'create' if self.role is None else 'change'}"]
        if self.permission_set is not None:
            lines += self.permission_set.lines("permission set")
        if self.model_set is not None:
            lines += self.model_set.lines("model set")
        for kind, members in (("groups", self.groups), ("users", self.users)):
            if members:
                lines.append(f"  {kind}: {members}")
        return "\n".join(lines)

    async def apply(self) -> Role:
        """Make the changes and return the role.

        The lists of users and groups are replaced by the described ones, whatever was added
        meanwhile. After a failure, call `ensure_role` again: completed changes are not repeated.
        """
        client = self._client
        sets: _Sets = {}
        if self.permission_set is not None:
            permission_set_id = await self._permission_set(self.permission_set)
            if self.permission_set.replaces:
                sets["permission_set_id"] = permission_set_id
        if self.model_set is not None:
            model_set_id = await self._model_set(self.model_set)
            if self.model_set.replaces:
                sets["model_set_id"] = model_set_id
        role = self.role
        if role is None:
            role = await client.roles.create(name=self.name, **sets)
        elif sets:
            role = await client.roles.update(role.id, **sets)
        elif self.permission_set or self.model_set:
            # It contains its sets, which have changed.
            role = await client.roles.get(role.id)
        if self.groups:
            await client.roles.set_groups(role.id, list(self.groups.wanted))
        if self.users:
            await client.roles.set_users(role.id, list(self.users.wanted))
        return role

    async def _permission_set(self, change: SetChange) -> str:
        sets, wanted = self._client.permission_sets, list(change.content.wanted)
        if change.id is None:
            return (await sets.create(name=change.name, permissions=wanted)).id
        if change.content:
            await sets.update(change.id, permissions=wanted)
        return change.id

    async def _model_set(self, change: SetChange) -> str:
        sets, wanted = self._client.model_sets, list(change.content.wanted)
        if change.id is None:
            return (await sets.create(name=change.name, models=wanted)).id
        if change.content:
            await sets.update(change.id, models=wanted)
        return change.id


async def ensure_role(
    client: Client,
    name: str,
    *,
    permission_set: str | None = None,
    permissions: Sequence[str] | None = None,
    model_set: str | None = None,
    models: Sequence[str] | None = None,
    users: Iterable[str] | None = None,
    groups: Iterable[str] | None = None,
) -> RoleChange:
    """Return the changes that bring a role to a described state; changes nothing.

    Args:
        client: The client of the instance.
        name: The role's name.
        permission_set: The name of its permission set; required for a new role.
        permissions: The permissions of the permission set. If the set does not exist, it is
        created; other roles with this set change as well.
        model_set: The name of its model set; required for a new role.
        models: The models of the model set, in the same way.
        users: The ids of the users that have the role directly; if empty, none has.
        groups: The ids of the groups that have the role, in the same way.
    """
    _refuse_text(permissions=permissions, models=models, users=users, groups=groups)
    # Not by search, in which % and _ would be patterns.
    role = next((role for role in await client.roles.all() if role.name == name), None)
    if role is None and (permission_set is None or model_set is None):
        raise InvalidArgumentError(
            f"role {name!r} does not exist, and a new one requires both sets: pass permission_set= "
            "and model_set="
        )
    permission_change = await _change(
        "permission",
        permission_set,
        permissions,
        _id(role.permission_set_id, role.permission_set) if role is not None else None,
        client,
    )
    model_change = await _change(
        "model",
        model_set,
        models,
        _id(role.model_set_id, role.model_set) if role is not None else None,
        client,
    )
    return RoleChange(
        name,
        role,
        permission_change,
        model_change,
        None if users is None else Difference.between(await _users(client, role), users),
        None if groups is None else Difference.between(await _groups(client, role), groups),
        client,
    )


def _id(known: str | None, found: PermissionSet | ModelSet | None) -> str | None:
    return known or (None if found is None else found.id)


async def _users(client: Client, role: Role | None) -> list[str]:
    if role is None:
        return []
    users = client.roles.users(role.id, fields="id", direct_association_only=True)
    return [user.id async for user in users]


async def _groups(client: Client, role: Role | None) -> list[str]:
    if role is None:
        return []
    return [group.id async for group in client.roles.groups(role.id, fields="id")]


async def _change(
    kind: str, name: str | None, wanted: Sequence[str] | None, used: str | None, client: Client
) -> SetChange | None:
    """Compare one of a role's sets, of which the role uses the one with the id `used`."""
    if name is None and wanted is None:
        return None
    sets: list[PermissionSet] | list[ModelSet]
    if kind == "permission":
        sets = await client.permission_sets.all()
    else:
        sets = await client.model_sets.all()
    for one in sets:
        if one.name == name if name is not None else one.id == used:
            content = (one.permissions if isinstance(one, PermissionSet) else one.models) or []
            difference = Difference.between(content, content if wanted is None else wanted)
            return SetChange(one.name or "", one.id, difference, one.id != used)
    if name is None or wanted is None:
        raise InvalidArgumentError(
            f"there is no {kind} set {name or used!r}; pass {kind}_set= with the name of one that "
            f"there is, or {kind}s= too to have it created"
        )
    return SetChange(name, None, Difference.between((), wanted), replaces=True)


def _refuse_text(**lists: Iterable[str] | None) -> None:
    """Refuse a string instead of a list: it would be split into its letters."""
    for name, value in lists.items():
        if isinstance(value, str):
            raise InvalidArgumentError(f"{name}={value!r} must be a list; write [{value!r}]")
