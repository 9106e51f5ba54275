"""Groups of users."""

from __future__ import annotations

from typing import ClassVar, Final, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.paging import Offset
from aconnect.looker.base import LookerBound, LookerResource, id_of, match_of_search
from aconnect.looker.sets import Texts
from aconnect.looker.users import User


class Group(LookerBound, kw_only=True):
    """A group of users."""

    can: dict[str, bool] | None = None
    can_add_to_content_metadata: bool | None = None
    contains_current_user: bool | None = None
    external_group_id: str | None = None
    externally_managed: bool | None = None
    include_by_default: bool | None = None
    name: str | None = None
    user_count: int | None = None

    users: ClassVar[ResourceBelow[GroupUsers]] = resource(lambda: GroupUsers, group_id="id")


class GroupUserAddParams(TypedDict):
    """The user to add."""

    user_id: str


class GroupUsers(LookerResource, name="groups.users", scope=("group_id",)):
    """The users of one group."""

    @paged("/groups/{group_id}/users", by=Offset())
    def find(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
    ) -> Paged[User]:
        """List the users that are members of the group itself."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    async def add(self, user: User | str | int) -> User:
        """Add a user; a member stays one."""
        return await self._add(user_id=id_of(User, user))

    @endpoint("POST", "/groups/{group_id}/users", idempotent=True)
    async def _add(self, **fields: Unpack[GroupUserAddParams]) -> User: ...


class Groups(LookerResource, name="groups"):
    """Groups of users."""

    @paged("/groups/search", by=Offset())
    def search(
        self,
        *,
        fields: Texts | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sorts: Texts | None = None,
        filter_or: bool | None = None,
        id: Texts | None = None,  # noqa: A002  the vendor's noun
        name: str | None = None,
        external_group_id: str | None = None,
        externally_managed: bool | None = None,
        externally_orphaned: bool | None = None,
    ) -> Paged[Group]:
        """Search groups by pattern; see `aconnect.looker.sets` for the patterns."""
        ...

    find_by: Final = match_of_search(search)

    def handle(self, group_id: str | int) -> Group:
        """Return a handle for a group with this id; makes no request."""
        text = id_of(Group, group_id)
        return Group(id=text).bind(self.client, {"group_id": text})

    @endpoint("GET", "/groups/{group_id}")
    async def get(self, group_id: str, *, fields: Texts | None = None) -> Group:
        """Get one group."""
        ...
