"""Roles: a permission set for a model set, and the users and groups that have them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.model import Id
from aconnect._core.paging import Offset, Unpaged
from aconnect.looker.base import LookerBound, LookerResource, id_of, match_of_search
from aconnect.looker.groups import Group
from aconnect.looker.lists import change_list
from aconnect.looker.sets import ModelSet, PermissionSet, Texts
from aconnect.looker.users import User


class Role(LookerBound, kw_only=True):
    """A role of this Looker instance."""

    can: dict[str, bool] | None = None
    """The actions that the caller is allowed to take."""
    name: str | None = None
    permission_set: PermissionSet | None = None
    permission_set_id: Id | None = None
    model_set: ModelSet | None = None
    model_set_id: Id | None = None
    internal: bool | None = None
    """Whether it is Looker's own, which cannot be modified."""
    url: str | None = None
    users_url: str | None = None

    users: ClassVar[ResourceBelow[RoleUsers]] = resource(lambda: RoleUsers, role_id="id")
    groups: ClassVar[ResourceBelow[RoleGroups]] = resource(lambda: RoleGroups, role_id="id")


class RoleSearch(Role, kw_only=True):
    """A role with the number of its users."""

    user_count: int | None = None


class RoleUpdateParams(TypedDict, total=False):
    """Fields of a role that can be changed."""

    name: str | None
    permission_set_id: str | None
    model_set_id: str | None


class RoleCreateParams(TypedDict, total=False):
    """Fields of a new role; Looker requires both sets."""

    name: Required[str]
    permission_set_id: str | None
    model_set_id: str | None


class RoleUsers(LookerResource, name="roles.users", scope=("role_id",)):
    """The users of one role."""

    def find(
        self, *, fields: Texts | None = None, direct_association_only: bool | None = None
    ) -> Paged[User]:
        """List the users that have the role, through groups as well unless only direct ones."""
        return self.client.roles.users(
            self.scope["role_id"], fields=fields, direct_association_only=direct_association_only
        )

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, *users: User | str | int) -> bool:
        """Give users the role, and leave it to all others; return False if they have it directly.

        Looker can only replace the whole list, so it is read, changed and written: a change that
        somebody else makes in between is lost. Nothing is written if nothing changes.
        """
        return await self._change(users, add=True)

    async def remove(self, *users: User | str | int) -> bool:
        """Take the role from users; return False if none of them has it directly.

        Who has it through a group keeps it. The list is read, changed and written as by `add`.
        """
        return await self._change(users, add=False)

    async def _change(self, users: tuple[User | str | int, ...], *, add: bool) -> bool:
        role_id, roles = self.scope["role_id"], self.client.roles
        current = roles.users(role_id, fields="id", direct_association_only=True)
        return await change_list(User, users, current, partial(roles.set_users, role_id), add=add)


class RoleGroups(LookerResource, name="roles.groups", scope=("role_id",)):
    """The groups of one role."""

    def find(self, *, fields: Texts | None = None) -> Paged[Group]:
        """List the groups that have the role."""
        return self.client.roles.groups(self.scope["role_id"], fields=fields)

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, *groups: Group | str | int) -> bool:
        """Give groups the role, and leave it to all others; return False if they have it.

        Looker can only replace the whole list, so it is read, changed and written: a change that
        somebody else makes in between is lost. Nothing is written if nothing changes.
        """
        return await self._change(groups, add=True)

    async def remove(self, *groups: Group | str | int) -> bool:
        """Take the role from groups; return False if none of them has it.

        The list is read, changed and written as by `add`.
        """
        return await self._change(groups, add=False)

    async def _change(self, groups: tuple[Group | str | int, ...], *, add: bool) -> bool:
        role_id, roles = self.scope["role_id"], self.client.roles
        current = roles.groups(role_id, fields="id")
        replace = partial(roles.set_groups, role_id)
        return await change_list(Group, groups, current, replace, add=add)


class Roles(LookerResource, name="roles"):
    """Roles, their groups and their users."""

    @paged("/roles", by=Unpaged())
    def all(
        self,
        *,
        fields: Texts | None = None,
        ids: Sequence[str] | None = None,
        get_all_support_roles: bool | None = None,
    ) -> Paged[Role]:
        """List all roles, or those with the given ids."""
        ...

    @paged("/roles/search", by=Offset())
    def search(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        model_set_ids: Texts | None = None,
        permission_set_ids: Texts | None = None,
        name: str | None = None,
        built_in: bool | None = None,
        filter_or: bool | None = None,
    ) -> Paged[Role]:
        """Search roles by pattern; see `aconnect.looker.sets` for the patterns.

        Args:
            fields: The fields to return.
            limit: The number of items to return, instead of all.
            offset: The number of items to skip.
            sorts: The fields to sort by, each optionally with ` desc`.
            id: The id, or several ids.
            model_set_ids: Only roles with this model set, or one of these.
            permission_set_ids: Only roles with this permission set, or one of these.
            name: A pattern: `%` matches any text, `_` any one character; case is ignored.
            built_in: Whether Looker itself made it.
            filter_or: Whether a role must match one of the filters instead of all.
        """
        ...

    find_by: Final = match_of_search(search)

    def handle(self, role_id: str | int) -> Role:
        """Return a handle for a role with this id; makes no request."""
        text = id_of(Role, role_id)
        return Role(id=text).bind(self.client, {"role_id": text})

    @paged("/roles/search/with_user_count", by=Offset())
    def search_with_user_count(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        name: str | None = None,
        built_in: bool | None = None,
        filter_or: bool | None = None,
    ) -> Paged[RoleSearch]:
        """Search roles by pattern, each with the number of its users.

        Args:
            fields: The fields to return.
            limit: The number of items to return, instead of all.
            offset: The number of items to skip.
            sorts: The fields to sort by, each optionally with ` desc`.
            id: The id, or several ids.
            name: A pattern: `%` matches any text, `_` any one character; case is ignored.
            built_in: Whether Looker itself made it.
            filter_or: Whether a role must match one of the filters instead of all.
        """
        ...

    @endpoint("GET", "/roles/{role_id}")
    async def get(self, role_id: str) -> Role:
        """Get one role."""
        ...

    @endpoint("POST", "/roles")
    async def create(self, **fields: Unpack[RoleCreateParams]) -> Role:
        """Create a role; `ConflictError` if the name is taken."""
        ...

    @endpoint("PATCH", "/roles/{role_id}", idempotent=True)
    async def update(self, role_id: str, **fields: Unpack[RoleUpdateParams]) -> Role:
        """Change the given fields of a role that is not Looker's own."""
        ...

    @endpoint("DELETE", "/roles/{role_id}")
    async def delete(self, role_id: str) -> None:
        """Delete a role that is not Looker's own."""
        ...

    @paged("/roles/{role_id}/groups", by=Unpaged())
    def groups(self, role_id: str, *, fields: Texts | None = None) -> Paged[Group]:
        """List the groups that have a role."""
        ...

    @endpoint("PUT", "/roles/{role_id}/groups")
    async def set_groups(self, role_id: str, body: list[str]) -> list[Group]:
        """Set the groups that have a role, by id."""
        ...

    @paged("/roles/{role_id}/users", by=Unpaged())
    def users(
        self,
        role_id: str,
        *,
        fields: Texts | None = None,
        direct_association_only: bool | None = None,
    ) -> Paged[User]:
        """List the users that have a role, through groups as well unless only direct ones."""
        ...

    @endpoint("PUT", "/roles/{role_id}/users")
    async def set_users(self, role_id: str, body: list[str]) -> list[User]:
        """Set the users that have a role directly, by id."""
        ...
