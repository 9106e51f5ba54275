"""Making a plan of two snapshots; makes no requests."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from aconnect._core.text import some_of
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.mapping.values import Values
from aconnect.migrate.planning.checks import CHECKS
from aconnect.migrate.planning.draft import Context, Draft
from aconnect.migrate.planning.model import (
    Finding,
    Fingerprint,
    Options,
    Plan,
    PlannedItem,
    Selection,
    ServerRef,
)
from aconnect.migrate.snapshots.comparing import compare_content
from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot, TagPath
from aconnect.migrate.snapshots.reading import fingerprint

_LOST: Final = (
    "lost for all content: ids and addresses, times, logs and jobs, usage data, bookmarks, "
    "subscriptions and schedules"
)


class Inputs(Struct, frozen=True, kw_only=True):
    """What a plan is made of."""

    source: Snapshot
    """With the content to plan, and its details."""
    destination: Snapshot
    """With all of its content; with details of the content that is updated."""
    mapping: Mapping
    options: Options
    selection: Selection
    """How the content was chosen; only noted."""
    values: Values
    kept: tuple[PlannedItem, ...] = ()
    """The items of an earlier plan that stay as they are."""
    changed: tuple[PlannedItem, ...] = ()
    """The items of an earlier plan that are planned again, and keep their numbers."""


def make_plan(inputs: Inputs, *, plan_id: str, now: datetime) -> Plan:
    """Plan the migration of the content in the snapshot of the source.

    Raises:
        InvalidArgumentError: The mapping names something that a server does not have.
    """
    source, destination, mapping = inputs.source, inputs.destination, inputs.mapping
    adopted = _adopted(mapping, destination)
    context = Context(
        source=source,
        destination=destination,
        matches=match(source, destination, mapping),
        options=inputs.options,
        values=inputs.values,
        names={(one.owner, one.name): one.guid for one in destination.content},
        vanities=dict(destination.vanities or _vanities(destination.content)),
    )
    for item in inputs.kept:
        if item.is_runnable:
            context.take(item.target)
    numbers = {item.source.guid: item.number for item in inputs.changed}
    width = len(str(len(source.content) + len(inputs.kept)))
    items = list(inputs.kept)
    for number, one in enumerate(source.content, start=1):
        number = numbers.get(one.guid, number)  # noqa: PLW2901
        staging_name = f"ac-{plan_id}-{number:0{width}}"
        items.append(_plan_item(context, one, number, adopted.get(one.guid), staging_name))
    there = {item.source.guid for item in items}
    items += [_gone(item) for item in inputs.changed if item.source.guid not in there]
    items.sort(key=lambda item: item.number)
    run = [item for item in items if item.is_runnable]
    return Plan(
        id=plan_id,
        made=now,
        source=_ref(source),
        destination=_ref(destination),
        selection=inputs.selection,
        options=inputs.options,
        mapping=mapping,
        items=tuple(items),
        principals=context.matches.principals(item.source for item in items),
        tags=tuple(_missing_tags(run, destination)),
        findings=tuple(_general(context, run)),
        bytes_total=sum(
            bundle.size or 0
            for item in run
            for bundle in (item.target.details.bundles if item.target.details else ())
        ),
    )


def _gone(item: PlannedItem) -> PlannedItem:
    found = Finding(kind="deleted", sign="x", text="it was deleted on the source")
    return msgspec.structs.replace(item, sign="x", findings=(found,))


def _adopted(mapping: Mapping, destination: Snapshot) -> dict[str, ContentSnapshot]:
    """Return the content of the destination that is updated, by the guids of the source."""
    there = {one.guid: one for one in destination.content}
    if unknown := [guid for guid in mapping.content.values() if guid not in there]:
        raise InvalidArgumentError(
            f"[content] of the mapping names content that {destination.url} does not have: "
            f"{some_of(unknown)}"
        )
    return {old: there[new] for old, new in mapping.content.items()}


def _vanities(content: Iterable[ContentSnapshot]) -> dict[str, str]:
    return {one.vanity: one.guid for one in content if one.vanity is not None}


def _plan_item(
    context: Context,
    source: ContentSnapshot,
    number: int,
    existing: ContentSnapshot | None,
    staging_name: str,
) -> PlannedItem:
    draft = Draft(context, source, "" if existing is None else existing.guid)
    if existing is not None and existing.app_mode not in {None, "unknown", source.app_mode}:
        draft.find(
            "kind-differs",
            "!",
            f"it is {source.app_mode}, and {existing.guid} is {existing.app_mode}: content cannot "
            "change its kind; map it to other content, or to none",
        )
    for check in CHECKS:
        check(draft)
    sign = draft.sign
    if sign == "~" and existing is not None and not compare_content(draft.target, existing):
        sign = "="
    planned = PlannedItem(
        number=number,
        sign=sign,
        source=source,
        target=draft.target,
        fingerprint=Fingerprint(*fingerprint(source)),
        staging_name=staging_name,
        owner_guid=draft.owner_guid,
        environment_guid=draft.environment_guid,
        integration_guids=draft.integration_guids,
        needs_grant=draft.needs_grant,
        takes_vanity_of=draft.takes_vanity_of,
        findings=tuple(draft.findings),
    )
    if planned.is_runnable:
        context.take(planned.target)
    return planned


def _ref(server: Snapshot) -> ServerRef:
    me = server.me
    return ServerRef(
        url=server.url,
        version=server.version,
        me_guid=me.guid,
        username=me.username,
        role=me.role,
    )


def _missing_tags(items: Iterable[PlannedItem], destination: Snapshot) -> list[TagPath]:
    """Return the tags to create, parents first."""
    paths = {path for item in items for path in item.target.tags}
    needed = {path[:length] for path in paths for length in range(1, len(path) + 1)}
    return sorted(needed - set(destination.tags.values()), key=lambda path: (len(path), path))


def _general(context: Context, items: list[PlannedItem]) -> list[Finding]:
    """Return what is to be known about the whole migration."""
    destination = context.destination
    found = [Finding(kind="lost", sign="+", text=_LOST)]
    schedules = sum(len(item.source.schedules) for item in items)
    if schedules:
        text = f"{schedules} schedules are listed in the report: they can only be set by hand"
        found.append(Finding(kind="schedules", sign="+", text=text))
    addresses = {
        address
        for item in items
        if item.source.details is not None and item.source.details.manifest is not None
        for address in item.source.details.manifest.repositories
    }
    if addresses:
        text = (
            "the manifests name these package repositories, which the destination must reach: "
            f"{', '.join(sorted(addresses))}"
        )
        found.append(Finding(kind="package-repositories", sign="+", text=text))
    if grants := sum(item.needs_grant for item in items):
        text = f"{grants} grants on the source, which are withdrawn in the end"
        found.append(Finding(kind="grants", sign="+", text=text))
    if (tags := _missing_tags(items, destination)) and destination.me.role != "administrator":
        text = (
            f"only administrators can create tags, and {len(tags)} are missing there: "
            + some_of(["/".join(path) for path in tags])
        )
        found.append(Finding(kind="tags-missing", sign="!", text=text))
    return found
