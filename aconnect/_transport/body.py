"""Request bodies that are sent chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final

from aconnect._core.message import CHUNK, Upload
from aconnect._transport.watchdog import Deadline
from aconnect.errors import InvalidArgumentError

# Small enough for many uploads at once over a slow line to show progress within a time limit.
_PIECE: Final = 64 * 1024


class UploadBody:
    """The chunks of an upload, from its beginning; `problem` is what went wrong on our side.

    aiohttp reports that as a broken connection, which it is not. Each chunk that the connection has
    taken extends the deadline by `idle` seconds.
    """

    def __init__(self, upload: Upload, deadline: Deadline | None, idle: float | None) -> None:
        self._upload = upload
        self._deadline = deadline
        self._idle = idle
        self._file: BinaryIO | None = None
        self.problem: Exception | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        upload, sent = self._upload, 0
        try:
            async with aclosing(self._chunks(upload.source)) as chunks:
                async for chunk in chunks:
                    sent += len(chunk)
                    if sent > upload.size:
                        break
                    self._extend()
                    yield chunk
                    self._extend()
                    if upload.progress is not None:
                        upload.progress(len(chunk))
        except Exception as error:
            self.problem = error
            raise
        if sent != upload.size:
            self.problem = InvalidArgumentError(
                f"{str(upload.source)!r} changed while it was sent: its size was {upload.size} "
                "bytes before; send it again when nothing writes to it"
            )
            raise self.problem

    def close(self) -> None:
        """Close the file of an upload that was interrupted, which aiohttp leaves as it is."""
        if self._file is not None:
            self._file.close()

    async def _chunks(self, source: bytes | Path) -> AsyncGenerator[bytes, None]:
        if isinstance(source, bytes):
            for piece in _pieces(source):
                yield piece
            return
        try:
            # Closed without waiting: aiohttp cancels this as soon as it has the response.
            with source.open("rb") as self._file:
                while chunk := await asyncio.to_thread(self._file.read, CHUNK):
                    for piece in _pieces(chunk):
                        yield piece
        except OSError as error:
            raise InvalidArgumentError(
                f"cannot read {str(source)!r}: {error.strerror or error}"
            ) from error

    def _extend(self) -> None:
        if self._deadline is not None and self._idle is not None:
            self._deadline.extend(self._idle)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
