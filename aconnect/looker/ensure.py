"""Brings a role to a described state: first the difference, then the change.

What is not described is not changed. Names are compared exactly, and users and groups by id. Users
are those that have the role directly, not through a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from aconnect.errors import DecodeError, InvalidArgumentError
from aconnect.looker.base import LookerBound
from aconnect.looker.groups import Group
from aconnect.looker.roles import Role
from aconnect.looker.sets import ModelSet, PermissionSet
from aconnect.looker.users import User

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
            _created("role", self.name, role.id)
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
            created = await sets.create(name=change.name, permissions=wanted)
            return _created("permission set", change.name, created.id)
        if change.content:
            await sets.update(change.id, permissions=wanted)
        return change.id

    async def _model_set(self, change: SetChange) -> str:
        sets, wanted = self._client.model_sets, list(change.content.wanted)
        if change.id is None:
            created = await sets.create(name=change.name, models=wanted)
            return _created("model set", change.name, created.id)
        if change.content:
            await sets.update(change.id, models=wanted)
        return change.id


def _created(what: str, name: str, id_: str) -> str:
    """Return the id of what was created; raise if the response has none."""
    if not id_:
        raise DecodeError(
            f"Looker returned no id for the new {what} {name!r}, which probably exists now; call "
            "ensure_role again, which looks for it"
        )
    return id_


async def ensure_role(
    client: Client,
    name: str,
    *,
    permission_set: str | None = None,
    permissions: Sequence[str] | None = None,
    model_set: str | None = None,
    models: Sequence[str] | None = None,
    users: Iterable[User | str | int] | None = None,
    groups: Iterable[Group | str | int] | None = None,
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
        users: The users that have the role directly, or their ids; if empty, none has.
        groups: The groups that have the role, in the same way.

    Raises:
        InvalidArgumentError: The description is incomplete, or would change something built in.
        AconnectError: As the operations that list the current state.
    """
    permissions, models = _texts("permissions", permissions), _texts("models", models)
    user_ids, group_ids = _ids("users", User, users), _ids("groups", Group, groups)
    # Not by search, in which % and _ would be patterns.
    role = next((role for role in await client.roles.all() if role.name == name), None)
    if role is None and (permission_set is None or model_set is None):
        raise InvalidArgumentError(
            f"role {name!r} does not exist, and a new one requires both sets: pass permission_set= "
            "and model_set="
        )
    permission_change = await _change("permission", permission_set, permissions, role, client)
    model_change = await _change("model", model_set, models, role, client)
    _check_built_in(role, permission_change, model_change)
    return RoleChange(
        name,
        role,
        permission_change,
        model_change,
        None if user_ids is None else Difference.between(await _users(client, role), user_ids),
        None if group_ids is None else Difference.between(await _groups(client, role), group_ids),
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
    kind: str, name: str | None, wanted: Sequence[str] | None, role: Role | None, client: Client
) -> SetChange | None:
    """Compare one of a role's sets; refuse to change one that is built in."""
    if name is None and wanted is None:
        return None
    sets: list[PermissionSet] | list[ModelSet]
    if kind == "permission":
        used = role and _id(role.permission_set_id, role.permission_set)
        sets = await client.permission_sets.all()
    else:
        used = role and _id(role.model_set_id, role.model_set)
        sets = await client.model_sets.all()
    for one in sets:
        if one.name == name if name is not None else one.id == used:
            content = (one.permissions if isinstance(one, PermissionSet) else one.models) or []
            difference = Difference.between(content, content if wanted is None else wanted)
            if difference and one.built_in:
                raise InvalidArgumentError(
                    f"the {kind} set {one.name!r} is built in and cannot be changed "
                    f"({difference}); pass {kind}_set= with the name of another one"
                )
            return SetChange(one.name or "", one.id, difference, one.id != used)
    if name is None or wanted is None:
        raise InvalidArgumentError(
            f"there is no {kind} set {name or used!r}; pass {kind}_set= with the name of one that "
            f"there is, or {kind}s= too to have it created"
        )
    return SetChange(name, None, Difference.between((), wanted), replaces=True)


def _check_built_in(role: Role | None, *changes: SetChange | None) -> None:
    """Refuse to give other sets to a role that is Looker's own."""
    if role is None or not role.internal:
        return
    for change in changes:
        if change is not None and change.replaces:
            raise InvalidArgumentError(
                f"role {role.name!r} is built in and cannot use {change.name!r}; leave its sets "
                "out, or describe another role"
            )


def _ids(name: str, type_: type[LookerBound], values: Iterable[object] | None) -> list[str] | None:
    """Return the ids of objects, or the ids passed instead."""
    if values is not None and not isinstance(values, str):
        values = [value.id if isinstance(value, type_) else value for value in values]
    return _texts(name, values)


def _texts(name: str, values: Iterable[object] | None) -> list[str] | None:
    """Return names or ids as texts; ids may be numbers, as other systems have them."""
    if values is None:
        return None
    if isinstance(values, str):
        # It would be split into its letters.
        raise InvalidArgumentError(f"{name}={values!r} must be a list; write [{values!r}]")
    texts: list[str] = []
    for value in values:
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise InvalidArgumentError(f"{name} contains {value!r}; pass texts that are not empty")
        texts.append(str(value))
    return texts
