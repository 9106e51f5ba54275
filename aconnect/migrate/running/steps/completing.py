"""Everything but the build: thumbnail, tags, permissions, final name and owner, and the proof."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from aconnect.connect import Permission
from aconnect.connect._base.resource import none_if_missing
from aconnect.errors import ApiError, EndpointMissingError, InvalidArgumentError, NotFoundError
from aconnect.migrate.running.context import ItemRun
from aconnect.migrate.running.steps.creating import LATER, set_fields, values_of
from aconnect.migrate.running.writes import Result
from aconnect.migrate.snapshots.comparing import compare_content, missing_from
from aconnect.migrate.snapshots.model import PrincipalRole

_CATEGORY: Final = "content_category"
_SETTABLE_CATEGORIES: Final = frozenset({"mcp"})
"""The others follow from the manifest, and are only compared."""


async def dressed(run: ItemRun) -> None:
    """Carry the thumbnail, the tags and the permissions."""
    await _thumbnail(run)
    had = [tag.id for tag in await run.target.tags.find()] if run.is_adopted else []
    for path in run.item.target.tags:
        tag_id = run.migration.tags.get(path)
        if tag_id is None:
            reason = run.migration.failed_tags.get(path)
            raise reason or InvalidArgumentError(
                f"the tag {'/'.join(path)!r} is not on the destination; plan again"
            )
        await run.writes.make(
            "tag", partial(_add_tag, run, tag_id), key=tag_id, before={"had": had}
        )
    await _permissions(run, of_owner=False)


async def _thumbnail(run: ItemRun) -> None:
    write = run.writes.find("thumbnail")
    if write is not None and write.state == "done":
        return
    try:
        image = await run.source.thumbnail.get()
    except ApiError as error:
        run.note(f"the thumbnail cannot be read on the source: {error}")
        return
    if image is None:
        return
    had = False
    if run.is_adopted and write is None:
        try:
            former = await run.target.thumbnail.get()
        except ApiError:
            # Not readable, so it may have one.
            had = True
        else:
            had = former is not None
            if former == image:
                return

    async def put() -> None:
        await run.target.thumbnail.put(image)

    try:
        await run.writes.make("thumbnail", put, before={"had": had})
    except EndpointMissingError:
        run.note("without its thumbnail, which the destination's version does not have")


async def _add_tag(run: ItemRun, tag_id: str) -> Result:
    await run.target.tags.add(tag_id)
    return {"id": tag_id}


async def _permissions(run: ItemRun, *, of_owner: bool) -> None:
    """Give the permissions; that of the first owner only after somebody else owns the content."""
    details, owner = run.item.target.details, run.first_owner_guid
    for permission in () if details is None else details.permissions:
        guid = run.migration.principal(permission.kind, permission.name)
        if guid is None:
            raise InvalidArgumentError(
                f"the {permission.kind} {permission.name!r} is not on the destination; plan again"
            )
        if guid == run.owner_guid or (guid == owner) is not of_owner:
            continue
        await _permission(run, permission, guid)


async def _permission(run: ItemRun, permission: PrincipalRole, guid: str) -> None:
    permissions, key = run.target.permissions, f"{permission.kind}:{guid}"
    write = run.writes.find("permission", key)
    if write is not None and write.state == "done":
        return
    # Content that was just created has none.
    found: Permission | None = None
    if run.is_adopted or write is not None:
        found = await permissions.find_one(principal_guid=guid)

    async def give() -> Result:
        if found is not None:
            given = found if found.role == permission.role else await found.update(permission.role)
        else:
            given = await permissions.create(
                principal_guid=guid, principal_type=permission.kind, role=permission.role
            )
        return {"id": given.id}

    role = None if found is None else str(found.role)
    await run.writes.make("permission", give, key=key, before={"role": role, "guid": guid})


async def finished(run: ItemRun) -> None:
    """Set the final name and owner in one request, with what makes the content visible."""
    target = run.item.target
    repository = None if target.details is None else target.details.repository
    if repository is not None and repository.polling:

        async def poll() -> None:
            await run.target.repository.update(polling=True)

        await run.writes.make("polling", poll)
    fields: dict[str, Any] = {
        name: value
        for name, value in target.settings.items()
        if name in LATER and (name != _CATEGORY or value in _SETTABLE_CATEGORIES)
    }
    fields["name"] = target.name
    if target.access_type is not None:
        fields["access_type"] = target.access_type
    if run.owner_guid not in {None, run.first_owner_guid}:
        fields["owner_guid"] = run.owner_guid
    before: dict[str, Any] = {"new_owner": fields.get("owner_guid")}
    if run.is_adopted and run.writes.find("final") is None:
        before["fields"] = values_of(await run.target.refresh(), fields)
        if (owner := before["new_owner"]) is not None:
            # The server forgets it, because owners have all permissions.
            found = await run.target.permissions.find_one(principal_guid=owner)
            before["role"] = None if found is None else str(found.role)

    async def update() -> Result:
        return await set_fields(run.target, fields)

    await run.writes.make("final", update, before=before)
    await _permissions(run, of_owner=True)


async def locked(run: ItemRun) -> None:
    """Lock the content as the source was, after everything that a lock prevents."""
    target = run.item.target
    if not (target.locked or target.locked_message):
        return
    former: str | None = None
    if run.is_adopted and run.writes.find("lock") is None:
        former = (await run.target.refresh()).locked_message

    async def lock() -> None:
        await run.target.update(locked=target.locked, locked_message=target.locked_message or "")

    await run.writes.make("lock", lock, before={"locked_message": former or ""})


async def verified(run: ItemRun) -> None:
    """Read the content again, and compare it with the plan."""
    try:
        actual = await run.migration.reader.read(run.target.guid)
    except NotFoundError:
        # It may be one of its parts, such as the repository.
        if await none_if_missing(run.target.refresh()) is not None:
            raise
        run.save(differences=("it was deleted on the destination",))
        return
    compare = missing_from if run.is_adopted else compare_content
    differences = compare(run.item.target, actual)
    run.save(differences=tuple(run.shown(str(one)) for one in differences), target_url=actual.url)
    for schedule in run.item.source.schedules:
        run.note(f"set this schedule by hand: {schedule}")
    # What undo compares before it deletes.
    time = None if actual.last_deployed is None else actual.last_deployed.isoformat()
    proof = {"last_deployed": time, "bundle_id": actual.bundle_id}
    await run.writes.make("proof", partial(_proof, proof))


async def _proof(proof: Result) -> Result:
    return proof
