"""Users: their roles, passwords and API tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential, OpenEnum
from aconnect._core.redaction import Secret
from aconnect.cloudendure.base import CloudEndureModel, CloudEndureResource
from aconnect.errors import DecodeError


class UserStatus(OpenEnum):
    """Whether an invited user has come."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    DELETED = "DELETED"


class Role(OpenEnum):
    """What a user is allowed to do in its account."""

    USER = "USER"
    ACCOUNT_ADMIN = "ACCOUNT_ADMIN"
    ACCOUNT_OWNER = "ACCOUNT_OWNER"
    GLOBAL_READONLY = "GLOBAL_READONLY"


class User(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """A user of an account."""

    _hidden: ClassVar[tuple[str, ...]] = ("api_token",)

    id: str = ""
    username: str = ""
    status: UserStatus | None = None
    account: str | None = None
    """Id of the account."""
    roles: list[Role] = []
    settings: dict[str, Any] | None = None
    api_token: str | None = None
    """As good as a password, so it is not printed."""
    has_password: bool | None = None
    terms_accepted: bool | None = None
    self_link: str | None = None


class UsersList(CloudEndureModel, kw_only=True):
    """Users, after a change of theirs."""

    items: list[User] = []


class UserRolesParams(CloudEndureModel, kw_only=True):
    """Roles that one user gets or loses."""

    user_id: str
    roles: list[str]


class UsersRolesParams(CloudEndureModel, kw_only=True):
    """Roles that users get or lose."""

    items: list[UserRolesParams]


class ApiToken(Confidential, CloudEndureModel, kw_only=True, rename="camel"):
    """An API token that has just been made."""

    _hidden: ClassVar[tuple[str, ...]] = ("api_token",)

    api_token: str = ""


class UserCreateParams(TypedDict):
    """Fields of a new user; the user name is an e-mail address."""

    username: str


class SetPasswordParams(TypedDict):
    """The token of an invitation, and the password that its user wants."""

    token: str
    new_password: str


class Users(CloudEndureResource, name="users"):
    """Users of the account."""

    @endpoint("GET", "/me")
    async def me(self) -> User:
        """Get the user who is signed in."""
        ...

    @endpoint("POST", "/users")
    async def create(self, **fields: Unpack[UserCreateParams]) -> User:
        """Invite a user; it is `PENDING` until it has set its password."""
        ...

    @endpoint("POST", "/setPassword", anonymous=True)
    async def set_password(self, **fields: Unpack[SetPasswordParams]) -> None:
        """Set the password of an invited user, who needs no session for that."""
        ...

    async def assign_roles(self, roles: Mapping[str, Iterable[Role | str]]) -> list[User]:
        """Return users roles, by user id, and give the users as they are then."""
        return (await self._assign_roles(_users_and_roles(roles))).items

    @endpoint("POST", "/users/assignRoles", idempotent=True)
    async def _assign_roles(self, body: UsersRolesParams) -> UsersList: ...

    async def revoke_roles(self, roles: Mapping[str, Iterable[Role | str]]) -> list[User]:
        """Take roles from users, by user id, and give the users as they are then."""
        return (await self._revoke_roles(_users_and_roles(roles))).items

    @endpoint("POST", "/users/revokeRoles", idempotent=True)
    async def _revoke_roles(self, body: UsersRolesParams) -> UsersList: ...

    async def replace_api_token(self) -> Secret:
        """Make a new API token for the user who is signed in; the old one is void from then on.

        The client signs in with the new one from now on; `reveal()` gives it for keeping. If the
        answer is lost, the new token is too: sign in with the password, or on the console.
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


def _users_and_roles(roles: Mapping[str, Iterable[Role | str]]) -> UsersRolesParams:
    return UsersRolesParams(
        items=[
            # One role given as a text would else be taken apart into letters.
            UserRolesParams(user_id=user, roles=[own] if isinstance(own, str) else [*own])
            for user, own in roles.items()
        ]
    )
