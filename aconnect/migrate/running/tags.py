"""The tags of the destination: what the items need is created first, parents before children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aconnect.connect import ApiErrorCode
from aconnect.connect.tags import TagCreateParams
from aconnect.errors import AconnectError, ApiError, ConflictError
from aconnect.migrate.planning.model import PlannedItem
from aconnect.migrate.running.context import Migration
from aconnect.migrate.running.writes import Result
from aconnect.migrate.snapshots.describing import with_ancestors
from aconnect.migrate.snapshots.model import TagPath

_TAKEN: Final = frozenset({ApiErrorCode.NO_DUPLICATE_TAG_NAMES, ApiErrorCode.DUPLICATE_NAME})


async def create_tags(migration: Migration, items: Sequence[PlannedItem]) -> None:
    """Find the tags that the items need, and create those that are missing.

    A tag that cannot be created is remembered with its error: only the items with it fail.
    """
    paths = {path for item in items for path in item.target.tags}
    needed = with_ancestors(paths)
    if not needed:
        return
    migration.tags.update({path: id_ for id_, path in migration.reader.catalog.tags.items()})
    for path in sorted(needed, key=lambda path: (len(path), path)):
        if path in migration.tags:
            continue
        if (reason := migration.failed_tags.get(path[:-1])) is not None:
            migration.failed_tags[path] = reason
            continue
        try:
            migration.tags[path] = await _create(migration, path)
        except AconnectError as error:
            migration.failed_tags[path] = error
            migration.notify("note", f"the tag {'/'.join(path)!r} cannot be created: {error}")


async def _create(migration: Migration, path: TagPath) -> str:
    """Create a tag below one that is there, once, and return its id."""
    tags, parent = migration.destination.tags, migration.tags.get(path[:-1])
    fields: TagCreateParams = {"name": path[-1]}
    if parent is not None:
        fields["parent_id"] = parent

    async def create() -> Result:
        tag = await tags.create(**fields)
        return {"id": tag.id} if tag.id else {}

    async def look_up() -> Result | None:
        for tag in await tags.find(name=path[-1]):
            if (tag.name, tag.parent_id or None) == (path[-1], parent):
                return {"id": tag.id}
        return None

    earlier = migration.writes.find("new-tag", "/".join(path))
    if earlier is not None and earlier.state == "done":
        # It was deleted since.
        migration.ledger.mark_undone(earlier)
    try:
        result = await migration.writes.make(
            "new-tag",
            create,
            key="/".join(path),
            look_up=look_up,
            before={"path": path},
            is_taken=_is_taken,
        )
    except ConflictError as error:
        # Somebody else has created it meanwhile: it is used, and undo leaves it.
        found = await look_up() if _is_taken(error) else None
        if found is None:
            raise
        result = found
    return str(result["id"])


def _is_taken(error: AconnectError) -> bool:
    return isinstance(error, ApiError) and error.code in _TAKEN
