"""Content permissions: which users and groups can view or change a content item.

The owner has all permissions without an entry. Each user or group has at most one entry. Since
2025.11, adding a user or group that has one changes its role; older servers refuse that (codes 154
and 155).
"""

from __future__ import annotations

from typing import Final, Literal, Required, TypedDict, Unpack

from aconnect._client.derived import match_of, matching, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect._core.arguments import guid_filter
from aconnect._core.model import Id, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.resource import ConnectBound, ConnectResource, guid_of
from aconnect.connect.groups import Group
from aconnect.connect.users import User
from aconnect.errors import (
    AconnectError,
    ApiError,
    ConflictError,
    InvalidArgumentError,
    NotFoundError,
)

Principal = User | Group
"""A user or group that has a permission; `User(guid=...)` is enough. Members of groups are users.

A guid alone does not say which of them it is.
"""

_PRINCIPAL: Final = "a user or group, or its principal_guid"
_AMBIGUOUS: Final = (
    "pass either the user or group itself, or principal_guid and principal_type: a guid alone does "
    "not say whether it is a user or a group"
)
# The user or group has an entry already.
_ALREADY: Final = frozenset(
    {ApiErrorCode.DUPLICATE_USER_PERMISSION, ApiErrorCode.DUPLICATE_GROUP_PERMISSION}
)
# The entry no longer exists.
_GONE: Final = frozenset({ApiErrorCode.OBJECT_DOES_NOT_EXIST, ApiErrorCode.UPDATE_NOTHING})
# How often a concurrent change may intervene.
_RACES: Final = 3


PermissionRoleName = Literal["viewer", "owner"] | str
"""The name of a permission role."""

PrincipalTypeName = Literal["user", "group"] | str
"""The name of a principal type."""


class PermissionRole(OpenEnum):
    """The role that a permission grants."""

    VIEWER = "viewer"
    OWNER = "owner"
    """A collaborator, who can change the content; does not change its owner."""


class PrincipalType(OpenEnum):
    """The type of a principal."""

    USER = "user"
    GROUP = "group"


class Permission(ConnectBound, kw_only=True):
    """The permission of one user or group for a content item."""

    id: Id = ""
    content_guid: str | None = None
    principal_guid: str = ""
    """The user or group."""
    principal_type: PrincipalType | None = None
    role: PermissionRole | None = None

    _permissions = resource(lambda: Permissions, guid="content_guid")

    async def refresh(self) -> Permission:
        """Reload the permission."""
        return await self._permissions.get(self.id)

    async def update(self, role: PermissionRoleName) -> Permission:
        """Change the role and return the updated permission."""
        return await self._permissions.update(
            self.id,
            principal_guid=self.principal_guid,
            principal_type=_known(self.principal_type),
            role=role,
        )

    async def delete(self) -> None:
        """Remove the permission."""
        await self._permissions.delete(self)


class PermissionParams(TypedDict, total=False):
    """Fields of a permission; a change repeats its principal."""

    principal_guid: Required[str]
    """The guid of the user or group."""
    principal_type: Required[PrincipalTypeName]
    role: Required[PermissionRoleName]
    """An `owner` is a collaborator, who can change the content."""
    send_email: bool
    """Whether to notify the user or group."""


