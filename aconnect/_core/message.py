"""What goes out and what comes back, with no say in how it travels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from aconnect._core.redaction import Secret, shown_headers, shown_target

# RFC 9110, 9.2.2.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})

CHUNK: Final = 256 * 1024
"""Bytes read from or written to a file at a time."""


class Upload:
    """A body to be streamed: of known length, and openable again for another attempt."""

    __slots__ = ("_headers", "content_type", "progress", "size", "source")

    def __init__(
        self,
        source: bytes | Path,
        *,
        size: int,
        content_type: str,
        headers: Mapping[str, str],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.source: bytes | Path = source
        self.size: int = size
        """Length in bytes."""
        self.content_type: str = content_type
        self.progress: Callable[[int], None] | None = progress
        """Called with the number of bytes of each chunk that was handed to the connection."""
        self._headers = headers

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe this body."""
        return {
            "Content-Type": self.content_type,
            "Content-Length": str(self.size),
            **self._headers,
        }


class Request(Struct, kw_only=True):
    """One call, ready to send: everything but the origin and the credentials."""

    operation: str
    method: str
    target: str
    """Path and query below the API root, quoted."""
    body: bytes | Upload | None = None
    headers: dict[str, str] | None = None
    credentials: Mapping[str, str] | None = None
    """Headers that are fetched for the call, and fetched again when the server refuses them."""
    anonymous: bool = False
    """Sent without credentials: the call that fetches them."""
    secrets: tuple[Secret, ...] = ()
    """What no message may repeat, beyond what the client itself keeps secret."""
    cookies: str = ""
    """Value of the Cookie header: the ones that came with the answer this call belongs to."""
    idempotent: bool = False
    """Whether sending it twice does no more than sending it once."""
    removes: bool = False
    """It makes something gone and answers nothing: gone already is as good."""
    hold: float = 0.0
    """Seconds that the server was asked to hold the answer back."""
    within: float | None = None
    """Seconds for the whole call, where that is less than the retry policy's deadline."""
    transfer: bool = False
    """A body whose length is a matter of its size: no limit on the total time."""

    def __repr__(self) -> str:
        return f"<Request {self.operation}: {self.method} {shown_target(self.target)}>"


def is_idempotent(method: str) -> bool:
    """Tell whether HTTP promises that a repeated request does no more than a single one."""
    return method in _IDEMPOTENT


class _Headed(Struct, kw_only=True):
    status: int
    headers: Mapping[str, str]
    """Names in any case."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {shown_headers(self.headers)}>"

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case; empty where there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Response(_Headed, kw_only=True):
    """One complete answer."""

    body: bytes = b""
    set_cookies: tuple[str, ...] = ()
    """The Set-Cookie headers, one by one."""
    attempts: int = 1
    """How often the request was sent."""


class StreamingResponse(_Headed, kw_only=True):
    """An answer whose body is read piece by piece."""

    chunks: AsyncIterator[bytes]

    @property
    def size(self) -> int | None:
        """Length in bytes as announced; None where the server did not say, or compresses."""
        if self.headers.get("Content-Encoding"):
            return None
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.chunks
