"""Users, their API keys, and the current user."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.arguments import canonical_guid
from aconnect._core.model import Confidential, Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import PageNumber, UnpagedEnvelope
from aconnect.connect._base.resource import ConnectBound, ConnectResource, check_fields, required

if TYPE_CHECKING:
    from aconnect.connect.content.content import UserContent
    from aconnect.connect.groups import UserGroups


class UserRole(OpenEnum):
    """The role of a user; unknown roles are kept as text."""

    ADMINISTRATOR = "administrator"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


UserRoleName = Literal["administrator", "publisher", "viewer"] | str
"""The name of a user role."""

AccountStatus = Literal["locked", "licensed", "inactive"] | str
"""The status of a user's account."""

UserSort = (
    Literal["first_name", "last_name", "username", "active_time", "created_time", "user_role"] | str
)
"""A field that users can be sorted by."""


class UserFields(ConnectBound, kw_only=True):
    """Fields that all representations of a user have."""

    email: str | None = None
    username: str = ""
    first_name: str | None = None
    last_name: str | None = None
    user_role: UserRole | None = None
    created_time: datetime | None = None
    updated_time: datetime | None = None
    active_time: datetime | None = None
    """When the user was last active; None means never."""
    confirmed: bool | None = None
    locked: bool | None = None
    external_id: str | None = None


class User(UserFields, kw_only=True):
    """A user of the server."""

    guid: str = ""
    preferences: dict[str, Any] | None = None
    """Dashboard settings; only of the current user, and not in every version."""
    privileges: list[str] | None = None
    """Only of the current user, and not in every version."""

    @property
    def content(self) -> UserContent:
        """The content that the user owns."""
        return self.client.content.of(self.guid)

    @property
    def groups(self) -> UserGroups:
        """The groups that the user is a member of."""
        return self.client.groups.of(self.guid)

    keys: ClassVar[ResourceBelow[ApiKeys]] = resource(lambda: ApiKeys)

    async def refresh(self) -> User:
        """Reload the user."""
        return await self.client.users.get(self.guid)

    async def update(self, **fields: Unpack[UserUpdateParams]) -> User:
        """Change the given fields and return the updated user."""
        await self.client.users.update(self.guid, **fields)
        return await self.client.users.get(self.guid)

    async def lock(self) -> None:
        """Prevent the user from signing in; administrators cannot lock themselves."""
        await self.client.users.lock(self.guid, locked=True)

    async def unlock(self) -> None:
        """Allow the user to sign in again."""
        await self.client.users.lock(self.guid, locked=False)


class EditableUser(Model, kw_only=True):
    """The changeable fields of a user, after a change."""

    email: str | None = None
    username: str = ""
    first_name: str | None = None
    last_name: str | None = None
    user_role: UserRole | None = None
    updated_time: datetime | None = None


class RemoteUser(UserFields, kw_only=True):
    """A user of the authentication provider; `guid` is None until it is added to the server."""

    guid: str | None = None
    temp_ticket: str | None = None
    """For adding the user; valid for a short time."""

    async def create(self) -> User:
        """Add this user to the server."""
        return await self.client.users.create_remote(
            temp_ticket=required("temp_ticket", self.temp_ticket)
        )


class ApiKey(Confidential, ConnectBound, kw_only=True):
    """An API key."""

    _hidden: ClassVar[tuple[str, ...]] = ("key",)

    id: Id = ""
    name: str = ""
    key: str | None = None
    """The key itself in the response that created it, otherwise its last few characters; not
    printed."""
    user_role: UserRole | None = None
    """The role of the key, at most that of its user."""
    created_time: datetime | None = None
    active_time: datetime | None = None
    """The approximate time of its last use."""
    expires_at: datetime | None = None
    """None means never; newer servers only."""

    _keys = resource(lambda: ApiKeys)

    async def delete(self) -> None:
        """Delete the key; calls with it are refused from then on."""
        await self._keys.delete(self.id)


class ApiKeyCreateParams(TypedDict, total=False):
    """Fields of a new API key."""

    name: Required[str]
    user_role: UserRoleName
    """By default that of the user."""
    expires_at: datetime | None
    """None means never; newer servers only."""


class UserCreateParams(TypedDict, total=False):
    """Fields of a new user; which ones are needed depends on the authentication provider."""

    username: Required[str]
    first_name: str
    last_name: str
    email: str
    user_role: UserRoleName | None
    user_must_set_password: bool
    """Whether the user sets the password, so that `password` is left out."""
    password: str
    external_id: str
    unique_id: str


class UserUpdateParams(TypedDict, total=False):
    """Fields of a user that can be changed; which ones depends on the authentication provider."""

    email: str
    username: str
    first_name: str
    last_name: str
    user_role: UserRoleName


class UserLockParams(TypedDict):
    """Whether a user is locked."""

    locked: bool
    """Whether to lock; False unlocks."""


