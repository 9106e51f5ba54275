"""Groups of users, and their members."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.arguments import canonical_guid
from aconnect.concurrency import amap
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.paging import PageNumber, UnpagedEnvelope
from aconnect.connect._base.resource import (
    ConnectBound,
    ConnectResource,
    check_fields,
    guid_of,
    own_guid,
    required,
)
from aconnect.connect.users import TempTicketParams, User
from aconnect.errors import ConflictError

if TYPE_CHECKING:
    from aconnect.connect.experimental import GroupContent


_USER: Final = "a user or its user_guid"


class Group(ConnectBound, kw_only=True):
    """A group of users."""

    guid: str = ""
    name: str = ""
    owner_guid: str | None = None
    gid: int | None = None
    """POSIX group id."""
    member_count: int | None = None

    members: ClassVar[ResourceBelow[GroupMembers]] = resource(
        lambda: GroupMembers, group_guid="guid"
    )

    async def refresh(self) -> Group:
        """Reload the group."""
        return await self.client.groups.get(self.guid)

    async def ensure_member(self, user: User | str) -> bool:
        """Add the user if missing; return True if added."""
        try:
            await self.members.add(user)
        except ConflictError as error:
            if error.code != ApiErrorCode.DUPLICATE_GROUP_ENTRY:
                raise
            return False
        return True

    @property
    def content(self) -> Paged[GroupContent]:
        """The content that the group has a permission for."""
        return self.client.experimental.groups.content(self.guid)

    async def update(self, **fields: Unpack[GroupUpdateParams]) -> Group:
        """Change the given fields and return the updated group."""
        return await self.client.groups.update(self.guid, **fields)

    async def delete(self) -> None:
        """Delete the group; its members are kept."""
        await self.client.groups.delete(self.guid)


class GroupMember(User, kw_only=True):
    """A user as a member of a group."""

    _members = resource(lambda: GroupMembers)

    async def delete(self) -> None:
        """Remove this user from the group."""
        await self._members.delete(self.guid)


class RemoteGroup(ConnectBound, kw_only=True):
    """A group of the authentication provider; `guid` is None until it is added to the server."""

    guid: str | None = None
    name: str = ""
    temp_ticket: str | None = None
    """For adding the group; valid for a short time."""

    async def create(self) -> Group:
        """Add this group to the server."""
        return await self.client.groups.create_remote(
            temp_ticket=required("temp_ticket", self.temp_ticket)
        )


class GroupCreateParams(TypedDict, total=False):
    """Fields of a new group."""

    name: Required[str]
    unique_id: str
    gid: int | None
    """POSIX group id."""


class GroupEnsureParams(GroupCreateParams, total=False):
    """Fields of a group to ensure."""

    owner_guid: str
    """The guid of the user who owns it; by default, the owner of the key owns a new group."""


class GroupUpdateParams(TypedDict, total=False):
    """Fields of a group that can be changed; None clears one."""

    name: str | None
    owner_guid: str | None
    """The guid of the user who is the new owner."""
    gid: int | None
    """POSIX group id."""


class GroupModifyParams(TypedDict, total=False):
    """Fields that servers before 2025 can change."""

    name: str
    owner_guid: str
    """The guid of the user who is the new owner."""


class GroupMemberAddParams(TypedDict):
    """The user to add."""

    user_guid: str


class GroupMembers(ConnectResource, name="groups.members", scope=("group_guid",), since="1.7.0"):
    """The members of one group."""

    @paged("/v1/groups/{group_guid}/members", by=PageNumber(max_size=500))
    def find(self, *, sort: str | None = None, asc_order: bool | None = None) -> Paged[GroupMember]:
        """List all members.

        Args:
            sort: The field to sort by.
            asc_order: Whether to sort in ascending order, as by default.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, user: User | str | None = None, *, user_guid: str | None = None) -> None:
        """Add a user; `ConflictError` with code 16 if the user is a member already.

        Args:
            user: The user, or its guid.
            user_guid: The guid, instead of `user`.
        """
        await self._add(user_guid=guid_of(user, user_guid, _USER))

    @endpoint("POST", "/v1/groups/{group_guid}/members", role="group owner")
    async def _add(self, **fields: Unpack[GroupMemberAddParams]) -> None: ...

    async def delete(self, user: User | str | None = None, *, user_guid: str | None = None) -> None:
        """Remove a user from the group.

        Args:
            user: The user, or its guid.
            user_guid: The guid, instead of `user`.
        """
        await self._delete(guid_of(user, user_guid, _USER))

    @endpoint("DELETE", "/v1/groups/{group_guid}/members/{user_guid}", role="group owner")
    async def _delete(self, user_guid: str) -> None: ...


