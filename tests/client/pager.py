"""What the tests of the core share: a pager without a server."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import parse_qs

from aconnect._client.client import ahead
from aconnect._client.paged import Paged
from aconnect._core.message import Request, Response


class FakePager:
    """Answers page requests with a function of the query; counts what was asked for."""

    def __init__(self, serve: Callable[[dict[str, str]], object], origin: str = "http://x") -> None:
        self._serve = serve
        self._origin = origin
        self.targets: list[str] = []
        self.events: list[object] = []

    async def _answer(self, request: Request) -> Response:
        await asyncio.sleep(0)
        self.targets.append(request.target)
        query = {k: v for k, (v,) in parse_qs(request.target.partition("?")[2]).items()}
        response = self._serve(query)
        if isinstance(response, Exception):
            raise response
        if isinstance(response, Response):
            return response
        return Response(
            status=200,
            headers={"Content-Type": "application/json"},
            body=response if isinstance(response, bytes) else json.dumps(response).encode(),
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
