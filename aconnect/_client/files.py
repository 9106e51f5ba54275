"""Files that are written atomically, and responses streamed into them."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from pathlib import Path
from typing import Any, BinaryIO, cast

import anyio

from aconnect._core.message import StreamingResponse
from aconnect.errors import FileError, InvalidArgumentError


def check_folder(path: Path) -> None:
    """Raise `InvalidArgumentError` unless the folder of a file exists, before work is in vain."""
    if not os.path.isdir(path.parent):  # noqa: PTH112  not Path.is_dir, which may raise
        raise InvalidArgumentError(
            f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}; choose another "
            "path"
        )


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """Open a file for writing that takes its name only if the block succeeds.

    Raises:
        InvalidArgumentError: The file cannot be written.
        FileError: The disk is full, or the file cannot be written any more.
    """
    try:
        if not path.name or os.path.isdir(path):  # noqa: PTH112  not Path.is_dir, which may raise
            raise IsADirectoryError(0, "it is a folder")
        part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
        file = part.open("wb")
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"cannot write {str(path)!r}: {reason(error)}; choose another path"
        ) from error
    try:
        with file:
            yield file
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise FileError(
                f"cannot write {str(path)!r}: {reason(error)}; nothing is left of it"
            ) from error
        raise


@asynccontextmanager
async def atomic_file(path: Path) -> AsyncGenerator[anyio.AsyncFile[bytes], None]:
    """Open a file as `replacing` does, and write to it in a thread.

    Opening, closing and renaming are short and done without waiting, so that no cancellation can
    come between them.
    """
    with replacing(path) as file:
        yield anyio.wrap_file(file)


def in_memory_or_path(what: str, source: bytes | str | os.PathLike[str] | BinaryIO) -> bytes | Path:
    """Return what an upload can read again for a retry; reads an open file, so not in the loop."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        return Path(source)
    try:
        content: object = cast("Any", source).read()
    except (AttributeError, OSError, ValueError) as error:
        why = f"it is a {type(source).__name__}"
        if not isinstance(error, AttributeError):
            why = reason(error)
        raise InvalidArgumentError(
            f"cannot read the {what}: {why}; pass bytes, a path, or a file opened with mode 'rb'"
        ) from error
    if isinstance(content, Coroutine):
        content.close()
        raise InvalidArgumentError(
            f"cannot read the {what}: its read() has to be awaited; pass bytes: await file.read()"
        )
    if not isinstance(content, bytes):
        raise InvalidArgumentError(
            f"cannot read the {what}: its read() returned a {type(content).__name__} instead of "
            "bytes; open the file with mode 'rb'"
        )
    return content


def reason(error: OSError | ValueError) -> str:
    """Return why a file cannot be opened: a ValueError comes from a NUL in its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def save(stream: AbstractAsyncContextManager[StreamingResponse], path: str | Path) -> Path:
    """Write the body of a streamed response to a file, atomically, and return its path."""
    path = Path(path)
    async with stream as response, atomic_file(path) as file:
        async for chunk in response:
            await file.write(chunk)
    return path