class TempTicketParams(TypedDict):
    """The ticket of a remote user or group, from the search that returned it."""

    temp_ticket: str
    """Valid for a short time."""


class ApiKeys(ConnectResource, name="users.keys", scope=("guid",), role="viewer"):
    """The API keys of one user, who must be the owner of the key in use."""

    @paged("/v1/users/{guid}/keys", by=Unpaged())
    def find(self) -> Paged[ApiKey]:
        """List the keys, each with the last few characters of the key itself."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/users/{guid}/keys/{id}")
    async def get(self, id: str) -> ApiKey:  # noqa: A002  the vendor's noun
        """Get one key, with the last few characters of the key itself."""
        ...

    @endpoint("POST", "/v1/users/{guid}/keys")
    async def create(self, **fields: Unpack[ApiKeyCreateParams]) -> ApiKey:
        """Create a key; only this response contains it, as `ApiKey.key`."""
        ...

    @endpoint("DELETE", "/v1/users/{guid}/keys/{id}")
    async def delete(self, id: str) -> None:  # noqa: A002  as above
        """Delete a key; calls with it are refused from then on."""
        ...


class Users(ConnectResource, name="users"):
    """Users of the server."""

    @paged(
        "/v1/users",
        by=PageNumber(max_size=500),
        separators={"user_role": "|", "account_status": "|"},
        since="1.6.6",
        role="viewer",
    )
    def find(
        self,
        *,
        prefix: str | None = None,
        user_role: UserRoleName | Sequence[UserRoleName] | None = None,
        account_status: AccountStatus | Sequence[AccountStatus] | None = None,
        sort: UserSort | None = None,
        asc_order: bool | None = None,
    ) -> Paged[User]:
        """List users whose first, last or user name begins with `prefix` (case is ignored).

        With a prefix the server returns one page only, so at most 500 users.

        Args:
            prefix: The beginning of a first, last or user name.
            user_role: Only users with this role, or one of these.
            account_status: Only users with this status, or one of these.
            sort: The field to sort by.
            asc_order: Whether to sort in ascending order, as by default.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find, username="prefix", first_name="prefix", last_name="prefix")
    count: Final = total_of(find)

    def handle(self, guid: str) -> User:
        """Return a handle for a user with this guid; makes no request."""
        guid = canonical_guid("guid", guid)
        return User(guid=guid).bind(self.client, {"guid": guid})

    @endpoint("GET", "/v1/users/{guid}")
    async def get(self, guid: str) -> User:
        """Get one user."""
        ...

    @endpoint("GET", "/v1/user", role="viewer")
    async def me(self) -> User:
        """Get the owner of the key."""
        ...

    @endpoint(
        "POST",
        "/v1/users",
        since="1.6.8",
        role="administrator",
        secret=("password",),
    )
    async def create(self, **fields: Unpack[UserCreateParams]) -> User:
        """Create a user; with LDAP or Google, use `remote` instead (codes 119, 120)."""
        ...

    async def ensure(self, **fields: Unpack[UserCreateParams]) -> User:
        """Return the user with this name and these fields; create or update it if necessary.

        It works with every authentication provider: where users are created from a search of the
        provider (LDAP, Google), `username` is searched there. Of a user who exists, e-mail address,
        names and role are updated if they differ; `password`, `user_must_set_password` and ids are
        for the creation only. Passwords and locks of users who exist never change.

        Raises:
            InvalidArgumentError: The user is an administrator and `user_role` is lower, or has
                another `external_id`, or the provider does not know the name.
            AconnectError: The server refused a change, or could not be reached. If the user may
                exist already, a note says so; the call can be repeated.
        """
        from aconnect.connect.ensuring import ensure_user  # noqa: PLC0415  rarely needed

        check_fields("users.ensure", fields, UserCreateParams, "username")
        others = {name: value for name, value in fields.items() if name != "username"}
        return await ensure_user(self.client, fields["username"], others)

    @endpoint("PUT", "/v1/users", idempotent=False, role="publisher")
    async def create_remote(self, **fields: Unpack[TempTicketParams]) -> User:
        """Add a user found by `remote`."""
        ...

    @endpoint("PUT", "/v1/users/{guid}", since="1.6.8", role="viewer")
    async def update(self, guid: str, **fields: Unpack[UserUpdateParams]) -> EditableUser:
        """Change the given fields of a user; the others keep their values."""
        ...

    @endpoint("POST", "/v1/users/{guid}/lock", idempotent=True, role="administrator")
    async def lock(self, guid: str, **fields: Unpack[UserLockParams]) -> None:
        """Lock a user, or unlock it with `locked=False`."""
        ...

    @paged("/v1/users/remote", by=UnpagedEnvelope(), role="publisher")
    def remote(self, *, prefix: str, limit: int | None = None) -> Paged[RemoteUser]:
        """Search the authentication provider (LDAP, OAuth2) for users.

        Args:
            prefix: The beginning of a name.
            limit: The largest number of users, up to 500; 20 by default.
        """
        ...
