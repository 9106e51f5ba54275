"""How the bytes of a file are compressed, by its name.

A file consists of parts that are each complete: what ends with one can be read, and appended to.
Standard tools read several gzip members, or Zstandard frames, as one file.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from aconnect.errors import MissingExtraError

_LEVEL: Final = 1
"""Of both: higher levels take up to twice the time, and save a few percent."""
_GZIP: Final = 31
"""The window size of zlib, and a gzip header."""


class Compressor(Protocol):
    """Compresses one part of a file."""

    def compress(self, data: bytes, /) -> bytes:
        """Return what can be written already."""
        ...

    def flush(self) -> bytes:
        """Return the rest of the part, and end it."""
        ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def compressor_for(name: str) -> Callable[[], Compressor]:
    """Return what makes compressors for a file: gzip for `.gz`, Zstandard for `.zst`, or none.

    Raises:
        MissingExtraError: The extra `zstd` is not installed.
    """
    suffix = name.lower().rpartition(".")[2]
    if suffix == "gz":
        return lambda: zlib.compressobj(_LEVEL, wbits=_GZIP)
    if suffix == "zst":
        zstd = _zstd(name)
        return lambda: zstd.ZstdCompressor(_LEVEL)
    return _Plain


def _zstd(name: str) -> Any:
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} needs Zstandard: install it with pip install 'aconnect[zstd]', or choose a "
            "name that ends in .gz"
        ) from error
