"""Request bodies that are sent chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from aconnect._core.message import CHUNK, Upload
from aconnect.errors import InvalidArgumentError


class UploadBody:
    """The chunks of an upload, from its beginning; `problem` is what went wrong on our side.

    aiohttp reports that as a broken connection, which it is not.
    """

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.problem: Exception | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        upload, sent = self._upload, 0
        try:
            async with aclosing(_chunks(upload.source)) as chunks:
                async for chunk in chunks:
                    sent += len(chunk)
                    if sent > upload.size:
                        break
                    yield chunk
                    if upload.progress is not None:
                        upload.progress(len(chunk))
        except OSError as error:
            self.problem = InvalidArgumentError(
                f"cannot read {upload.source!r}: {error.strerror or error}"
            )
            self.problem.__cause__ = error
            raise
        except Exception as error:
            self.problem = error
            raise
        if sent != upload.size:
            self.problem = InvalidArgumentError(
                f"{upload.source!r} changed while it was sent: its size was {upload.size} bytes "
                "before; send it again when nothing writes to it"
            )
            raise self.problem


async def _chunks(source: bytes | Path) -> AsyncGenerator[bytes, None]:
    if isinstance(source, bytes):
        view = memoryview(source)
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])
        return
    # Closed without waiting: aiohttp cancels this as soon as it has the response.
    with source.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
