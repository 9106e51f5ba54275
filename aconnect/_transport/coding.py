"""Compressed response bodies.

They are decoded here and not by aiohttp, which takes a gzip stream whose end is missing for a
complete one, and accepts other codings depending on which packages happen to be installed. The
implementation of zlib is the one that `aiohttp.set_zlib_backend` has chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from aiohttp import ClientPayloadError, set_zlib_backend
from aiohttp.compression_utils import ZLibBackend, ZLibDecompressObjProtocol
from aiohttp.http_exceptions import ContentEncodingError
from multidict import CIMultiDictProxy, istr

CONTENT_ENCODING: Final = istr("Content-Encoding")
ACCEPTED: Final = "gzip, deflate"
"""Value of the Accept-Encoding header."""

_PLAIN: Final = frozenset({"", "identity"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
# Bounds what a small body can expand to before its size is checked.
_PIECE: Final = 256 * 1024


def use_isal() -> None:
    """Decode with isal if it is installed, in the whole process; it is faster than zlib.

    Only for programs: a library has no business with a setting of its process.
    """
    with suppress(ImportError):
        backend: Any = import_module("isal.isal_zlib")
        set_zlib_backend(backend)


class BodyDecoder:
    """Decodes one response body, chunk by chunk."""

    def __init__(self, headers: CIMultiDictProxy[str]) -> None:
        self._coding = ", ".join(headers.getall(CONTENT_ENCODING, ())).strip().lower()
        self._stream: ZLibDecompressObjProtocol | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield the decoded bytes in pieces of a bounded size.

        Raises:
            ContentEncodingError: They cannot be decoded.
        """
        if self._coding in _PLAIN:
            yield data
            return
        pending = False
        while data or pending:
            stream = self._stream
            if stream is None or stream.eof:
                # A gzip body may consist of several streams, padded with zeros.
                data = data.lstrip(b"\0") if stream is not None else data
                if not data:
                    return
                stream = self._stream = ZLibBackend.decompressobj(self._window(data))
            try:
                piece = stream.decompress(data, _PIECE)
            except ZLibBackend.error as error:
                raise self._unreadable(str(error)) from error
            if piece:
                yield piece
            data = stream.unused_data if stream.eof else stream.unconsumed_tail
            # What a full piece had no room for may be held back by zlib, without further input.
            pending = not stream.eof and len(piece) == _PIECE

    def finish(self) -> None:
        """Check that the body was complete.

        Raises:
            ClientPayloadError: It ended too early.
        """
        if self._stream is not None and not self._stream.eof:
            raise ClientPayloadError(f"the end of the {self._coding} data is missing")

    def _window(self, data: bytes) -> int:
        """Return zlib's `wbits` for a stream that begins like this."""
        if self._coding in _GZIP:
            return 16 + ZLibBackend.MAX_WBITS
        if self._coding == "deflate":
            # Some servers leave out zlib's header, whose first byte ends in 8.
            bits = ZLibBackend.MAX_WBITS
            return bits if data[0] & 0xF == 8 else -bits
        raise self._unreadable(f"only {ACCEPTED} were asked for")

    def _unreadable(self, reason: str) -> ContentEncodingError:
        return ContentEncodingError(
            f"the body cannot be decoded; its Content-Encoding is {self._coding!r} ({reason})"
        )
