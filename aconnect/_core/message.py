"""What is sent and what comes back, with no say in how it travels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from msgspec import Struct

from aconnect._core.redaction import Secret, shown_headers, shown_target

# RFC 9110, 9.2.2.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})

CHUNK: Final = 256 * 1024
"""Bytes read from or written to a file at a time."""

UploadSource = bytes | Path | Callable[[], AsyncIterator[bytes]]
"""Where the bytes of an upload come from: memory, a file, or a function.

Each call of the function returns a new iterator over the same bytes.
"""


class Upload:
    """A streamed request body of known length, which can be read again for a retry."""

    __slots__ = (
        "_headers",
        "content_type",
        "md5",
        "prefix",
        "progress",
        "reopenable",
        "size",
        "source",
        "suffix",
        "was_opened",
    )

    def __init__(
        self,
        source: UploadSource,
        *,
        size: int,
        content_type: str,
        headers: Mapping[str, str],
        md5: str | None = None,
        reopenable: bool = True,
        progress: Callable[[int], None] | None = None,
        prefix: bytes = b"",
        suffix: bytes = b"",
    ) -> None:
        self.source: UploadSource = source
        self.size: int = size
        """The length of the source in bytes."""
        self.content_type: str = content_type
        self.md5: str | None = md5
        """The MD5 of the source, as hexadecimal digits; None if it is not known."""
        self.reopenable: bool = reopenable
        """Whether the source can be read more than once, as a retry requires."""
        self.progress: Callable[[int], None] | None = progress
        """Called with the number of bytes of each chunk of the source passed to the connection."""
        self.prefix: bytes = prefix
        """What is sent before the source, such as the other parts of a form."""
        self.suffix: bytes = suffix
        """What is sent after the source."""
        self.was_opened: bool = False
        """Whether an attempt has begun to read the source."""
        self._headers = headers

    def __repr__(self) -> str:
        return f"<Upload {self.size} bytes of {self.content_type}>"

    @property
    def is_used_up(self) -> bool:
        """Whether the source has been read and cannot be read again."""
        return self.was_opened and not self.reopenable

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe this body."""
        return {
            "Content-Type": self.content_type,
            "Content-Length": str(len(self.prefix) + self.size + len(self.suffix)),
            **self._headers,
        }


Base = Literal["api", "server"]
"""What a path is below: the API root, or the server's address."""


class Request(Struct, frozen=True, gc=False):
    """What one call sends, except for the origin and the client's own headers."""

    operation: str
    method: str
    target: str
    """Path and query below `base`, quoted."""
    body: bytes | Upload | None = None
    headers: Mapping[str, str] | None = None
    secrets: tuple[Secret, ...] = ()
    """Values that no message may repeat, in addition to the client's own."""
    anonymous: bool = False
    """Whether it is sent without signing in first, like the call that signs in."""
    idempotent: bool = False
    """Whether sending it twice has the same effect as sending it once."""
    deletes: bool = False
    """Whether it is a DELETE without a response body; a 404 on a retry then counts as success."""
    path_arguments: Mapping[str, object] = {}
    """What the path was made of, for the message of an error."""
    base: Base = "api"
    """What the target is below."""
    to_content: bool = False
    """Whether content itself responds, and not the API.

    Then no status says anything about the load of the server, and no body is the service's own.
    """
    success_below: int = 300
    """The lowest status that is an error.

    429 is always one, because a proxy may have sent it, and so is 402, with which a server responds
    in place of its content when its license has ended.
    """

    def __repr__(self) -> str:
        return f"<Request {self.operation}: {self.method} {shown_target(self.target)}>"

    @property
    def path(self) -> str:
        """The target without its query, which may name people."""
        return self.target.partition("?")[0]

    @property
    def is_used_up(self) -> bool:
        """Whether the body has been read and cannot be read again, so that this was sent once."""
        return isinstance(self.body, Upload) and self.body.is_used_up

    def is_success(self, status: int) -> bool:
        """Return True if a response with this status is returned, and not raised as an error."""
        return status < self.success_below and status not in {402, 429}


class CallOptions(Struct, frozen=True, kw_only=True):
    """What belongs to one call and is decided outside its operation; times in seconds."""

    deadline: float | None = None
    """For the whole call, if shorter than the retry policy's deadline."""
    wait_seconds: float = 0.0
    """How long the server was asked to hold the response back."""
    cookies: str = ""
    """Value of the Cookie header: cookies of the response that this call belongs to."""
    credentials: Mapping[str, str] | None = None
    """Headers to send instead of signing in."""

    def __repr__(self) -> str:
        return f"CallOptions(deadline={self.deadline}, wait_seconds={self.wait_seconds})"


NO_OPTIONS: Final = CallOptions()


def is_idempotent(method: str) -> bool:
    """Return True if HTTP promises that repeating the request has no further effect."""
    return method in _IDEMPOTENT


class _Message(Struct, kw_only=True):
    status: int
    headers: Mapping[str, str]
    """Names in any case."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {shown_headers(self.headers)}>"

    @property
    def content_type(self) -> str:
        """The media type alone, in lower case; empty if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Response(_Message, kw_only=True):
    """A complete response."""

    body: bytes = b""
    set_cookies: tuple[str, ...] = ()
    """The Set-Cookie headers, one by one."""
    attempts: int = 1
    """How often the request was sent."""
    url: object = None
    """Where it came from, after redirects, as the transport's own object; its `str` is the text."""

    def json(self) -> Any:
        """Return the body, decoded from JSON.

        Raises:
            DecodeError: The body is not JSON; the error has it as `body`, and does not quote it.
            BodyTooLargeError: Its objects would take too much memory.
        """
        from aconnect._core.decoding import decode  # noqa: PLC0415  it imports this module

        call = str(self.url).partition("?")[0] if self.url else "the request"
        return decode(self, Any, call, None)


class StreamingResponse(_Message, kw_only=True):
    """A response whose body is read chunk by chunk."""

    chunks: AsyncIterator[bytes]
    attempts: int = 1
    """How often the request was sent."""
    url: object = None
    """Where it came from, after redirects, as the transport's own object; its `str` is the text."""

    @property
    def size(self) -> int | None:
        """Length in bytes as announced; None if the server did not announce it, or compresses."""
        if self.headers.get("Content-Encoding"):
            return None
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.chunks

    if not TYPE_CHECKING:
        # Type checkers report this themselves, as long as nothing is declared.
        def __iter__(self) -> NoReturn:
            raise TypeError(f"the body of {self!r} arrives in chunks: use `async for`")
