"""Bodies that are sent piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from aconnect._core.message import CHUNK, Upload
from aconnect.errors import InvalidArgumentError


class Body:
    """The pieces of an upload, from its beginning; `problem` is what went wrong on our side.

    aiohttp reports that as a broken connection, which it is not.
    """

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self.problem: Exception | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        upload, sent = self._upload, 0
        try:
            async with aclosing(_pieces(upload.source)) as pieces:
                async for piece in pieces:
                    sent += len(piece)
                    if sent > upload.size:
                        break
                    yield piece
                    if upload.progress is not None:
                        upload.progress(len(piece))
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
                f"{upload.source!r} changed while it was sent: it had {upload.size} bytes before; "
                "send it again when nothing writes to it"
            )
            raise self.problem


async def _pieces(source: bytes | Path) -> AsyncGenerator[bytes, None]:
    if isinstance(source, bytes):
        view = memoryview(source)
        for start in range(0, len(view), CHUNK):
            yield bytes(view[start : start + CHUNK])
        return
    # Closed without waiting: aiohttp cancels this as soon as the answer is there.
    with source.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece
