"""Bundles from server to server, chunk by chunk, without touching the disk."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable

from aconnect.connect import Bundle, ContentItem
from aconnect.connect._base.resource import none_if_missing
from aconnect.errors import AconnectError, UploadSourceError
from aconnect.migrate.snapshots.model import BundleSnapshot


async def copy_bundle(
    source: ContentItem,
    target: ContentItem,
    bundle: BundleSnapshot,
    progress: Callable[[int, int], None],
) -> Bundle:
    """Send a bundle of one content item to another, on another server, and return the new one.

    The download is opened again for another attempt. Its length and checksum are compared with what
    the source says about the bundle before the upload is complete; where the source has no
    checksum, with what the destination says about it.

    Raises:
        UploadSourceError: The download is not what was announced.
        AconnectError: The download failed, or the destination refused the bundle.
    """
    size, digest, sent = bundle.size or 0, hashlib.md5(usedforsecurity=False), 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal digest, sent
        digest, sent = hashlib.md5(usedforsecurity=False), 0
        async with source.client.stream(source.bundles.download, bundle.id) as response:
            async for chunk in response:
                if bundle.md5 is None:
                    digest.update(chunk)
                yield chunk
                sent += len(chunk)
                progress(sent, size)

    try:
        copy = await target.bundles.create(chunks, size=size, md5=bundle.md5)
    except UploadSourceError as error:
        # What failed is the download; that is the error to act on.
        if isinstance(error.__cause__, AconnectError):
            raise error.__cause__ from None
        raise
    received = None if copy.metadata is None else copy.metadata.archive_md5
    if bundle.md5 is None and received and received.lower() != digest.hexdigest():
        # The content must not be left with a damaged bundle that the journal does not have.
        await none_if_missing(target.bundles.delete(copy.id))
        raise UploadSourceError(
            f"bundle {bundle.id} of {source.guid} arrived with another checksum than it was sent "
            "with, and was deleted; run the migration again with retry=True (--retry)"
        )
    return copy
