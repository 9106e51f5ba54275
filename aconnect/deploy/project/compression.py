"""A gzip stream that does not compress what cannot be compressed.

Images, Parquet files and archives take most of the time of packing, and become no smaller. So the
beginning of each member of a bundle decides whether it is compressed. Both are ordinary gzip.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final, Protocol

# Twice as fast as the usual level for a few per cent of size, and eight times as the highest.
_LEVEL: Final = 4
_SAMPLE: Final = 16 * 1024
"""How much of the beginning of a member decides, in bytes."""
_WORTHWHILE: Final = 0.95
"""The size of the compressed sample, relative to the sample, below which it is worth the time."""

_RAW: Final = -zlib.MAX_WBITS
_STORED: Final = 0xFFFF
"""The maximum size of a stored block (RFC 1951, 3.2.4)."""
# No name, no time, and no system, so that the same input gives the same bytes (RFC 1952, 2.3).
_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_END: Final = b"\x03\x00"
"""An empty last block."""


class _Target(Protocol):
    def write(self, data: bytes | memoryview, /) -> object: ...


class GzipWriter:
    """Writes a gzip stream to a file; `begin_member` starts a part that is judged by itself."""

    def __init__(self, file: _Target) -> None:
        self._file = file
        self._size = 0
        self._crc = 0
        self._deflate: Any = None  # zlib has no public name for its type
        self._is_new = True
        file.write(_HEADER)

    def begin_member(self) -> None:
        """Let the next bytes decide whether to compress."""
        self._is_new = True

    def tell(self) -> int:
        """Return the number of bytes written, which tarfile needs."""
        return self._size

    def write(self, data: bytes) -> int:
        """Write bytes; the first ones of a member that are as long as a sample decide about it."""
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if self._is_new:
            is_sample = len(data) >= _SAMPLE
            self._is_new = not is_sample
            if is_sample and not _is_compressible(data[:_SAMPLE]):
                self._end_block()
            elif self._deflate is None:
                self._deflate = zlib.compressobj(_LEVEL, wbits=_RAW)
        if self._deflate is not None:
            self._file.write(self._deflate.compress(data))
        else:
            self._store(data)
        return len(data)

    def close(self) -> None:
        """End the stream; the file stays open."""
        self._end_block()
        self._file.write(_END + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))

    def _end_block(self) -> None:
        """End the compressed part; what follows does not refer to it, and begins at a byte."""
        if self._deflate is not None:
            self._file.write(self._deflate.flush(zlib.Z_FULL_FLUSH))
            self._deflate = None

    def _store(self, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), _STORED):
            block = view[start : start + _STORED]
            self._file.write(struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF))
            self._file.write(block)


def _is_compressible(sample: bytes) -> bool:
    return len(zlib.compress(sample, 1)) < _WORTHWHILE * len(sample)
