"""Storage for the bytes of bundles.

Decides where they are stored. The routes that read them interpret their content.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from typing import IO

MAX_IN_MEMORY = 8 << 20
"""The maximum size of an archive in memory; larger archives are stored in a temporary file."""

PIECE_SIZE = 1 << 18


class Archive:
    """The bytes of a bundle, in memory or, if it is large, in a temporary file."""

    def __init__(self) -> None:
        self.size: int = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._memory = list[bytes]()
        self._file: IO[bytes] | None = None

    @property
    def md5(self) -> str:
        """The MD5 of the bytes, as hexadecimal digits."""
        return self._md5.hexdigest()

    @property
    def sha1(self) -> str:
        """The SHA-1 of the bytes, as hexadecimal digits."""
        return self._sha1.hexdigest()

    @classmethod
    def of(cls, data: bytes) -> "Archive":
        """Create an archive with the given bytes."""
        archive = cls()
        archive.write(data)
        return archive

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self.size += len(chunk)
        self._md5.update(chunk)
        self._sha1.update(chunk)
        if self._file is None and self.size > MAX_IN_MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
            self._file.writelines(self._memory)
            self._memory = []
        if self._file is None:
            self._memory.append(chunk)
        else:
            self._file.write(chunk)

    def pieces(self) -> Iterator[bytes]:
        """Return the bytes in pieces; several readers can do so concurrently."""
        if self._file is None:
            return iter(self._memory)
        self._file.flush()
        return self._pieces_of(self._file)

    def _pieces_of(self, file: IO[bytes]) -> Iterator[bytes]:
        # A reader finishes even if the archive is closed meanwhile.
        descriptor = os.dup(file.fileno())
        try:
            for offset in range(0, self.size, PIECE_SIZE):
                yield os.pread(descriptor, PIECE_SIZE, offset)
        finally:
            os.close(descriptor)

    def open(self) -> IO[bytes]:
        """Return a copy as a file, positioned at the start; the caller must close it."""
        copy: IO[bytes] = tempfile.SpooledTemporaryFile(MAX_IN_MEMORY)  # noqa: SIM115 - returned
        for piece in self.pieces():
            copy.write(piece)
        copy.seek(0)
        return copy

    def close(self) -> None:
        """Discard the bytes and close the temporary file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._memory = []
