"""Request bodies that are sent chunk by chunk.

A body is sent completely only if it is what was announced: its last chunk is held back until its
length and its checksum are known.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, cast

import anyio

from aconnect._core.message import CHUNK, Upload, UploadSource
from aconnect._transport.watchdog import Deadline
from aconnect.errors import UploadSourceError

# Small enough for many uploads at once over a slow line to show progress within a time limit. Where
# the connection takes a piece quickly, larger ones save a fifth of the time.
_PIECE: Final = 64 * 1024
_QUICK: Final = 0.1
"""In seconds; if a piece is taken within this time, the next one is larger."""


class UploadBody:
    """The body of an attempt: an upload from its beginning, each time it is iterated over.

    aiohttp reports an error of the body as a broken connection, which it is not; `problem` is what
    went wrong on our side. Each piece that the connection has taken extends the deadline by `idle`
    seconds, and so does each chunk of the source. `shown` returns a text as it may be shown.
    """

    def __init__(
        self,
        upload: Upload,
        deadline: Deadline | None,
        idle: float | None,
        shown: Callable[[str], str] = str,
    ) -> None:
        self.upload = upload
        self.problem: Exception | None = None
        self.is_reading = False
        """Whether the source is waited for, and not the connection."""
        self._deadline = deadline
        self._idle = idle
        self._shown = shown
        self._iteration: AsyncGenerator[bytes | memoryview, None] | None = None
        self._writer: asyncio.Task[object] | None = None

    def __aiter__(self) -> AsyncGenerator[bytes | memoryview, None]:
        self.problem = None
        self._iteration = self._pieces()
        return self._iteration

    async def aclose(self) -> None:
        """Stop reading, and close the source, even if cancelled.

        aiohttp cancels its writing task without waiting for its end, and leaves a body that it was
        reading as it is.
        """
        with anyio.CancelScope(shield=True):
            if self._writer is not None and not self._writer.done():
                self._writer.cancel()
                await asyncio.wait({self._writer})
            if self._iteration is not None:
                await self._iteration.aclose()

    def stalled(self) -> UploadSourceError:
        """Return the error of a source that has returned nothing for too long."""
        return UploadSourceError(
            f"the source of the upload returned nothing for {self._idle} s (Timeout.read); the "
            "server got no complete request"
        )

    async def _pieces(self) -> AsyncGenerator[bytes | memoryview, None]:
        self._writer = asyncio.current_task()
        upload, size, now = self.upload, _PIECE, asyncio.get_running_loop().time
        try:
            if upload.prefix:
                yield upload.prefix
            async with aclosing(self._verified()) as chunks:
                async for chunk in chunks:
                    start, view = 0, memoryview(chunk)
                    while start < len(chunk):
                        piece = view[start : start + size]
                        start += size
                        self._extend()
                        began = now()
                        yield piece
                        size = CHUNK if now() - began < _QUICK else _PIECE
                        self._extend()
                        if upload.progress is not None:
                            upload.progress(len(piece))
            if upload.suffix:
                yield upload.suffix
        except Exception as error:
            self.problem = error
            raise

    async def _verified(self) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of the source, and the last one only if all are what was announced."""
        upload, count, last = self.upload, 0, b""
        digest = None if upload.md5 is None else _Digest()
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                count += len(chunk)
                if count > upload.size:
                    raise self._changed(f"more than the announced {upload.size:,} bytes")
                if digest is not None:
                    await digest.add(chunk)
                if last:
                    yield last
                last = chunk
        if count != upload.size:
            raise self._changed(f"{count:,} instead of the announced {upload.size:,} bytes")
        if digest is not None and (md5 := await digest.value()) != upload.md5:
            raise self._changed(f"the MD5 {md5} instead of the announced {upload.md5}")
        if last:
            yield last

    async def _chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the chunks of the source; whatever it raises becomes an `UploadSourceError`."""
        self.upload.was_opened = True
        try:
            async with _opened(self.upload.source) as chunks:
                while True:
                    self._extend()
                    self.is_reading = True
                    # With a default, `anext` of Python 3.11 crashes if `__anext__` is no coroutine
                    # function.
                    try:
                        chunk = await anext(chunks)
                    except StopAsyncIteration:
                        self.is_reading = False
                        return
                    self.is_reading = False
                    if chunk:
                        yield _as_bytes(chunk)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise self._failed(error) from error
        except Exception as error:
            raise self._failed(error) from error

    def _changed(self, what: str) -> UploadSourceError:
        source = self.upload.source
        if isinstance(source, Path):
            subject = f"{str(source)!r} changed while it was sent: it has"
            hint = "send it again when nothing writes to it"
        else:
            subject = "the source of the upload returned"
            hint = "announce the length and the MD5 of what it returns"
        error = UploadSourceError(f"{subject} {what}; the server got no complete request")
        error.hint = hint
        return error

    def _failed(self, error: BaseException) -> UploadSourceError:
        source = self.upload.source
        what = repr(str(source)) if isinstance(source, Path) else "the source of the upload"
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return UploadSourceError(
            f"cannot read {what} ({type(error).__name__}: {self._shown(reason)}); the server got "
            "no complete request"
        )

    def _extend(self) -> None:
        if self._deadline is not None and self._idle is not None:
            self._deadline.extend(self._idle)


class _Digest:
    """An MD5 that is computed in a thread while the chunks are sent.

    Small chunks are collected, because handing one over takes longer than hashing it.
    """

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._chunks: list[bytes] = []
        self._size = 0
        self._hashing: asyncio.Future[None] | None = None

    async def add(self, chunk: bytes) -> None:
        """Hash a chunk after the ones before; returns before that is done."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= CHUNK:
            await self._start()

    async def value(self) -> str:
        """Return the MD5 of all chunks, as hexadecimal digits."""
        await self._start()
        await self._wait()
        return self._md5.hexdigest()

    async def _start(self) -> None:
        await self._wait()
        chunks, self._chunks, self._size = self._chunks, [], 0
        self._hashing = asyncio.get_running_loop().run_in_executor(None, self._update, chunks)

    async def _wait(self) -> None:
        if self._hashing is not None:
            await self._hashing

    def _update(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._md5.update(chunk)


@asynccontextmanager
async def _opened(source: UploadSource) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """Begin to read a source, and close what was opened for it."""
    chunks = aiter(source()) if callable(source) else _stored(source)
    try:
        yield chunks
    except BaseException:
        # What a source raises while it is closed would hide why it is closed.
        with suppress(Exception):
            await _close(chunks)
        raise
    await _close(chunks)


async def _close(chunks: AsyncIterator[bytes]) -> None:
    """Close an iterator, if it can be closed."""
    aclose = getattr(chunks, "aclose", None)
    if aclose is not None:
        await aclose()


async def _stored(source: bytes | Path) -> AsyncGenerator[bytes, None]:
    """Yield the bytes in memory or in a file."""
    if isinstance(source, bytes):
        yield source
        return
    # Opened and closed without waiting, so that no cancellation can come between.
    with source.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


def _as_bytes(chunk: object) -> bytes:
    """Return a chunk that cannot change while it is held back."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray | memoryview):
        return bytes(cast("bytes | bytearray", chunk))
    raise TypeError(f"it returned a {type(chunk).__name__} instead of bytes")
