"""Reading two servers into a plan, and planning stale items again."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from aconnect._client.threads import in_thread
from aconnect.connect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.values import read_values
from aconnect.migrate.people.model import Change
from aconnect.migrate.planning.making import Inputs, make_plan
from aconnect.migrate.planning.model import Options, Plan, Selection
from aconnect.migrate.planning.newcomers import find_newcomers
from aconnect.migrate.planning.selecting import check_mapped_content, choose, search_guids
from aconnect.migrate.planning.staleness import changed, check_servers, read_again
from aconnect.migrate.snapshots.catalog import read_catalog, together
from aconnect.migrate.snapshots.model import Snapshot
from aconnect.migrate.snapshots.reading import Reader

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
    migrated: dict[str, str] | None = None,
    options: Options | None = None,
    in_flight: int = 64,
) -> Plan:
    """Plan the migration of content from one server to another; changes nothing.

    Content is chosen that matches one value of each kind that is given; by default all of it.

    Args:
        source: The client of the server that has the content.
        destination: The client of the server that is to have it.
        guids: Guids of content.
        tags: Names of tags, or paths such as `Department/Finance`; content with tags below them as
            well.
        owners: Usernames of owners.
        search: A query as the search of the dashboard takes it.
        mapping: Who and what corresponds to whom and what, or the path of a mapping file. Without
            it, users are found by username or e-mail, and groups by name.
        migrated: What an earlier migration has created, from `read_journal(path).content`: it is
            updated, as if the mapping named it, unless it was deleted since.
        options: What to carry, what may be changed for it, and what to do about conflicts; see
            `Options` for the defaults.
        in_flight: How many items are read at once.

    Raises:
        InvalidArgumentError: A server does not have what an argument or the mapping names, or no
            content is chosen.
        AconnectError: A server could not be read.
    """
    if source.url == destination.url:
        raise InvalidArgumentError(
            f"both servers are {source.url}; content cannot be migrated there"
        )
    options = _checked(options or Options())
    for name, values in {"guids": guids, "tags": tags, "owners": owners}.items():
        if isinstance(values, str):
            raise InvalidArgumentError(f"{name}={values!r} is one text; pass a list of texts")
    selection = Selection(guids=tuple(guids), tags=tuple(tags), owners=tuple(owners), search=search)
    if mapping is None:
        mapping = Mapping()
    elif not isinstance(mapping, Mapping):
        mapping = await in_thread(load_mapping, Path(mapping))
    known = {**(migrated or {}), **mapping.content}
    old, new = await together(
        partial(_read_source, source, selection, mapping, in_flight),
        partial(_read_destination, destination, known, in_flight),
    )
    mapping = _with_migrated(mapping, known, old, new)
    people: tuple[Change, ...] = ()
    if options.people:
        people = await find_newcomers(source, destination, old, new, mapping)
    inputs = Inputs(
        source=old,
        destination=new,
        mapping=mapping,
        options=options,
        people=people,
        selection=selection,
        values=await read_values(mapping),
    )
    plan_id = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
    made = await in_thread(partial(make_plan, inputs, plan_id=plan_id, now=datetime.now(UTC)))
    return made.bind(source, destination)


async def refresh(plan: Plan, *, begun: Collection[int] = (), in_flight: int = 64) -> Plan:
    """Plan those items again whose sources have changed, and return the new plan.

    The others stay as they are; all keep their numbers. A journal of the old plan goes on with the
    new one.

    Args:
        plan: From `plan` or `load_plan`.
        begun: The numbers of items that a run has begun; they stay as they are.
        in_flight: How many items are read at once.

    Raises:
        InvalidArgumentError: The clients are not those of the plan.
        AconnectError: A server could not be read.
    """
    await check_servers(plan)
    source, destination = plan.clients
    open_ = [item for item in plan.items if item.number not in begun]
    old, new = await together(
        partial(read_again, plan, open_, in_flight=in_flight),
        partial(_read_destination, destination, plan.mapping.content, in_flight),
    )
    again = {item.source.guid: item for item in changed(open_, old)}
    content = tuple(one for one in old.content if one.guid in again)
    inputs = Inputs(
        source=msgspec.structs.replace(old, content=content),
        destination=new,
        mapping=plan.mapping,
        options=plan.options,
        selection=plan.selection,
        values=await read_values(plan.mapping),
        people=plan.people,
        kept=tuple(item for item in plan.items if item.source.guid not in again),
        changed=tuple(again.values()),
        principals=plan.principals,
    )
    made = await in_thread(partial(make_plan, inputs, plan_id=plan.id, now=datetime.now(UTC)))
    return made.bind(source, destination)


def _checked(options: Options) -> Options:
    """Return the options; a misspelled policy would otherwise be none of those that are known."""
    try:
        return msgspec.convert(msgspec.to_builtins(options), Options)
    except msgspec.ValidationError as error:
        raise InvalidArgumentError(f"invalid options: {error}") from error


def _with_migrated(
    mapping: Mapping, known: dict[str, str], source: Snapshot, destination: Snapshot
) -> Mapping:
    """Return the mapping with what an earlier migration has created, as far as it is there."""
    chosen = {one.guid for one in source.content}
    there = {one.guid for one in destination.content} - set(mapping.content.values())
    content = {old: new for old, new in known.items() if old in chosen and new in there}
    return msgspec.structs.replace(mapping, content={**content, **mapping.content})


async def _read_source(
    client: Client, selection: Selection, mapping: Mapping, in_flight: int
) -> Snapshot:
    """Read the source with the content that is chosen, and its details."""
    found = await search_guids(client, selection.search)
    reader = Reader(client, await read_catalog(client))
    items = await reader.items()
    content = [reader.content(item) for item in items]
    check_mapped_content(reader.catalog, content, mapping)
    chosen = choose(reader.catalog, content, selection, found)
    wanted = [item for item in items if item.guid in chosen]
    return reader.snapshot(await reader.with_details(wanted, in_flight=in_flight))


async def _read_destination(client: Client, updates: dict[str, str], in_flight: int) -> Snapshot:
    """Read the destination, with the details of the content that is updated."""
    reader = Reader(client, await read_catalog(client))
    items = await reader.items()
    content = {item.guid: reader.content(item) for item in items}
    updated = set(updates.values())
    wanted = [item for item in items if item.guid in updated]
    for one in await reader.with_details(wanted, in_flight=in_flight):
        content[one.guid] = one
    return reader.snapshot(content.values())
