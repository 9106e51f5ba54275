"""What resources, pages and tasks need of their client, as one typed protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.events import Event
from aconnect._core.message import CallOptions, Request, Response, StreamingResponse
from aconnect._core.redaction import Secret


class Channel(Protocol):
    """The way to one server, under one set of options."""

    @property
    def api_root(self) -> str:
        """The address that the paths of the API begin with, without a trailing slash."""
        ...

    @property
    def server(self) -> str:
        """The address that the paths outside the API begin with, without a trailing slash."""
        ...

    @property
    def clock(self) -> Clock:
        """The source of time."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How the service reports errors."""
        ...

    async def send(self, request: Request, options: CallOptions = ..., /) -> Response:
        """Make a call and return its successful response, or raise its last failure."""
        ...

    def stream(
        self, request: Request, options: CallOptions = ..., /
    ) -> AbstractAsyncContextManager[StreamingResponse]:
        """Make a call whose response body is read chunk by chunk."""
        ...

    def redact(self, text: str, secrets: Sequence[Secret] = (), /) -> str:
        """Replace the client's secrets, and these, in a text that came from elsewhere."""
        ...

    def notify(self, make: Callable[[], Event], /) -> None:
        """Send an event to the subscribers; it is not built if there are none."""
        ...
