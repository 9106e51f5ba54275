"""Comparing two servers, or a server with a saved state: what is read of each, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Container, Iterable
from functools import partial
from pathlib import Path

import msgspec

from aconnect._client.threads import in_thread
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping, Match
from aconnect.migrate.snapshots.catalog import read_catalog, together
from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot
from aconnect.migrate.snapshots.reading import Reader
from aconnect.migrate.snapshots.servers import KINDS, Diff, Kind, compare

_Key = tuple[str, str]
"""The owner and the name of content, which are the same on both servers."""
_Read = Callable[[Container[str], int], Awaitable[Snapshot]]
_Names = dict[str, str]


async def diff(
    source: Client | Snapshot,
    destination: Client | Snapshot,
    *,
    kinds: Collection[Kind] = KINDS,
    items: Callable[[ContentSnapshot], bool] | None = None,
    mapping: Mapping | str | Path | None = None,
    in_flight: int = 64,
) -> Diff:
    """Compare two servers, or servers as they were when their snapshots were saved.

    Args:
        source: The first server.
        destination: The second.
        kinds: What to compare; by default everything.
        items: Which content to compare: what this function returns True for on either server, by
            what its list shows; by default all.
        mapping: Who corresponds to whom, or the path of a mapping file. Without it, users and
            groups are the same if their names are.
        in_flight: How many items of each server are read at once.

    Raises:
        InvalidArgumentError: `items` chooses no content of either server, a kind is unknown, or
            the mapping names what a server does not have.
        AconnectError: A server could not be read.
    """
    if mapping is not None and not isinstance(mapping, Mapping):
        mapping = await in_thread(load_mapping, Path(mapping))
    sides = await together(partial(_opened, source, kinds), partial(_opened, destination, kinds))
    (old, _), (new, _) = sides
    users, groups = ({}, {}) if mapping is None else _names(old, new, mapping)

    def keys(content: Iterable[ContentSnapshot], names: _Names) -> dict[str, _Key]:
        return {one.guid: (names.get(one.owner) or one.owner, one.name) for one in content}

    first, second = old.content, new.content
    by_guid = keys(first, users), keys(second, {})
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


def _names(old: Snapshot, new: Snapshot, mapping: Mapping) -> tuple[_Names, _Names]:
    """Return the names of users and of groups on the second server, by those on the first.

    They are empty for those whom the mapping leaves out.
    """
    matches = match(old, new, mapping)

    def names(found: Iterable[Match]) -> _Names:
        known = (one for one in found if one.target is not None or one.how == "left out")
        return {one.source: one.target or "" for one in known}

    return (
        names(matches.user(one.username) for one in old.users),
        names(matches.group(one.name) for one in old.groups),
    )


async def _opened(server: Client | Snapshot, kinds: Collection[Kind]) -> tuple[Snapshot, _Read]:
    """Return what the lists of a server show, and a function that reads content by guid."""
    if isinstance(server, Snapshot):

        async def kept(guids: Container[str], _: int) -> Snapshot:
            content = tuple(one for one in server.content if one.guid in guids)
            return msgspec.structs.replace(server, content=content)

        return server, kept
    reader = Reader(server, await read_catalog(server))
    if "group" in kinds:
        await reader.members()
    listed = await reader.items() if "content" in kinds else []

    async def read(guids: Container[str], in_flight: int) -> Snapshot:
        chosen = [item for item in listed if item.guid in guids]
        return reader.snapshot(await reader.with_details(chosen, in_flight=in_flight))

    return reader.snapshot(map(reader.content, listed)), read
