"""Roles: a permission set for a model set, and the users and groups that have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model
from aconnect._core.paging import Offset, Unpaged
from aconnect.looker.base import LookerResource
from aconnect.looker.sets import ModelSet, PermissionSet, Texts


class Role(Model, kw_only=True):
    """A role of this Looker instance."""

    can: dict[str, bool] | None = None
    """The actions that the caller is allowed to take."""
    id: Id = ""
    name: str | None = None
    permission_set: PermissionSet | None = None
    permission_set_id: Id | None = None
    model_set: ModelSet | None = None
    model_set_id: Id | None = None
    internal: bool | None = None
    """Whether it is Looker's own, which cannot be modified."""
    url: str | None = None
    users_url: str | None = None


class RoleSearch(Role, kw_only=True):
    """A role with the number of its users."""

    user_count: int | None = None


class Group(Model, kw_only=True):
    """A group of users."""

    can: dict[str, bool] | None = None
    can_add_to_content_metadata: bool | None = None
    contains_current_user: bool | None = None
    external_group_id: str | None = None
    externally_managed: bool | None = None
    id: Id = ""
    include_by_default: bool | None = None
    name: str | None = None
    user_count: int | None = None


class User(Model, kw_only=True):
    """A user of Looker."""

    can: dict[str, bool] | None = None
    avatar_url: str | None = None
    avatar_url_without_sizing: str | None = None
    credentials_api3: list[dict[str, Any]] | None = None
    credentials_email: dict[str, Any] | None = None
    credentials_embed: list[dict[str, Any]] | None = None
    credentials_google: dict[str, Any] | None = None
    credentials_ldap: dict[str, Any] | None = None
    credentials_looker_openid: dict[str, Any] | None = None
    credentials_oidc: dict[str, Any] | None = None
    credentials_saml: dict[str, Any] | None = None
    credentials_totp: dict[str, Any] | None = None
    credentials_workforce: dict[str, Any] | None = None
    display_name: str | None = None
    email: str | None = None
    embed_group_space_id: str | None = None
    first_name: str | None = None
    group_ids: list[Id] | None = None
    home_folder_id: Id | None = None
    id: Id = ""
    is_disabled: bool | None = None
    last_name: str | None = None
    locale: str | None = None
    looker_versions: list[str] | None = None
    models_dir_validated: bool | None = None
    personal_folder_id: Id | None = None
    presumed_looker_employee: bool | None = None
    role_ids: list[Id] | None = None
    sessions: list[dict[str, Any]] | None = None
    ui_state: dict[str, str] | None = None
    verified_looker_employee: bool | None = None
    roles_externally_managed: bool | None = None
    allow_direct_roles: bool | None = None
    allow_normal_group_membership: bool | None = None
    allow_roles_from_normal_groups: bool | None = None
    embed_group_folder_id: Id | None = None
    is_iam_admin: bool | None = None
    can_manage_api3_creds: bool | None = None
    is_service_account: bool | None = None
    service_account_name: str | None = None
    url: str | None = None


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
            sorts: The fields to sort by, each optionally with ` desc`.
            id: The id, or several ids.
            model_set_ids: Only roles with this model set, or one of these.
            permission_set_ids: Only roles with this permission set, or one of these.
            name: A pattern: `%` matches any text, `_` any one character; case is ignored.
            built_in: Whether Looker itself made it.
            filter_or: Whether a role must match one of the filters instead of all.
        """
        ...

    @paged("/roles/search/with_user_count", by=Offset())
    def search_with_user_count(
        self,
        *,
        fields: Texts | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        name: str | None = None,
        built_in: bool | None = None,
        filter_or: bool | None = None,
    ) -> Paged[RoleSearch]:
        """Search roles by pattern, each with the number of its users.

        Args:
            fields: The fields to return.
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
