"""The writes on the source, which are made only if the plan says so."""

from __future__ import annotations

from typing import Final

from aconnect.concurrency import amap
from aconnect.connect import ContentItem, User
from aconnect.errors import AconnectError, InvalidArgumentError, NotFoundError
from aconnect.migrate.running.context import ItemRun, Migration
from aconnect.migrate.running.journal import Write, WriteKind
from aconnect.migrate.running.writes import Result

_GRANT: Final[WriteKind] = "grant"
_LOCK: Final[WriteKind] = "source-lock"
_IN_FLIGHT: Final = 16
_WAIT: Final = 1.0
"""Seconds."""


async def granted(run: ItemRun) -> None:
    """Make the owner of the key a collaborator, so that the bundles can be downloaded."""
    plan = run.migration.plan
    if not run.item.needs_grant:
        return
    if not plan.options.grant_self:
        raise InvalidArgumentError(
            "only collaborators can download its bundles; plan with grant_self=True (--grant-self)"
        )
    me = User(guid=plan.source.me_guid)
    found = await run.source.permissions.find_one(me)
    role = None if found is None else str(found.role)
    write = run.writes.find(_GRANT)
    if write is not None and write.state == "done" and role != "owner":
        # It was withdrawn by a process that could not record that any more.
        run.migration.ledger.mark_undone(write)

    async def grant() -> Result:
        if found is None:
            return {"id": (await run.source.permissions.create(me, role="owner")).id}
        return {"id": (await run.source.ensure_permission(me, "owner")).id}

    await run.writes.make(
        _GRANT, grant, side="source", before={"guid": run.item.source.guid, "role": role}
    )


async def revoke(migration: Migration, number: int) -> None:
    """Withdraw the grant for an item, if there is one; put back the role that was there before.

    A grant whose response is not known is withdrawn as well.
    """
    write = migration.ledger.write(number, _GRANT, "")
    if write is None or write.state == "undone":
        return
    item = migration.source.content.handle(write.before["guid"])
    me = User(guid=migration.plan.source.me_guid)
    await withdraw(item, me, write)
    migration.ledger.mark_undone(write)


async def withdraw(item: ContentItem, me: User, grant: Write) -> None:
    """Withdraw a grant on the source: put back the role that was there before, if any."""
    role, permission = grant.before.get("role"), grant.result.get("id")
    if grant.state == "intent":
        # The server may still be at work on it.
        await item.client.clock.sleep(_WAIT)
    try:
        if role is not None:
            await item.ensure_permission(me, role)
        elif permission:
            await item.permissions.delete(permission)
        elif (found := await item.permissions.find_one(me)) is not None:
            # The response of the grant was not received, or was damaged.
            await found.delete()
    except NotFoundError:
        # The content or the permission was deleted meanwhile.
        return


async def revoke_all(migration: Migration) -> None:
    """Withdraw the grants that are left, such as those of a run that was killed."""
    left = [one for one in migration.ledger.writes(kind=_GRANT) if one.state != "undone"]

    async def withdraw_one(write: Write) -> None:
        try:
            await revoke(migration, write.number)
        except AconnectError as error:
            guid = write.before["guid"]
            migration.notify(
                "note",
                f"the key's owner is still a collaborator of {guid} on the source, because that "
                f"could not be withdrawn: {error}",
            )

    # At once, because a run that was interrupted has little time for it.
    await amap(withdraw_one, left, limit=_IN_FLIGHT)


async def source_locked(run: ItemRun) -> None:
    """Lock the source, so that nobody changes what was migrated."""
    message = run.migration.plan.options.lock_source
    if message is None or run.item.source.locked:
        return
    if run.writes.find("proof") is None:
        run.note("the source is not locked, because the content is not on the destination")
        return

    async def lock() -> None:
        await run.source.update(locked=True, locked_message=message)

    before = {
        "guid": run.item.source.guid,
        "locked_message": run.item.source.locked_message,
        "message": message,
    }
    await run.writes.make(_LOCK, lock, side="source", before=before)
