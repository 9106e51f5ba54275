"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

from aconnect.errors import InvalidArgumentError


@asynccontextmanager
async def whole_file(path: Path) -> AsyncGenerator[anyio.AsyncFile[bytes], None]:
    """Open a file for writing that takes its name only when the block ends well.

    Opening, closing and renaming are short and done without waiting, so that no cancellation can
    come between them; writing is done in a thread.
    """
    try:
        if not path.name or os.path.isdir(path):  # noqa: PTH112, ASYNC240  short, see above
            raise IsADirectoryError(0, "it is a folder")
        part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
        file = part.open("wb")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise InvalidArgumentError(
            f"cannot write {str(path)!r}: {why or error}; choose another place"
        ) from error
    try:
        with file:
            yield anyio.wrap_file(file)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
