"""Deleting old bundles of content.

Decides which are old: all but the newest, except for those that something still runs from or is
being built from.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from aconnect.concurrency import amap
from aconnect.connect._base.codes import ApiErrorCode
from aconnect.connect.content.bundles import newest_first
from aconnect.errors import (
    ConflictError,
    EndpointMissingError,
    InvalidArgumentError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from aconnect.connect.content.bundles import Bundle, Bundles
    from aconnect.connect.content.content import ContentItem


async def pruned(bundles: Bundles, keep: int) -> list[Bundle]:
    """Delete old bundles, and return those that this call has deleted, newest first."""
    if keep < 1:
        raise InvalidArgumentError(f"keep={keep} bundles; keep at least 1, the newest one")
    client = bundles.client
    old = newest_first(await bundles.find())[keep:]
    if not old:
        return []
    used = await _used(client.content.handle(bundles.scope["guid"]), old)

    async def delete(bundle: Bundle) -> bool:
        try:
            return await client.ensure_deleted(bundle.delete)
        except ConflictError as error:
            if error.code != ApiErrorCode.DELETE_ACTIVE_BUNDLE:
                raise
            # It was activated meanwhile.
            return False

    old = [bundle for bundle in old if bundle.id not in used]
    deleted = await amap(delete, old)
    return [bundle for bundle, is_deleted in zip(old, deleted, strict=True) if is_deleted]


async def _used(item: ContentItem, bundles: list[Bundle]) -> set[str | None]:
    """Return the ids of the active bundle, and of those that active jobs run or build."""
    used = {bundle.id if bundle.active else None for bundle in bundles}
    if any(bundle.active is None for bundle in bundles):
        # An old server, whose bundles do not say which of them is active.
        used.add((await item.client.content.get(item.guid, include=None)).bundle_id)
    # Where jobs are not shown, only the server knows them.
    with suppress(EndpointMissingError, PermissionDeniedError):
        used |= {job.bundle_id async for job in item.jobs.find() if job.is_active}
    return used
