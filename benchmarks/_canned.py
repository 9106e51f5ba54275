"""A client with canned responses, to measure decoding and binding alone."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from aconnect import Client, Response
from aconnect._core.message import NO_OPTIONS, CallOptions, Request

T = TypeVar("T")


class CannedClient(Client):
    """Returns the same bytes for every call and sends nothing."""

    def __init__(self, body: bytes) -> None:
        super().__init__("http://127.0.0.1:1", api_key="fake")
        self.body = body

    @property
    def channel(self) -> CannedChannel:
        return CannedChannel(self)


class CannedChannel:
    """The client's channel, except that calls return at once."""

    def __init__(self, client: CannedClient) -> None:
        pipeline = client._pipeline  # noqa: SLF001  what it stands in for
        self.api_root, self.server = pipeline.api_root, pipeline.server
        self.clock, self.dialect = pipeline.clock, pipeline.dialect
        self.stream, self.redact, self.notify = pipeline.stream, pipeline.redact, pipeline.notify
        self._body = client.body

    async def send(self, request: Request, options: CallOptions = NO_OPTIONS, /) -> Response:
        headers = {"Content-Type": "application/json"}
        return Response(status=200, headers=headers, body=self._body)


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise RuntimeError("the coroutine waits for something")
