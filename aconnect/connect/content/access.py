"""Who can see or change content: the permissions of many items, with names.

Decides what is requested: the permissions of each item, because the API has no list of those of
all. For the names, users and groups are listed page by page, or looked up one by one, whichever
takes fewer requests. Administrators are not in the rows: they can change all content.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec.structs import replace

from aconnect._client.lazy import LazySequence
from aconnect._client.paged import Paged
from aconnect._core.arguments import guid_filter
from aconnect._core.model import Model
from aconnect.concurrency import amap
from aconnect.connect._base.resource import none_if_missing, own_guid
from aconnect.connect.content.content import AccessType, ContentItem
from aconnect.connect.content.permissions import Permission, PrincipalType
from aconnect.connect.groups import Group, GroupMember
from aconnect.connect.users import User
from aconnect.errors import NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from aconnect.connect.client import Client

T = TypeVar("T", User, Group)
V = TypeVar("V")


class Access(Model, kw_only=True):
    """What one user or group can do with one content item."""

    content_guid: str = ""
    content_name: str = ""
    content_title: str | None = None
    access_type: AccessType | None = None
    """With `all` or `logged_in`, others can view the content as well."""
    owner: str | None = None
    """The username of the owner; None if the key cannot see the user."""
    principal_type: PrincipalType | None = None
    """None if the key may not read the permissions of the content."""
    principal_guid: str | None = None
    principal_name: str | None = None
    """The username, or the name of the group; None if the key cannot see it."""
    role: str | None = None
    """`content owner`, or the role of the permission: `owner` is a collaborator, or `viewer`."""
    group_name: str | None = None
    """The group that gives a member the role; only if groups are expanded."""
    problem: str | None = None
    """Why the rows of the content, or of the members of a group, are not complete."""


def access(
    client: Client,
    items: Iterable[ContentItem | str] | AsyncIterable[ContentItem | str],
    *,
    expand_groups: bool,
    limit: int,
) -> LazySequence[Access]:
    """Return who can see or change content items; see `Content.access`."""

    async def rows() -> AsyncGenerator[Access, None]:
        reader = AccessReader(client, expand_groups=expand_groups)
        async with aclosing(aiter(amap(reader.rows, items, limit=limit))) as lists:
            async for found in lists:
                for row in found:
                    yield row

    return LazySequence(rows)


class AccessReader:
    """Reads who has access to one item after the other, and remembers names."""

    def __init__(self, client: Client, *, expand_groups: bool = False) -> None:
        self._client = client
        self._expand_groups = expand_groups
        users, groups = client.users, client.groups
        self._users = _Names(users.find(), users.get, lambda user: user.username)
        self._groups = _Names(groups.find(), groups.get, lambda group: group.name)
        self._members = _Cache(self._list_members)

    async def rows(self, item: ContentItem | str) -> list[Access]:
        """Return the rows of one item, first that of its owner; none if it does not exist."""
        if not isinstance(item, ContentItem):
            # A name would look like content that was deleted.
            item = self._client.content.handle(guid_filter("items", own_guid(item)))
        if not item.guid:
            problem = "the server returned no guid for it"
            return [Access(content_name=item.name, content_title=item.title, problem=problem)]
        if item.owner_guid is None:
            get = self._client.content.get(item.guid, include=None)
            try:
                found = await none_if_missing(get)
            except PermissionDeniedError as error:
                return [Access(content_guid=item.guid, problem=error.message)]
            if found is None:
                return []
            item = found
        handle = item

        async def listed() -> list[Permission]:
            return await handle.permissions.find()

        try:
            permissions = await none_if_missing(listed())
        except PermissionDeniedError as error:
            (owner,) = await self.describe(item, [])
            unknown = replace(owner, principal_type=None, principal_guid=None, principal_name=None)
            return [owner, replace(unknown, role=None, problem=error.message)]
        return [] if permissions is None else await self.describe(item, permissions)

    async def describe(self, item: ContentItem, permissions: Iterable[Permission]) -> list[Access]:
        """Return the rows of the owner and of these permissions of an item."""
        name = item.owner.username if item.owner else None
        name = name or await self._users.get(item.owner_guid)
        owner = Access(
            content_guid=item.guid,
            content_name=item.name,
            content_title=item.title,
            access_type=item.access_type,
            owner=name,
            principal_type=PrincipalType.USER,
            principal_guid=item.owner_guid,
            principal_name=name,
            role="content owner",
        )
        rows = [owner]
        for permission in permissions:
            rows += await self._rows_of(permission, owner)
        return rows

    async def _rows_of(self, permission: Permission, owner: Access) -> list[Access]:
        """Return the row of a permission, and those of the members of its group."""
        guid = permission.principal_guid
        is_group = permission.principal_type == PrincipalType.GROUP
        row = replace(
            owner,
            principal_type=permission.principal_type,
            principal_guid=guid,
            principal_name=await (self._groups if is_group else self._users).get(guid),
            role=None if permission.role is None else str(permission.role),
        )
        if not is_group or not self._expand_groups:
            return [row]
        members = await self._members.get(guid) if guid else None
        if members is None:
            return [replace(row, problem="its members cannot be listed")]
        return [
            row,
            *(
                replace(
                    row,
                    principal_type=PrincipalType.USER,
                    principal_guid=member.guid,
                    principal_name=member.username,
                    group_name=row.principal_name,
                )
                for member in members
            ),
        ]

    async def _list_members(self, guid: str) -> list[GroupMember] | None:
        try:
            return await self._client.groups.handle(guid).members.find()
        except (NotFoundError, PermissionDeniedError):
            return None


class _Cache(Generic[V]):
    """What a function has returned for each guid; concurrent callers share one call."""

    def __init__(self, call: Callable[[str], Awaitable[V]]) -> None:
        self._call = call
        self._values: dict[str, V] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, guid: str) -> V:
        async with self._locks.setdefault(guid, asyncio.Lock()):
            if guid not in self._values:
                self._values[guid] = await self._call(guid)
        return self._values[guid]


class _Names(Generic[T]):
    """Names by guid: from the first page, then one by one, until a list takes fewer requests."""

    def __init__(
        self, items: Paged[T], get: Callable[[str], Awaitable[T]], name: Callable[[T], str]
    ) -> None:
        self._items: Paged[T] = items
        self._get: Callable[[str], Awaitable[T]] = get
        self._name: Callable[[T], str] = name
        self._names: dict[str, str] = {}
        self._pages: float | None = None
        """How many pages a complete list has; 0 if there is none, None before the first one."""
        self._listing = asyncio.Lock()
        self._single: _Cache[str | None] = _Cache(self._look_up)
        self._looked_up = 0

    async def get(self, guid: str | None) -> str | None:
        """Return the name, or None if the key cannot see it."""
        if not guid:
            return None
        if guid not in self._names and (self._pages is None or self._looked_up >= self._pages > 0):
            async with self._listing:
                if self._pages is None:
                    await self._list(1)
                elif self._pages and guid not in self._names:
                    await self._list(None)
        return self._names.get(guid) or await self._single.get(guid)

    async def _list(self, most: int | None) -> None:
        """List one page, or all."""
        remaining = 0.0
        try:
            async with aclosing(self._items.pages()) as pages:
                async for page in pages:
                    self._names |= {item.guid: self._name(item) for item in page.items}
                    if page.number == most and page.token is not None:
                        remaining = (page.total or 2 * len(page)) / max(len(page), 1)
                        break
        except PermissionDeniedError:
            pass  # It may look up single ones.
        self._pages = remaining

    async def _look_up(self, guid: str) -> str | None:
        self._looked_up += 1
        try:
            return self._name(await self._get(guid))
        except (NotFoundError, PermissionDeniedError):
            return None
