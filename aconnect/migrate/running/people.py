"""The users, groups and environments of the plan, which are created before any content."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import Final

from aconnect.concurrency import amap
from aconnect.errors import AconnectError
from aconnect.migrate.people.applying import Applier
from aconnect.migrate.people.model import Change, in_order
from aconnect.migrate.planning.newcomers import placeholder
from aconnect.migrate.running.context import Migration
from aconnect.migrate.running.journal import WriteKind
from aconnect.migrate.running.writes import Result

_KIND: Final[WriteKind] = "people"
_IN_FLIGHT: Final = 16


async def create_people(migration: Migration) -> None:
    """Create the users, groups and environments of the plan, each once.

    What cannot be created is remembered with its error: only the items that need it fail.
    """
    applier = Applier(migration.destination)
    due = in_order([change for change in migration.plan.people if change.is_due])
    for _, stage in groupby(due, key=lambda change: change.stage):
        await amap(partial(_create, migration, applier), stage, limit=_IN_FLIGHT)


async def _create(migration: Migration, applier: Applier, change: Change) -> None:
    # Names may have spaces.
    key = "\n".join(filter(None, (change.kind, change.name, change.member)))
    began_before = migration.writes.find(_KIND, key) is not None

    async def apply() -> Result:
        return {"guid": await applier.apply(change, look_up=began_before)}

    noun = change.kind.removeprefix("create-")
    try:
        made = await migration.writes.make(_KIND, apply, key=key, before={"text": change.text})
    except AconnectError as error:
        if migration.ledger.failure is not None:
            raise
        migration.notify("note", f"{change.text} failed: {error}")
        if noun != change.kind:
            migration.newcomers[placeholder(noun, change.name)] = error
        return
    if noun != change.kind:
        migration.newcomers[placeholder(noun, change.name)] = str(made["guid"])
