"""Content permissions: which users and groups may see or change a content item.

The owner is not among them: it has every right without an entry. Each user or group has one entry
at most. From 2025.11 on, adding who is there already changes its role; older servers refuse that
(codes 154 and 155).
"""

from __future__ import annotations

from typing import Final, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, match_of, paged, resource, total_of
from aconnect._client.paged import Paged
from aconnect._core.model import Id, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.resource import ConnectBound, ConnectResource, guid_of
from aconnect.connect.groups import Group, GroupMember
from aconnect.connect.users import User
from aconnect.errors import ApiError, ConflictError, InvalidArgumentError, NotFoundError

Principal = User | GroupMember | Group
"""Whom something is permitted; where only the guid is known, `User(guid=...)` will do."""

_PRINCIPAL: Final = "a user or group, or its principal_guid"
# The user or group has an entry already.
_ALREADY: Final = frozenset(
    {ApiErrorCode.DUPLICATE_USER_PERMISSION, ApiErrorCode.DUPLICATE_GROUP_PERMISSION}
)
# The entry is not there any more.
_GONE: Final = frozenset({ApiErrorCode.OBJECT_DOES_NOT_EXIST, ApiErrorCode.UPDATE_NOTHING})
# How often somebody else may come in between.
_RACES: Final = 3


class PermissionRole(OpenEnum):
    """What a permission allows."""

    VIEWER = "viewer"
    OWNER = "owner"
    """To change the content, as a collaborator; it does not become theirs."""


class PrincipalType(OpenEnum):
    """Whom a permission is for."""

    USER = "user"
    GROUP = "group"


class Permission(ConnectBound, kw_only=True):
    """What one user or group may do with a content item."""

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

    async def update(self, role: str) -> Permission:
        """Change the role and return the updated permission."""
        return await self._permissions.update(
            self.id,
            principal_guid=self.principal_guid,
            principal_type=self.principal_type or PrincipalType.USER,
            role=role,
        )

    async def delete(self) -> None:
        """Remove the permission."""
        await self._permissions.delete(self)


class PermissionParams(TypedDict, total=False):
    """What a user or group is to be permitted; a change repeats whom it is for."""

    principal_guid: Required[str]
    principal_type: Required[str]
    role: Required[str]
    send_email: bool


class Permissions(ConnectResource, name="content.permissions", scope=("guid",), since="1.8.6"):
    """The permissions of one content item; only who may change it sees them."""

    @paged("/v1/content/{guid}/permissions", by=Unpaged())
    def find(self) -> Paged[Permission]:
        """List all permissions; the owner has none."""
        ...

    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def find_one(
        self, principal: Principal | None = None, *, principal_guid: str | None = None
    ) -> Permission | None:
        """List the permission of a user or group, or None; of neither, the first."""
        if principal is None and principal_guid is None:
            return await self.find().first()
        guid = guid_of(principal, principal_guid, _PRINCIPAL)
        return next(
            (permission for permission in await self.find() if permission.principal_guid == guid),
            None,
        )

    @endpoint("GET", "/v1/content/{guid}/permissions/{id}")
    async def get(self, id: str) -> Permission:  # noqa: A002  the vendor's noun
        """Get one permission by its id, which is not the guid of its user or group."""
        ...

    async def create(
        self,
        principal: Principal | None = None,
        *,
        role: str,
        principal_guid: str | None = None,
        principal_type: str | None = None,
        send_email: bool | None = None,
    ) -> Permission:
        """Permit a user or group something, or change what it is permitted.

        Servers before 2025.11 refuse who is permitted something already (codes 154, 155); all
        refuse the owner (34). `ensure_permission` of the content item works on every version.
        """
        if principal is not None and principal_type is None:
            principal_type = _type_of(principal)
        elif principal is not None or principal_type is None:
            raise InvalidArgumentError(
                "pass either a user or group, or principal_guid and principal_type"
            )
        fields: PermissionParams = {
            "principal_guid": guid_of(principal, principal_guid, _PRINCIPAL),
            "principal_type": principal_type,
            "role": role,
        }
        if send_email is not None:
            fields["send_email"] = send_email
        try:
            return await self._create(**fields)
        except ConflictError as error:
            if not error.attempts or error.code not in _ALREADY:
                raise
            # On an older server: an earlier attempt may have done it, and its answer was lost.
            found = await self.find_one(principal_guid=fields["principal_guid"])
            if found is None or found.role != role:
                raise
            return found

    # There is one entry for each user or group, however often it is sent.
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
        """Take a permission away: one by its id, or that of a user or group.

        A text is the permission's id; the guid of a user or group is `principal_guid`. Where such
        a user or group has none, it is an `InvalidArgumentError`.
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
                f"nothing to take away: {guid!r} has no permission of its own for content "
                f"{self.scope.get('guid')!r}; find() gives who has one"
            )
        return await self._delete(found.id)

    @endpoint("DELETE", "/v1/content/{guid}/permissions/{id}")
    async def _delete(self, id: str) -> None: ...  # noqa: A002  as above


def _type_of(principal: Principal) -> PrincipalType:
    return PrincipalType.GROUP if isinstance(principal, Group) else PrincipalType.USER


async def give_role(permissions: Permissions, principal: Principal, role: str) -> Permission:
    """Have a user or group hold exactly this role, whatever others do at the same time."""
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
    """Return True if somebody else added or took away the entry in the meantime."""
    return error.code in (_ALREADY if found is None else _GONE)
