"""Thumbnails: the images that represent content in lists.

They are set through the API and read outside of it, at the address of the content followed by
`__thumbnail__`.
"""

from __future__ import annotations

import asyncio
import os
from http import HTTPStatus
from typing import BinaryIO

from aconnect._client.endpoint import endpoint
from aconnect._client.files import in_memory_or_path, reason
from aconnect._core.message import Upload
from aconnect.connect._base.resource import ConnectResource
from aconnect.errors import ApiError, InvalidArgumentError


def image_upload(source: bytes | str | os.PathLike[str] | BinaryIO) -> Upload:
    """Return an upload of an image; reads the size of a file, so call it in a thread."""
    source = in_memory_or_path("image", source)
    if isinstance(source, bytes):
        size = len(source)
    else:
        try:
            size = source.stat().st_size
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"cannot read the image {str(source)!r}: {reason(error)}"
            ) from error
    return Upload(source, size=size, content_type="application/octet-stream", headers={})


class ContentThumbnail(
    ConnectResource, name="content.thumbnail", scope=("guid",), since="2024.09.0"
):
    """The thumbnail of one content item."""

    async def get(self) -> bytes | None:
        """Get the image; None if there is none.

        Requires the right to view the content. `client.download` writes it to a file.
        """
        try:
            return await self._get() or None
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            # This address is not part of the API, so the error has no code.
            return None

    @endpoint("GET", "/content/{guid}/__thumbnail__", base="server", role="content viewer")
    async def _get(self) -> bytes: ...

    async def put(self, image: bytes | str | os.PathLike[str] | BinaryIO) -> None:
        """Upload an image from memory, a path or an open file; replaces the current one.

        The server decides which formats and sizes are valid.
        """
        await self._put(await asyncio.to_thread(image_upload, image))

    @endpoint("PUT", "/v1/content/{guid}/thumbnail", upload=image_upload)
    async def _put(self, body: Upload) -> None: ...

    @endpoint("DELETE", "/v1/content/{guid}/thumbnail")
    async def delete(self) -> None:
        """Remove the image; the server then shows its default for this type of content."""
        ...
