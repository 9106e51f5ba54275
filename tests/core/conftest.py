"""What the tests of the core share: a pager without a server."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from aconnect._core.message import Answer, Request
from aconnect._core.paging import Paged
from aconnect._transport.client import ahead


class FakePager:
    """Answers page requests with a function of the query; counts what was asked for."""

    def __init__(self, serve: Callable[[dict[str, str]], object], origin: str = "http://x") -> None:
        self._serve = serve
        self._origin = origin
        self.targets: list[str] = []
        self.events: list[object] = []

    async def _answer(self, request: Request) -> Answer:
        await asyncio.sleep(0)
        self.targets.append(request.target)
        query = {k: v for k, (v,) in parse_qs(request.target.partition("?")[2]).items()}
        answer = self._serve(query)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(
            status=200,
            headers={"Content-Type": "application/json"},
            body=answer if isinstance(answer, bytes) else json.dumps(answer).encode(),
        )

    def _notify(self, make: Callable[[], object]) -> None:
        self.events.append(make())

    def _hide(self, text: str) -> str:
        return text

    _ahead = staticmethod(ahead)

    def find(self, style, row=dict, target="/v1/things", bind=None):
        """Make the rows of a query of this style."""
        request = Request(operation="things.find", method="GET", target=target)
        return Paged(self, request, style, row, bind)


@pytest.fixture(scope="session")
def fake_pager():
    return FakePager