class UserGroups(ConnectResource, name="users.groups", scope=("user_guid",)):
    """The groups of one user."""

    def find(self) -> LazySequence[Group]:
        """List the groups of the user, by listing the members of every group.

        The server has no such list: this takes one request per 500 groups, and one per group (more
        for a group of over 500 members), up to 16 at once.
        """
        groups, user_guid = self.client.groups, self.scope["user_guid"]

        async def has_member(group: Group) -> bool:
            async with aclosing(group.members.find().pages()) as pages:
                async for page in pages:
                    if any(member.guid == user_guid for member in page.items):
                        return True
            return False

        async def rows() -> AsyncGenerator[Group, None]:
            async with aclosing(aiter(amap(has_member, groups.find(), pairs=True))) as searched:
                async for group, is_member in searched:
                    if is_member:
                        yield group

        return LazySequence(rows)

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, group: Group | str) -> None:
        """Add the user; `ConflictError` with code 16 if the user is a member already."""
        await self._members(group).add(user_guid=self.scope["user_guid"])

    async def delete(self, group: Group | str) -> None:
        """Remove the user from a group."""
        await self._members(group).delete(user_guid=self.scope["user_guid"])

    def _members(self, group: Group | str) -> GroupMembers:
        return GroupMembers(self.client, {"group_guid": own_guid(group)})


class Groups(ConnectResource, name="groups"):
    """Groups of users."""

    @paged("/v1/groups", by=PageNumber(max_size=500), since="1.7.0")
    def find(self, *, prefix: str | None = None, asc_order: bool | None = None) -> Paged[Group]:
        """List groups whose name begins with `prefix` (case is ignored).

        With a prefix, servers before 2025.04 return one page only, so at most 500 groups.

        Args:
            prefix: The beginning of a name.
            asc_order: Whether to sort in ascending order, as by default.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find, name="prefix")
    count: Final = total_of(find)

    def handle(self, guid: str) -> Group:
        """Return a handle for a group with this guid; makes no request."""
        guid = canonical_guid("guid", guid)
        return Group(guid=guid).bind(self.client, {"guid": guid})

    def of(self, user: User | str) -> UserGroups:
        """Return the groups of one user; makes no request."""
        return UserGroups(self.client, {"user_guid": own_guid(user)})

    @endpoint("GET", "/v1/groups/{guid}", since="1.7.0")
    async def get(self, guid: str) -> Group:
        """Get one group."""
        ...

    @endpoint("POST", "/v1/groups", since="1.7.0", role="publisher")
    async def create(self, **fields: Unpack[GroupCreateParams]) -> Group:
        """Create a group; with LDAP or Google, use `remote` instead."""
        ...

    async def ensure(
        self, *, members: Iterable[User | str] = (), **fields: Unpack[GroupEnsureParams]
    ) -> Group:
        """Return the group with this name, with these members and fields; create it if missing.

        It works with every authentication provider, as `users.ensure` does. Members who are missing
        are added, up to 16 at once, and nobody is removed.

        Args:
            members: Users, or their guids.
            fields: `gid` and `owner_guid` are updated if they differ; `unique_id` is for the
                creation only.

        Raises:
            InvalidArgumentError: The provider does not know the name.
            AconnectError: The server refused a change, or could not be reached. If the group may
                exist already, a note says so; the call can be repeated.
        """
        from aconnect.connect.ensuring import ensure_group  # noqa: PLC0415  rarely needed

        check_fields("groups.ensure", fields, GroupEnsureParams, "name")
        others = {name: value for name, value in fields.items() if name != "name"}
        return await ensure_group(self.client, fields["name"], members, others)

    @endpoint("PUT", "/v1/groups", idempotent=False, role="publisher")
    async def create_remote(self, **fields: Unpack[TempTicketParams]) -> Group:
        """Add a group found by `remote`."""
        ...

    @endpoint("PATCH", "/v1/groups/{guid}", idempotent=True, role="group owner")
    async def update(self, guid: str, **fields: Unpack[GroupUpdateParams]) -> Group:
        """Change the given fields of a group; servers before 2025 have only `modify`."""
        ...

    @endpoint("POST", "/v1/groups/{guid}", idempotent=True, since="1.7.0", role="publisher")
    async def modify(self, guid: str, **fields: Unpack[GroupModifyParams]) -> Group:
        """Change a group's name or owner, on any server version."""
        ...

    @endpoint("DELETE", "/v1/groups/{guid}", since="1.7.0", role="group owner")
    async def delete(self, guid: str) -> None:
        """Delete a group; its members are kept."""
        ...

    @paged("/v1/groups/remote", by=UnpagedEnvelope(), role="publisher")
    def remote(self, *, prefix: str, limit: int | None = None) -> Paged[RemoteGroup]:
        """Search the authentication provider (LDAP) for groups.

        Args:
            prefix: The beginning of a name.
            limit: The largest number of groups, up to 500; 20 by default.
        """
        ...
