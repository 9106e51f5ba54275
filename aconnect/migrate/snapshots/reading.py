"""Reading a server: its lists, its content, and the details of content.

Decides how an item is described by names, and which requests its details take. What the key may not
read is named in the description; it is not a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from aconnect.concurrency import amap
from aconnect.connect import Client, ContentItem, ServerVersion
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect._base.resource import none_if_missing
from aconnect.connect.content.repository import Repository
from aconnect.errors import ApiError, EndpointMissingError, NotFoundError, PermissionDeniedError
from aconnect.migrate.snapshots.catalog import Catalog, read_catalog, together
from aconnect.migrate.snapshots.describing import (
    SETTINGS,
    WRITABLE,
    Parts,
    describe_content,
    describe_details,
    fingerprint,
    known_fields,
)
from aconnect.migrate.snapshots.manifests import read_manifest
from aconnect.migrate.snapshots.model import (
    ContentDetails,
    ContentSnapshot,
    GroupSnapshot,
    ManifestSnapshot,
    Snapshot,
)

__all__ = ["SETTINGS", "Catalog", "Reader", "fingerprint", "read_catalog", "read_server"]

T = TypeVar("T")

_INCLUDE: Final = ("owner", "tags", "vanity_url")
_SCHEDULES: Final = ("schedule",)
"""Older servers refuse it."""

_SINCE: Final = {"repository": "2022.12.0", "integrations": "2024.08.0"}
"""The versions that have parts of the details."""
_ALWAYS: Final = frozenset({"permissions", "variables", "bundles"})
"""The parts that all versions have: without them, something is wrong with the server."""
_VANITY_SINCE: Final = "2024.06.0"


class Reader:
    """Reads content of one server, and describes it by names.

    Args:
        client: The client of the server.
        catalog: The lists of the server.
        manifests: Whether details include the manifest, which only a plan needs.
    """

    def __init__(self, client: Client, catalog: Catalog, *, manifests: bool = True) -> None:
        self.client: Client = client
        self.catalog: Catalog = catalog
        self.content_fields: tuple[str, ...] = known_fields(catalog.version)
        """The fields that content has on this server, sorted; seen by `items`."""
        self._version = ServerVersion.parse(catalog.version)
        self._include: tuple[str, ...] = (*_INCLUDE, *_SCHEDULES)
        self._manifests = manifests
        self._missing: set[str] = set()
        self._there: set[str] = set(_ALWAYS)
        self._strangers: set[str] = set()
        self._lock = asyncio.Lock()

    async def items(self) -> list[ContentItem]:
        """List all content that the key can see, in one request."""
        listed = await self._asked(
            lambda include: self.client.with_response(self.client.content.find, include=include)
        )
        if listed.value:
            first = msgspec.json.decode(listed.body, type=list[msgspec.Raw])[0]
            names = msgspec.json.decode(first, type=dict[str, Any])
            self.content_fields = tuple(sorted(WRITABLE.intersection(names)))
        if not self._lists_vanities:
            for item in listed.value:
                item.vanity_url = (self.catalog.vanities or {}).get(item.guid)
        return listed.value

    def content(self, item: ContentItem) -> ContentSnapshot:
        """Describe an item as it is in the list of content, or as `content.get` returns it."""
        return describe_content(item, self.catalog)

    async def details(self, item: ContentItem) -> ContentDetails:
        """Read what must be requested for each item.

        Raises:
            NotFoundError: The content no longer exists.
            AconnectError: A part could not be read for another reason than a lack of rights.
        """
        parts, unreadable = await self._parts(item)
        return describe_details(parts, unreadable, self.catalog)

    async def read(self, guid: str) -> ContentSnapshot:
        """Read one item with its details, as it is now.

        Raises:
            NotFoundError: The content does not exist.
            AconnectError: As `details`.
        """
        item = await self._asked(lambda include: self.client.content.get(guid, include=include))
        if item.included_tags is None:
            # Older servers include nothing with a single item.
            item.included_tags = await item.tags.find()
        if not self._lists_vanities:
            item.vanity_url = await _vanity(item)
        parts, unreadable = await self._parts(item)
        await self._know(
            (
                item.owner_guid,
                item.default_environment_guid,
                *(tag.id for tag in item.included_tags),
                *(one.principal_guid for one in parts.permissions),
            )
        )
        details = describe_details(parts, unreadable, self.catalog)
        return msgspec.structs.replace(self.content(item), details=details)

    async def with_details(
        self, items: Iterable[ContentItem], *, in_flight: int = 64
    ) -> list[ContentSnapshot]:
        """Describe listed items with their details; those that were deleted since are left out.

        Raises:
            AconnectError: As `details`.
        """
        asks_vanities = not self._lists_vanities and self.catalog.vanities is None

        async def described(item: ContentItem) -> ContentSnapshot | None:
            if asks_vanities:
                item.vanity_url = await _vanity(item)
            details = await none_if_missing(self.details(item))
            if details is None:
                return None
            return msgspec.structs.replace(self.content(item), details=details)

        found = await amap(described, items, limit=in_flight)
        return [content for content in found if content is not None]

    async def members(self) -> None:
        """Read the members of all groups into the catalog; one request for each group or more."""

        async def with_members(group: GroupSnapshot) -> GroupSnapshot:
            found = await self.client.groups.handle(group.guid).members.find()
            names = sorted(member.username for member in found)
            return msgspec.structs.replace(group, members=tuple(names))

        groups = await amap(with_members, self.catalog.groups.values(), limit=32)
        self.catalog = msgspec.structs.replace(
            self.catalog, groups={group.guid: group for group in groups}
        )

    def snapshot(self, content: Iterable[ContentSnapshot]) -> Snapshot:
        """Return the server with this content."""
        catalog = self.catalog
        vanities, environments = catalog.vanities, catalog.environments
        return Snapshot(
            url=catalog.url,
            version=catalog.version,
            taken=datetime.fromtimestamp(self.client.channel.clock.time(), UTC),
            me=catalog.me,
            is_off_host=catalog.is_off_host,
            content_fields=self.content_fields,
            users=tuple(catalog.users.values()),
            groups=tuple(catalog.groups.values()),
            tags=catalog.tags,
            vanities=None if vanities is None else {path: guid for guid, path in vanities.items()},
            environments=None if environments is None else tuple(environments.values()),
            integrations=catalog.integrations,
            runtimes=catalog.runtimes,
            content=tuple(content),
        )

    @property
    def _lists_vanities(self) -> bool:
        return self._version is None or not self._version < _VANITY_SINCE

    async def _asked(self, call: Callable[[tuple[str, ...]], Awaitable[T]]) -> T:
        """Make a call with all that content can include, or all that this server knows."""
        try:
            return await call(self._include)
        except ApiError as error:
            if error.code != ApiErrorCode.INVALID_INCLUDE or self._include == _INCLUDE:
                raise
        self._include = _INCLUDE
        return await call(self._include)

    async def _know(self, keys: Iterable[str | None]) -> None:
        """Read the lists again if they are older than what an item refers to."""

        def unknown() -> set[str]:
            return {key for key in wanted if not self.catalog.knows(key)} - self._strangers

        wanted = [key for key in keys if key]
        if unknown():
            async with self._lock:
                if unknown():
                    self.catalog = await read_catalog(self.client)
                    self._strangers |= unknown()

    async def _parts(self, item: ContentItem) -> tuple[Parts, tuple[str, ...]]:
        """Read all parts at the same time; return also the names of those that are unreadable."""
        unreadable: set[str] = set()
        readers: dict[str, Callable[[], Awaitable[Any]]] = {
            "permissions": item.permissions.find,
            "variables": item.environment_variables.find,
            "bundles": item.bundles.find,
            "repository": partial(_repository, item),
            "integrations": item.oauth.associations.find,
        }
        if self._manifests:
            readers["manifest"] = partial(_manifest, item)

        async def read(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
            try:
                value = await call()
            except EndpointMissingError:
                # A proxy says the same while the server restarts; nothing is lost because of that.
                if name in self._there:
                    raise
                self._missing.add(name)
            except PermissionDeniedError:
                unreadable.add(name)
            else:
                self._there.add(name)
                return value
            return None

        asked = [name for name in readers if self._may_have(name)]
        values = await together(*(partial(read, name, readers[name]) for name in asked))
        found = {k: v for k, v in zip(asked, values, strict=True) if v is not None}
        parts = Parts(**found)
        if self._manifests and item.bundle_id is not None and parts.manifest is None:
            # Older servers have manifests too, but no operation that returns them.
            unreadable.add("manifest")
        return parts, tuple(sorted(unreadable))

    def _may_have(self, part: str) -> bool:
        """Return False if there is nothing to ask for."""
        if part in self._missing or (part == "integrations" and self.catalog.integrations == {}):
            return False
        since = _SINCE.get(part)
        return since is None or self._version is None or not self._version < since


async def read_server(
    client: Client,
    *,
    items: Callable[[ContentSnapshot], bool] | None = None,
    details: bool = False,
    manifests: bool = True,
    members: bool = False,
    in_flight: int = 64,
) -> Snapshot:
    """Read a server: its lists in a few requests, and the details of content if they are wanted.

    Content that is deleted meanwhile is left out.

    Args:
        client: The client of the server.
        items: Which content to return, by what the list shows; by default all.
        details: Whether to read the details as well, which takes about six requests for each item.
        manifests: Whether the details include the manifest.
        members: Whether to read the members of groups, which takes a request for each group.
        in_flight: How many items are read at once.

    Raises:
        AconnectError: Something could not be read, for another reason than that the server does not
            have it or the key may not read it.
    """
    reader = Reader(client, await read_catalog(client), manifests=manifests)
    if members:
        await reader.members()
    chosen = [item for item in await reader.items() if items is None or items(reader.content(item))]
    if not details:
        return reader.snapshot(map(reader.content, chosen))
    return reader.snapshot(await reader.with_details(chosen, in_flight=in_flight))


async def _vanity(item: ContentItem) -> str | None:
    """Return the vanity path of an item whose server does not include it."""
    vanity = await item.vanity.find_one()
    return None if vanity is None else vanity.path


async def _repository(item: ContentItem) -> Repository | None:
    return await none_if_missing(item.repository.get())


async def _manifest(item: ContentItem) -> ManifestSnapshot | None:
    """Read the manifest of the active bundle; None if there is none, or the file is not stored."""
    if item.bundle_id is None:
        return None
    try:
        file = await item.bundles.handle(item.bundle_id).files.get("manifest.json")
    except NotFoundError:
        return None
    return read_manifest(file.content or "")
