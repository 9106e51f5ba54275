"""The bytes of bundles.

Decides where they are kept. What is in them is the business of the routes that read them.
"""

import os
import tempfile
from collections.abc import Iterator
from typing import IO

IN_MEMORY = 8 << 20
"""Larger archives are stored in a temporary file."""

PIECE = 1 << 18


class Archive:
    """The bytes of a bundle, in memory or, if there are many, in a temporary file."""

    def __init__(self) -> None:
        self.size: int = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None

    @classmethod
    def of(cls, data: bytes) -> "Archive":
        archive = cls()
        archive.write(data)
        return archive

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._file is None and self.size > IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            self._file.write(self._memory)
            self._memory = bytearray()
        if self._file is None:
            self._memory += chunk
        else:
            self._file.write(chunk)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes; several readers can do so at the same time."""
        if self._file is None:
            yield bytes(self._memory)
            return
        self._file.flush()
        number = self._file.fileno()
        for begin in range(0, self.size, PIECE):
            yield os.pread(number, PIECE, begin)

    def open(self) -> IO[bytes]:
        """Return a file positioned at the start, for one reader that closes it."""
        # The reader closes it.
        copy: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        for piece in self.pieces():
            copy.write(piece)
        copy.seek(0)
        return copy

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._memory = bytearray()