class Permissions(ConnectResource, name="content.permissions", scope=("guid",), since="1.8.6"):
    """The permissions of one content item; requires edit permission."""

    def find(
        self,
        *,
        principal_guid: str | None = None,
        principal_type: PrincipalTypeName | None = None,
        role: PermissionRoleName | None = None,
    ) -> Paged[Permission]:
        """List all permissions, or those with the given values; the owner has none."""
        return matching(
            self._find(),
            principal_guid=guid_filter("principal_guid", principal_guid),
            principal_type=principal_type,
            role=role,
        )

    @paged("/v1/content/{guid}/permissions", by=Unpaged())
    def _find(self) -> Paged[Permission]: ...

    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def find_one(
        self,
        principal: Principal | None = None,
        *,
        principal_guid: str | None = None,
        principal_type: PrincipalTypeName | None = None,
        role: PermissionRoleName | None = None,
    ) -> Permission | None:
        """Return the permission of a user or group, or the first with the given values, or None."""
        if principal is not None or principal_guid is not None:
            principal_guid = guid_of(principal, principal_guid, _PRINCIPAL)
        # Not `find`: whatever guid an object has, it is the server that refuses it.
        found = matching(
            self._find(), principal_guid=principal_guid, principal_type=principal_type, role=role
        )
        return await found.first()

    @endpoint("GET", "/v1/content/{guid}/permissions/{id}")
    async def get(self, id: str) -> Permission:  # noqa: A002  the vendor's noun
        """Get one permission by its id, which is not the guid of its user or group."""
        ...

    async def create(
        self,
        principal: Principal | None = None,
        *,
        role: PermissionRoleName,
        principal_guid: str | None = None,
        principal_type: PrincipalTypeName | None = None,
        send_email: bool | None = None,
    ) -> Permission:
        """Grant a user or group a role, or change its role.

        Servers before 2025.11 refuse a user or group that has a permission already (codes 154,
        155); all refuse the owner (34). `ensure_permission` of the content item works on every
        version.

        Args:
            principal: The user or group, instead of its guid and type.
            role: An `owner` is a collaborator, who can change the content.
            principal_guid: The guid of the user or group.
            principal_type: Whether the guid is that of a user or of a group.
            send_email: Whether to notify the user or group.
        """
        if principal is not None and principal_type is not None:
            raise InvalidArgumentError(_AMBIGUOUS)
        fields: PermissionParams = {
            "principal_guid": guid_of(principal, principal_guid, _PRINCIPAL),
            "principal_type": _known(principal_type or _type_of(principal)),
            "role": role,
        }
        if send_email is not None:
            fields["send_email"] = send_email
        try:
            return await self._create(**fields)
        except ConflictError as error:
            if not error.attempts or error.code not in _ALREADY:
                raise
            # On an older server, an earlier attempt may have succeeded and only its response was
            # lost.
            try:
                found = await self.find_one(principal_guid=fields["principal_guid"])
            except AconnectError as failure:
                # It would look as if nothing was granted.
                raise error from failure
            if found is None or found.role != role:
                raise
            return found

    # There is one entry per user or group, however often it is sent.
    @endpoint("POST", "/v1/content/{guid}/permissions", idempotent=True)
    async def _create(self, **fields: Unpack[PermissionParams]) -> Permission: ...

    @endpoint("PUT", "/v1/content/{guid}/permissions/{id}")
    async def update(
        self,
        id: str,  # noqa: A002  as above
        **fields: Unpack[PermissionParams],
    ) -> Permission:
        """Change the role of a permission."""
        ...

    async def delete(
        self,
        permission: Permission | Principal | str | None = None,
        *,
        principal_guid: str | None = None,
    ) -> None:
        """Remove a permission, by its id or by its user or group.

        Raises `InvalidArgumentError` if that user or group has no permission.

        Args:
            permission: The permission, its id, or the user or group that has it.
            principal_guid: The guid of the user or group that has it.
        """
        if isinstance(permission, str) and principal_guid is None:
            return await self._delete(permission)
        if isinstance(permission, Permission) and principal_guid is None:
            return await self._delete(permission.id)
        if isinstance(permission, str | Permission):
            raise InvalidArgumentError("pass either a permission or a principal_guid")
        guid = guid_of(permission, principal_guid, _PRINCIPAL)
        found = await self.find_one(principal_guid=guid)
        if found is None:
            raise InvalidArgumentError(
                f"no permission to delete: {guid!r} has no permission of its own for content "
                f"{self.scope.get('guid')!r}; find() lists the permissions"
            )
        return await self._delete(found.id)

    @endpoint("DELETE", "/v1/content/{guid}/permissions/{id}")
    async def _delete(self, id: str) -> None: ...  # noqa: A002  as above


def _type_of(principal: Principal | None) -> PrincipalType | None:
    if isinstance(principal, User):
        return PrincipalType.USER
    return PrincipalType.GROUP if isinstance(principal, Group) else None


def _known(principal_type: PrincipalTypeName | None) -> PrincipalTypeName:
    """Return the type of a principal; refuse to guess it."""
    if principal_type is None:
        raise InvalidArgumentError(_AMBIGUOUS)
    return principal_type


async def give_role(
    permissions: Permissions, principal: Principal, role: PermissionRoleName
) -> Permission:
    """Set the role of a user or group, whatever concurrent changes there are."""
    races = 0
    while True:
        found = await permissions.find_one(principal)
        try:
            if found is None:
                return await permissions.create(principal, role=role)
            return found if found.role == role else await found.update(role)
        except (ConflictError, NotFoundError) as error:
            races += 1
            if races == _RACES or not _overtaken(error, found):
                raise


def _overtaken(error: ApiError, found: Permission | None) -> bool:
    """Return True if the entry was added or removed concurrently."""
    return error.code in (_ALREADY if found is None else _GONE)
