"""Making a plan of two snapshots; makes no requests.

Decides in an order that depends on the content only, so that the same content gives the same plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import Struct

from aconnect._core.text import some_of
from aconnect.connect import ServerVersion
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping, Match
from aconnect.migrate.mapping.values import Values
from aconnect.migrate.people.model import Change
from aconnect.migrate.planning.checks import CHECKS
from aconnect.migrate.planning.draft import Context, Draft
from aconnect.migrate.planning.general import find_general, find_people, missing_tags
from aconnect.migrate.planning.model import (
    Finding,
    Fingerprint,
    Options,
    Plan,
    PlannedItem,
    Selection,
    ServerRef,
)
from aconnect.migrate.planning.newcomers import mapped_newcomers, with_newcomers
from aconnect.migrate.planning.taken import Taken
from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot
from aconnect.migrate.snapshots.reading import fingerprint


class Inputs(Struct, frozen=True, kw_only=True):
    """What a plan is made of."""

    source: Snapshot
    """With the content to plan, and its details."""
    destination: Snapshot
    """With all of its content; with details of the content that is updated."""
    mapping: Mapping
    options: Options
    selection: Selection = Selection()
    """How the content was chosen; only noted."""
    values: Values
    people: tuple[Change, ...] = ()
    """The changes that are made first; the destination is planned with as it is after them."""
    kept: tuple[PlannedItem, ...] = ()
    """The items of an earlier plan that stay as they are."""
    changed: tuple[PlannedItem, ...] = ()
    """The items of an earlier plan that are planned again; they keep numbers and staging names."""
    principals: tuple[Match, ...] = ()
    """The users and groups of an earlier plan, which the items that stay refer to."""


def make_plan(inputs: Inputs, *, plan_id: str, now: datetime) -> Plan:
    """Plan the migration of the content in the snapshot of the source.

    Raises:
        InvalidArgumentError: The mapping names something that a server does not have.
    """
    source, mapping = inputs.source, inputs.mapping
    destination = with_newcomers(inputs.destination, inputs.people)
    adopted = _adopted(mapping, destination)
    context = Context(
        source=source,
        destination=destination,
        matches=match(source, destination, mapped_newcomers(mapping, inputs.people)),
        options=inputs.options,
        values=inputs.values,
        taken=Taken(destination),
        version=ServerVersion.parse(destination.version),
        roles={user.guid: user.role for user in destination.users},
    )
    for item in inputs.kept:
        if item.is_runnable:
            context.taken.add(item.target)
    items = [
        *inputs.kept,
        *(
            _plan_item(Draft(context, one, adopted.get(one.guid)), number, staging_name)
            for number, staging_name, one in _numbered(inputs, plan_id)
        ),
        *_deleted(inputs),
    ]
    items.sort(key=lambda item: item.number)
    runnable = [item for item in items if item.is_runnable]
    needed = context.matches.principals(one.source for one in items if one.sign not in {"x", "-"})
    # Those of an earlier plan are there for the items that stay, as far as they are others.
    principals = {(one.kind, one.source, one.target): one for one in (*inputs.principals, *needed)}
    return Plan(
        id=plan_id,
        made=now,
        source=_ref(source),
        destination=_ref(destination),
        selection=inputs.selection,
        options=inputs.options,
        mapping=mapping,
        items=tuple(items),
        principals=tuple(principals.values()),
        people=inputs.people,
        tags=tuple(missing_tags(runnable, destination)),
        findings=(*find_general(context, runnable), *find_people(inputs.people)),
        bytes_total=sum(
            bundle.size or 0
            for item in runnable
            for bundle in (item.target.details.bundles if item.target.details else ())
        ),
    )


def _adopted(mapping: Mapping, destination: Snapshot) -> dict[str, ContentSnapshot]:
    """Return the content of the destination that is updated, by the guids of the source."""
    there = {one.guid: one for one in destination.content}
    guids = list(mapping.content.values())
    if unknown := [guid for guid in guids if guid not in there]:
        raise InvalidArgumentError(
            f"[content] of the mapping names content that {destination.url} does not have: "
            f"{some_of(unknown)}"
        )
    if twice := sorted(guid for guid, count in Counter(guids).items() if count > 1):
        raise InvalidArgumentError(
            f"[content] of the mapping gives {some_of(twice)} to several items; each can have one"
        )
    return {old: there[new] for old, new in mapping.content.items()}


def _numbered(inputs: Inputs, plan_id: str) -> Iterator[tuple[int, str, ContentSnapshot]]:
    """Yield the content in the order in which it is planned, with numbers and staging names."""
    earlier = {item.source.guid: item for item in inputs.changed}
    content = sorted(inputs.source.content, key=lambda one: (one.owner, one.name, one.guid))
    width = len(str(len(content)))
    for number, one in enumerate(content, start=1):
        if (item := earlier.get(one.guid)) is not None:
            yield item.number, item.staging_name, one
        else:
            yield number, f"ac-{plan_id}-{number:0{width}}", one


def _deleted(inputs: Inputs) -> Iterator[PlannedItem]:
    """Yield the items whose sources no longer exist."""
    there = {one.guid for one in inputs.source.content}
    found = Finding(kind="deleted", sign="x", text="it was deleted on the source")
    for item in inputs.changed:
        if item.source.guid not in there:
            yield msgspec.structs.replace(item, sign="x", findings=(found,))


def _plan_item(draft: Draft, number: int, staging_name: str) -> PlannedItem:
    for check in CHECKS:
        check(draft)
        if draft.sign in {"-", "x"}:
            break
    sign = "=" if draft.sign == "~" and draft.is_current else draft.sign
    planned = PlannedItem(
        number=number,
        sign=sign,
        source=draft.source,
        target=draft.target,
        fingerprint=Fingerprint(*fingerprint(draft.source)),
        staging_name=staging_name,
        owner_guid=draft.owner_guid,
        environment_guid=draft.environment_guid,
        integration_guids=draft.integration_guids,
        needs_grant=draft.needs_grant,
        takes_vanity_of=draft.takes_vanity_of,
        findings=tuple(draft.findings),
    )
    if planned.is_runnable:
        draft.context.taken.add(planned.target)
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
