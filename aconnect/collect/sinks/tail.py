"""An open file that is written at its end, and can be cut back."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Final

from aconnect.collect.publishing import fsync_folder
from aconnect.collect.sinks.compression import Compressor
from aconnect.errors import FileError

_CHECKED: Final = 4096


class Tail:
    """The end of an open file; nothing is buffered but what the compressor holds.

    Args:
        path: The file.
        compressor_of: Makes a compressor for the bytes between two calls of `sync`.
        create: Create the file in the place of another one, instead of opening it.
    """

    def __init__(
        self, path: Path, compressor_of: Callable[[], Compressor], *, create: bool = False
    ) -> None:
        self.path = path
        self._compressor_of = compressor_of
        self._compressor: Compressor | None = None
        if create:
            path.unlink(missing_ok=True)
        self._file = FileIO(path, "x+" if create else "r+")
        self._is_new = create
        self.size: int = self._file.seek(0, os.SEEK_END)
        """In bytes, without what the compressor holds."""
        self._synced = self.size

    def append(self, data: bytes) -> None:
        """Write bytes."""
        if self._compressor is None:
            self._compressor = self._compressor_of()
        self._put(self._compressor.compress(data))

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            count = self._file.write(rest)  # a part, if the disk is almost full
            self.size += count
            rest = rest[count:]

    def sync(self) -> None:
        """End the compressed part, and make all bytes durable.

        Raises:
            FileError: The file was removed or replaced.
        """
        if self._compressor is not None:
            self._put(self._compressor.flush())
            self._compressor = None
        if self.size != self._synced:
            os.fsync(self._file.fileno())
            self._synced = self.size
        if self._is_new:
            fsync_folder(self.path.parent)
            self._is_new = False
        if not self.is_in_place():
            raise FileError(
                f"{self.path} was removed or replaced while it was written; collect it again"
            )

    def cut(self, size: int) -> None:
        """Remove all bytes behind a size."""
        self._compressor = None
        if self.size != size:
            self._file.truncate(size)
            self._synced = -1
        self.size = self._file.seek(size)

    def check(self, size: int) -> int:
        """Return a checksum of the last bytes before a size."""
        start = max(0, size - _CHECKED)
        self._file.seek(start)
        try:
            return zlib.crc32(self._file.read(size - start))
        finally:
            self._file.seek(self.size)

    def is_in_place(self) -> bool:
        """Return True if the path still names this file."""
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def discard(self) -> None:
        """Close the file and remove it, unless its name is that of another file by now."""
        with self._file:
            if self.is_in_place():
                self.path.unlink()

    def close(self) -> None:
        """Close the file; it may be closed already."""
        self._file.close()
