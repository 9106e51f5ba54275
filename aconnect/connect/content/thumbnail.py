"""Thumbnails: the pictures that stand for content in lists.

The picture itself is not part of the API: the server shows it at `content_url` followed by
`__thumbnail__`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from aconnect._client.endpoint import endpoint
from aconnect._core.message import Upload
from aconnect.connect._base.resource import ConnectResource
from aconnect.errors import InvalidArgumentError


def image_upload(source: bytes | str | Path) -> Upload:
    """Describe a picture; asks a file for its size, so call it in a thread."""
    if isinstance(source, bytes):
        size = len(source)
    else:
        source = Path(source)
        try:
            size = source.stat().st_size
        except OSError as error:
            raise InvalidArgumentError(
                f"cannot read the picture {source}: {error.strerror or error}"
            ) from error
    return Upload(source, size=size, content_type="application/octet-stream", headers={})


class ContentThumbnail(
    ConnectResource, name="content.thumbnail", scope=("guid",), since="2024.09.0"
):
    """The thumbnail of one content item."""

    async def put(self, image: bytes | str | Path) -> None:
        """Send a picture, from memory or a file, instead of the one the content has.

        Which formats and sizes will do is the server's decision.
        """
        await self._put(await asyncio.to_thread(image_upload, image))

    @endpoint("PUT", "/v1/content/{guid}/thumbnail", upload=image_upload)
    async def _put(self, body: Upload) -> None: ...

    @endpoint("DELETE", "/v1/content/{guid}/thumbnail")
    async def delete(self) -> None:
        """Take the picture off the content; the server then shows its own for this kind."""
        ...
