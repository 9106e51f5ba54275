"""Uploading an archive: not if the server has it already, and not twice after a lost response."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from aconnect._client.once import create_once
from aconnect.connect import Bundle, BundleMetadataParams, ContentItem
from aconnect.connect.content.bundles import newest_first
from aconnect.deploy.project.archive import Archive


class Sent(Struct, frozen=True):
    """A bundle on the server."""

    bundle: Bundle
    is_unchanged: bool
    """Whether it was there already, so that nothing was sent."""


async def send(
    item: ContentItem,
    archive: Archive,
    *,
    is_new: bool,
    metadata: BundleMetadataParams | None,
    progress: Callable[[int, int], None] | None,
) -> Sent:
    """Upload an archive, unless it is the newest bundle of the content."""
    before = [] if is_new else await bundles_of(item)
    if before and before[0].id and _is_same(before[0], archive, is_known=True):
        return Sent(before[0], is_unchanged=True)
    ids = {bundle.id for bundle in before}

    async def look_up() -> Bundle | None:
        for bundle in await bundles_of(item):
            if bundle.id not in ids and _is_same(bundle, archive, is_known=False):
                return bundle
        return None

    bundle = await create_once(
        item.client.clock,
        lambda: item.bundles.create(
            archive.path,
            md5=archive.md5,
            metadata=metadata,
            progress=_counted(progress, archive.size),
        ),
        look_up,
        is_complete=lambda bundle: bool(bundle.id),
    )
    return Sent(bundle, is_unchanged=False)


async def bundles_of(item: ContentItem) -> list[Bundle]:
    """Return the bundles of the content, newest first, in whatever order the server lists them."""
    return newest_first(await item.bundles.find())


def _is_same(bundle: Bundle, archive: Archive, *, is_known: bool) -> bool:
    """Return True if a bundle is this archive.

    The checksums of old bundles are missing. If the bundle was uploaded after this deployment began
    (not `is_known`), the size is enough.
    """
    md5 = None if bundle.metadata is None else bundle.metadata.archive_md5
    if bundle.size != archive.size:
        return False
    return md5.lower() == archive.md5 if md5 else not is_known


def _counted(
    progress: Callable[[int, int], None] | None, size: int
) -> Callable[[int], None] | None:
    """Add up the chunks of an upload."""
    if progress is None:
        return None
    sent = 0

    def add(piece: int) -> None:
        nonlocal sent
        # Everything has been sent already: this is another attempt.
        sent = piece if sent >= size else min(sent + piece, size)
        progress(sent, size)

    return add
