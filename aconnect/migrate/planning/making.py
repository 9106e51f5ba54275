"""Making a plan of two snapshots; makes no requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import msgspec

from aconnect._core.text import some_of
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.matching import Matches, match
from aconnect.migrate.mapping.model import Mapping
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
    "carried are content and its parts, not what happened to it: ids, addresses, times, logs, jobs, "
    "usage data, bookmarks, subscriptions and schedules stay on the source"
)


def make_plan(
    source: Snapshot,
    destination: Snapshot,
    *,
    mapping: Mapping,
    options: Options,
    selection: Selection,
    has_value: Callable[[str, str], bool],
    plan_id: str,
    now: datetime,
) -> Plan:
    """Plan the migration of all content in the snapshot of the source.

    Args:
        source: With the details of the content to migrate.
        destination: With all of its content; with details of the content that is updated.
        mapping: Who and what corresponds to whom and what.
        options: What to carry.
        selection: How the content of the source was chosen; only noted.
        has_value: Whether there is a source for the value of an environment variable, by the guid
            of the content and the name.
        plan_id: The id of the plan.
        now: The time of the plan.

    Raises:
        InvalidArgumentError: The mapping names something that a server does not have.
    """
    adopted = _adopted(mapping, source, destination)
    matches = match(source, destination, mapping)
    context = Context(
        source=source,
        destination=destination,
        matches=matches,
        mapping=mapping,
        options=options,
        has_value=has_value,
        names={(one.owner, one.name): one.guid for one in destination.content},
        vanities=dict(destination.vanities or _vanities(destination.content)),
    )
    width = len(str(len(source.content)))
    items = [
        _plan_item(context, one, number, adopted, f"ac-{plan_id}-{number:0{width}}")
        for number, one in enumerate(source.content, start=1)
    ]
    run = [item for item in items if item.is_runnable]
    return Plan(
        id=plan_id,
        made=now,
        source=_ref(source),
        destination=_ref(destination),
        selection=selection,
        options=options,
        mapping=mapping,
        items=tuple(items),
        principals=matches.principals(source.content),
        tags=tuple(_missing_tags(run, destination)),
        findings=tuple(_general(context, run)),
        bytes_total=sum(
            bundle.size or 0
            for item in run
            for bundle in (item.target.details.bundles if item.target.details else ())
        ),
    )


def _adopted(
    mapping: Mapping, source: Snapshot, destination: Snapshot
) -> dict[str, ContentSnapshot]:
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
    adopted: dict[str, ContentSnapshot],
    staging_name: str,
) -> PlannedItem:
    existing = adopted.get(source.guid)
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
    return PlannedItem(
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
        text = f"only administrators can create tags, and {len(tags)} are missing there: " + some_of(
            ["/".join(path) for path in tags]
        )
        found.append(Finding(kind="tags-missing", sign="!", text=text))
    return found


def replan(plan: Plan, fresh: Plan) -> Plan:
    """Return a plan with the items of a fresh one in their places; both are of the same options.

    Items keep their numbers and staging names.
    """
    items = {item.source.guid: item for item in fresh.items}
    return msgspec.structs.replace(
        plan,
        made=fresh.made,
        items=tuple(items.get(item.source.guid, item) for item in plan.items),
    )


__all__ = ["Matches", "make_plan", "replan"]
