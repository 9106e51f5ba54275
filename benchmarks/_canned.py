"""A client whose answers are there already, to measure what the library does with them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from aconnect import Client, Response
from aconnect._core.message import Request

T = TypeVar("T")


class CannedClient(Client):
    """Answers every call with the same bytes and sends nothing."""

    def __init__(self, body: bytes) -> None:
        super().__init__("http://127.0.0.1:1", api_key="fake")
        self.body = body

    async def _answer(self, request: Request) -> Response:
        headers = {"Content-Type": "application/json"}
        return Response(status=200, headers=headers, body=self.body)


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that has nothing to wait for, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    raise RuntimeError("the coroutine waits for something")
