"""Users: search, look-up, and the roles that they have directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.model import Id
from aconnect._core.paging import Offset, Unpaged
from aconnect.looker.base import LookerBound, LookerResource, id_of, match_of_search
from aconnect.looker.lists import change_list
from aconnect.looker.sets import Texts

if TYPE_CHECKING:
    from aconnect.looker.roles import Role

CredentialType = (
    Literal["email", "google", "saml", "ldap", "oidc", "looker_openid", "embed", "api3"] | str
)
"""How a user signs in."""


class User(LookerBound, kw_only=True):
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

    roles: ClassVar[ResourceBelow[UserRoles]] = resource(lambda: UserRoles, user_id="id")


class UserRoles(LookerResource, name="users.roles", scope=("user_id",)):
    """The roles of one user."""

    @paged("/users/{user_id}/roles", by=Unpaged())
    def find(
        self, *, fields: Texts | None = None, direct_association_only: bool | None = None
    ) -> Paged[Role]:
        """List the roles of the user, through groups as well unless only direct ones."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("PUT", "/users/{user_id}/roles")
    async def set(self, body: list[str], *, fields: Texts | None = None) -> list[Role]:
        """Set the roles that the user has directly, by id."""
        ...

    async def add(self, *roles: Role | str | int) -> bool:
        """Give the user roles in addition to its others; return False if it has them directly.

        The list is read, changed and written: a change that somebody else makes in between is lost.
        """
        return await self._change(roles, add=True)

    async def remove(self, *roles: Role | str | int) -> bool:
        """Take roles that the user has directly; return False, writing nothing, if it has none.

        The list is read, changed and written: a change that somebody else makes in between is lost.
        """
        return await self._change(roles, add=False)

    async def _change(self, roles: tuple[Role | str | int, ...], *, add: bool) -> bool:
        from aconnect.looker.roles import Role  # noqa: PLC0415  it imports this module

        current = self.find(fields="id", direct_association_only=True)
        return await change_list(Role, roles, current, self.set, add=add)


class Users(LookerResource, name="users"):
    """Users of the instance."""

    @endpoint("GET", "/user")
    async def me(self, *, fields: Texts | None = None) -> User:
        """Get the user that the client acts as."""
        ...

    @paged("/users/search", by=Offset())
    def search(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        first_name: str | None = None,
        last_name: str | None = None,
        full_name: str | None = None,
        verified_looker_employee: bool | None = None,
        embed_user: bool | None = None,
        email: str | None = None,
        is_disabled: bool | None = None,
        filter_or: bool | None = None,
        content_metadata_id: str | None = None,
        group_id: str | None = None,
        can_manage_api3_creds: bool | None = None,
        is_service_account: bool | None = None,
    ) -> Paged[User]:
        """Search users by pattern; see `aconnect.looker.sets` for the patterns."""
        ...

    find_by: Final = match_of_search(search)

    def handle(self, user_id: str | int) -> User:
        """Return a handle for a user with this id; makes no request."""
        text = id_of(User, user_id)
        return User(id=text).bind(self.client, {"user_id": text})

    @endpoint("GET", "/users/{user_id}")
    async def get(self, user_id: str, *, fields: Texts | None = None) -> User:
        """Get one user."""
        ...

    @endpoint("GET", "/users/credential/{credential_type}/{credential_id}")
    async def get_by_credential(
        self,
        credential_type: CredentialType,
        credential_id: str,
        *,
        fields: Texts | None = None,
    ) -> User:
        """Get the user that signs in with a credential.

        The id is the address for `email` and `looker_openid`, the client id for `api3`, the
        external id for `embed`, and otherwise the id that the identity provider has for the user.
        """
        ...
