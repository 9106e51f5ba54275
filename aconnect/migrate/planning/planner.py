"""Reading two servers into a plan, planning stale items again, and plans in files."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from aconnect._client.files import reason, replacing
from aconnect._client.threads import in_thread
from aconnect._core.text import some_of
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.values import read_values
from aconnect.migrate.planning.making import Inputs, make_plan
from aconnect.migrate.planning.model import Options, Plan, Selection
from aconnect.migrate.planning.staleness import changed_items, check_servers
from aconnect.migrate.snapshots.catalog import read_catalog, together
from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot
from aconnect.migrate.snapshots.reading import Reader, read_server

_FORMAT: Final = 1
_ID_BYTES: Final = 5
"""8 characters of base32."""


async def plan(
    source: Client,
    destination: Client,
    *,
    guids: Sequence[str] = (),
    tags: Sequence[str] = (),
    owners: Sequence[str] = (),
    search: str | None = None,
    mapping: Mapping | str | Path | None = None,
    options: Options | None = None,
    in_flight: int = 64,
) -> Plan:
    """Plan the migration of content from one server to another; changes nothing.

    Content is chosen that matches one value of each kind that is given; by default all of it.

    Args:
        source: The client of the server that has the content.
        destination: The client of the server that is to have it.
        guids: Guids of content.
        tags: Paths of tags, such as `Department/Finance`; content with tags below them as well.
        owners: Usernames of owners.
        search: A query as the search of the dashboard takes it.
        mapping: Who and what corresponds to whom and what, or the path of a mapping file. Without
            it, users are found by username or e-mail, and groups by name.
        options: What to carry, what may be changed for it, and what to do about conflicts; see
            `Options` for the defaults.
        in_flight: How many items are read at once.

    Raises:
        InvalidArgumentError: A server does not have what an argument or the mapping names.
        AconnectError: A server could not be read.
    """
    if source.url == destination.url:
        raise InvalidArgumentError(
            f"both servers are {source.url}; content cannot be migrated there"
        )
    selection = Selection(guids=tuple(guids), tags=tuple(tags), owners=tuple(owners), search=search)
    if mapping is None:
        mapping = Mapping()
    elif not isinstance(mapping, Mapping):
        mapping = await in_thread(load_mapping, Path(mapping))
    chosen = await _chooser(source, selection)
    known = mapping

    async def read_source() -> Snapshot:
        return await read_server(source, items=chosen, details=True, in_flight=in_flight)

    async def read_destination() -> Snapshot:
        return await _read_destination(destination, known)

    old, new = await together(read_source, read_destination)
    _check_selection(selection, old)
    inputs = Inputs(
        source=old,
        destination=new,
        mapping=mapping,
        options=options or Options(),
        selection=selection,
        values=await read_values(mapping),
    )
    plan_id = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    return make_plan(inputs, plan_id=plan_id, now=datetime.now(UTC)).bind(source, destination)


async def refresh(plan: Plan, *, in_flight: int = 64) -> Plan:
    """Plan those items again whose sources have changed, and return the new plan.

    The others stay as they are, with their numbers. A journal of the old plan goes on with the new
    one, except for changed items that have been begun.

    Raises:
        AconnectError: A server could not be read.
    """
    await check_servers(plan)
    changed = {item.source.guid: item for item in await changed_items(plan, plan.items)}
    source, destination = plan.clients
    old = await read_server(
        source, items=lambda one: one.guid in changed, details=True, in_flight=in_flight
    )
    inputs = Inputs(
        source=old,
        destination=await _read_destination(destination, plan.mapping),
        mapping=plan.mapping,
        options=plan.options,
        selection=plan.selection,
        values=await read_values(plan.mapping),
        kept=tuple(item for item in plan.items if item.source.guid not in changed),
        changed=tuple(changed.values()),
    )
    fresh = make_plan(inputs, plan_id=plan.id, now=datetime.now(UTC))
    return fresh.bind(source, destination)


async def _read_destination(client: Client, mapping: Mapping) -> Snapshot:
    """Read the destination, with the details of the content that is updated."""
    reader = Reader(client, await read_catalog(client))
    content = {item.guid: reader.content(item) for item in await reader.items()}
    for guid in mapping.content.values():
        if guid in content:
            content[guid] = await reader.read(guid)
    return reader.snapshot(content.values())


async def _chooser(source: Client, selection: Selection) -> Callable[[ContentSnapshot], bool]:
    """Return what decides whether content is chosen."""
    found: set[str] | None = None
    if selection.search is not None:
        found = {item.guid async for item in source.content.search(q=selection.search)}
    paths = [tuple(path.split("/")) for path in selection.tags]

    def is_chosen(item: ContentSnapshot) -> bool:
        if selection.guids and item.guid not in selection.guids:
            return False
        if selection.owners and item.owner not in selection.owners:
            return False
        if paths and not any(tag[: len(path)] == path for tag in item.tags for path in paths):
            return False
        return found is None or item.guid in found

    return is_chosen


def _check_selection(selection: Selection, source: Snapshot) -> None:
    """Raise if something was named that the source does not have."""
    paths = {"/".join(path) for path in source.tags.values()}
    users = {user.username for user in source.users}
    guids = {item.guid for item in source.content}
    unknown = [f"the tag {tag!r}" for tag in selection.tags if tag not in paths]
    unknown += [f"the user {name!r}" for name in selection.owners if name not in users]
    if not (selection.tags or selection.owners or selection.search):
        unknown += [f"content {guid}" for guid in selection.guids if guid not in guids]
    if unknown:
        raise InvalidArgumentError(f"{source.url} does not have {some_of(unknown)}")


async def save_plan(plan: Plan, path: str | Path) -> None:
    """Write a plan to a file of JSON, atomically. It has no secrets."""
    encoded = msgspec.json.format(msgspec.json.encode(plan, order="deterministic"), indent=1)

    def write() -> None:
        with replacing(Path(path)) as file:
            file.write(encoded + b"\n")

    await in_thread(write)


async def load_plan(path: str | Path, source: Client, destination: Client) -> Plan:
    """Read a plan from a file.

    Raises:
        InvalidArgumentError: It cannot be read, or is no plan of this version of the library.
    """
    try:
        text = await in_thread(Path(path).read_bytes)
        loaded = msgspec.json.decode(text, type=Plan)
    except OSError as error:
        raise InvalidArgumentError(f"cannot read {str(path)!r}: {reason(error)}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgumentError(f"{path} is no plan of a migration: {error}") from error
    if loaded.format != _FORMAT:
        raise InvalidArgumentError(
            f"{path} has format {loaded.format}, and this version reads {_FORMAT}; plan again"
        )
    return loaded.bind(source, destination)
