"""Files that are there as a whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio

from aconnect.errors import InvalidArgumentError


@asynccontextmanager
async def whole_file(path: Path) -> AsyncGenerator[anyio.AsyncFile[bytes], None]:
    """Open a file for writing that takes its name only when the block ends well."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        file = await anyio.open_file(part, "wb")
    except OSError as error:
        raise InvalidArgumentError(
            f"cannot write {path}: {error.strerror or error}; choose another place"
        ) from error
    try:
        async with file:
            yield file
        await asyncio.to_thread(os.replace, part, path)
    except BaseException:
        # Short and without waiting, so that a cancellation cannot leave the part behind.
        with suppress(OSError):
            part.unlink()
        raise
