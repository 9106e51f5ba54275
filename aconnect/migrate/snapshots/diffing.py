"""Comparing two servers, or a server with a saved state: what is read of each, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Container, Iterable, Mapping
from functools import partial
from types import MappingProxyType

import msgspec

from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.catalog import read_catalog, together
from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot
from aconnect.migrate.snapshots.reading import Reader
from aconnect.migrate.snapshots.servers import KINDS, Diff, Kind, compare

_NONE: Mapping[str, str] = MappingProxyType({})

_Key = tuple[str, str]
"""The owner and the name of content, which are the same on both servers."""
_Side = tuple[tuple[ContentSnapshot, ...], Callable[[Container[str], int], Awaitable[Snapshot]]]


async def diff(
    source: Client | Snapshot,
    destination: Client | Snapshot,
    *,
    kinds: Collection[Kind] = KINDS,
    items: Callable[[ContentSnapshot], bool] | None = None,
    users: Mapping[str, str] = _NONE,
    groups: Mapping[str, str] = _NONE,
    in_flight: int = 64,
) -> Diff:
    """Compare two servers, or servers as they were when their snapshots were saved.

    Args:
        source: The first server.
        destination: The second.
        kinds: What to compare; by default everything.
        items: Which content to compare: what this function returns True for on either server, by
            what its list shows; by default all.
        users: The usernames on the second server by those on the first; others are the same.
        groups: The same for the names of groups.
        in_flight: How many items of each server are read at once.

    Raises:
        InvalidArgumentError: `items` chooses no content of either server, or a kind is unknown.
        AconnectError: A server could not be read.
    """
    sides = await together(partial(_opened, source, kinds), partial(_opened, destination, kinds))

    def keys(content: Iterable[ContentSnapshot], names: Mapping[str, str]) -> dict[str, _Key]:
        return {one.guid: (names.get(one.owner) or one.owner, one.name) for one in content}

    (first, _), (second, _) = sides
    by_guid = keys(first, users), keys(second, _NONE)
    # What has changed so that it is chosen on one server only is compared as well.
    chosen = {
        own[one.guid]
        for own, content in zip(by_guid, (first, second), strict=True)
        for one in content
        if items is None or items(one)
    }
    if items is not None and "content" in kinds and not chosen:
        raise InvalidArgumentError("neither server has the content that was chosen")
    before, after = await together(
        *(
            partial(read, {guid for guid, key in own.items() if key in chosen}, in_flight)
            for own, (_, read) in zip(by_guid, sides, strict=True)
        )
    )
    return compare(before, after, kinds=kinds, users=users, groups=groups)


async def _opened(server: Client | Snapshot, kinds: Collection[Kind]) -> _Side:
    """Return what the list of content shows, and a function that reads some of it by guid."""
    if isinstance(server, Snapshot):

        async def kept(guids: Container[str], _: int) -> Snapshot:
            content = tuple(one for one in server.content if one.guid in guids)
            return msgspec.structs.replace(server, content=content)

        return server.content, kept
    reader = Reader(server, await read_catalog(server))
    if "group" in kinds:
        await reader.members()
    listed = await reader.items() if "content" in kinds else []

    async def read(guids: Container[str], in_flight: int) -> Snapshot:
        chosen = [item for item in listed if item.guid in guids]
        return reader.snapshot(await reader.with_details(chosen, in_flight=in_flight))

    return tuple(map(reader.content, listed)), read
