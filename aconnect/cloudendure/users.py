"""Users: their roles, passwords and API tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypedDict, TypeVar, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential, OpenEnum
from aconnect._core.redaction import Secret
from aconnect.cloudendure.base import CloudEndureModel, CloudEndureResource, by_key
from aconnect.errors import DecodeError


class UserStatus(OpenEnum):
    """The status of an invited user."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    DELETED = "DELETED"


class Role(OpenEnum):
    """The role of a user in its account."""

    USER = "USER"
    ACCOUNT_ADMIN = "ACCOUNT_ADMIN"
    ACCOUNT_OWNER = "ACCOUNT_OWNER"
    GLOBAL_READONLY = "GLOBAL_READONLY"


RoleName = Literal["USER", "ACCOUNT_ADMIN", "ACCOUNT_OWNER", "GLOBAL_READONLY"] | str
"""The name of a role."""


class User(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """A user of an account."""

    _hidden: ClassVar[tuple[str, ...]] = ("api_token",)
    _key: ClassVar[str] = "id"

    id: str = ""
    username: str = ""
    status: UserStatus | None = None
    account: str | None = None
    """Id of the account."""
    roles: list[Role] = []
    settings: dict[str, Any] | None = None
    api_token: str | None = None
    """As sensitive as a password, so it is not printed."""
    has_password: bool | None = None
    terms_accepted: bool | None = None
    self_link: str | None = None

    def __hash__(self) -> int:
        return hash(self.id)


UserOrId = TypeVar("UserOrId", bound=User | str)
"""What a mapping by user has as keys."""


class UsersList(CloudEndureModel, kw_only=True):
    """Users, after a change."""

    items: list[User] = []


class UserRolesParams(CloudEndureModel, kw_only=True):
    """Roles to assign to, or revoke from, one user."""

    user_id: str
    roles: list[str]


class UsersRolesParams(CloudEndureModel, kw_only=True):
    """Roles to assign to, or revoke from, users."""

    items: list[UserRolesParams]


class ApiToken(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """A new API token."""

    _hidden: ClassVar[tuple[str, ...]] = ("api_token",)

    api_token: str = ""


class UserCreateParams(TypedDict):
    """Fields of a new user; the user name is an e-mail address."""

    username: str


class SetPasswordParams(TypedDict):
    """The token of an invitation, and the password to set."""

    token: str
    new_password: str


class Users(CloudEndureResource, name="users"):
    """Users of the account; the API has no list of them."""

    @endpoint("GET", "/me")
    async def me(self) -> User:
        """Get the signed-in user."""
        ...

    @endpoint("POST", "/users")
    async def create(self, **fields: Unpack[UserCreateParams]) -> User:
        """Invite a user, who is `PENDING` until the password is set."""
        ...

    @endpoint("POST", "/setPassword", anonymous=True, secret=("token", "new_password"))
    async def set_password(self, **fields: Unpack[SetPasswordParams]) -> None:
        """Set the password of an invited user; requires no session."""
        ...

    async def assign_roles(self, roles: Mapping[UserOrId, Iterable[RoleName]]) -> list[User]:
        """Assign roles to users, as lists by user or user id, and return the updated users."""
        return (await self._assign_roles(_users_and_roles(roles))).items

    @endpoint("POST", "/users/assignRoles", idempotent=True)
    async def _assign_roles(self, body: UsersRolesParams) -> UsersList: ...

    async def revoke_roles(self, roles: Mapping[UserOrId, Iterable[RoleName]]) -> list[User]:
        """Revoke roles from users, as lists by user or user id, and return the updated users."""
        return (await self._revoke_roles(_users_and_roles(roles))).items

    @endpoint("POST", "/users/revokeRoles", idempotent=True)
    async def _revoke_roles(self, body: UsersRolesParams) -> UsersList: ...

    async def replace_api_token(self) -> Secret:
        """Create a new API token for the signed-in user; the old one becomes invalid.

        The client signs in with the new token from now on; `reveal()` returns it for storage. If
        the response is lost, so is the new token: sign in with the password, or on the console.
        """
        made = await self._replace_api_token()
        if not made.api_token:
            raise DecodeError(
                f"POST {self.client.api_root}/replaceApiToken returned no apiToken, so the new one "
                "is unknown; look it up on the console"
            )
        return self.client.use_token(made.api_token)

    @endpoint("POST", "/replaceApiToken")
    async def _replace_api_token(self) -> ApiToken: ...


def _users_and_roles(roles: Mapping[UserOrId, Iterable[RoleName]]) -> UsersRolesParams:
    return UsersRolesParams(
        items=[
            UserRolesParams(user_id=user, roles=own) for user, own in by_key("roles", roles, User)
        ]
    )
