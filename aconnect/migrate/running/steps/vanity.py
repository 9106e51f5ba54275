"""The vanity URL, which comes last: from then on visitors see the new content."""

from __future__ import annotations

from aconnect.errors import ConflictError
from aconnect.migrate.running.context import ItemRun


async def vanity(run: ItemRun) -> None:
    """Give the content its vanity URL; take it from other content if the plan says so."""
    path = run.item.target.vanity
    if path is None:
        return
    holder, own = run.item.takes_vanity_of, None
    # Only from the content that the plan names: others may have got the path since.
    if holder is not None and not await _has(run, holder, path):
        holder = None
    if run.is_adopted and run.writes.find("vanity") is None:
        found = await run.target.vanity.find_one()
        own = None if found is None else found.path

    async def put() -> None:
        if holder is None:
            await run.target.vanity.put(path=path)
        else:
            await run.target.vanity.put(path=path, force=True)

    before = {"path": path, "holder": holder, "own": own, "guid": run.row.target_guid}
    try:
        await run.writes.make("vanity", put, before=before)
    except ConflictError as error:
        if run.migration.plan.options.policies.vanity_taken != "without":
            raise
        run.note(f"without its vanity URL {path}, which was taken meanwhile: {error}")


async def _has(run: ItemRun, guid: str, path: str) -> bool:
    found = await run.migration.destination.content.handle(guid).vanity.find_one()
    return found is not None and found.path == path
