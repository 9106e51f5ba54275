"""A channel without a server, for the tests of pages."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from aconnect._client.paged import Paged
from aconnect._core.dialect import Dialect
from aconnect._core.message import NO_OPTIONS, CallOptions, Request, Response, StreamingResponse
from aconnect.testing import VirtualClock


class FakePager:
    """Responds to page requests with a function of the query; records the requests."""

    def __init__(
        self, serve: Callable[[dict[str, str]], object], api_root: str = "http://x"
    ) -> None:
        self._serve = serve
        self.api_root = self.server = api_root
        self.clock = VirtualClock()
        self.dialect = Dialect()
        self.targets: list[str] = []
        self.events: list[object] = []
        self.chunk_size = 64
        """Bytes in each chunk of a streamed body."""

    @property
    def channel(self) -> "FakePager":
        return self

    async def send(self, request: Request, options: CallOptions = NO_OPTIONS) -> Response:
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

    def notify(self, make: Callable[[], object]) -> None:
        self.events.append(make())

    def redact(self, text: str, secrets: object = ()) -> str:
        return text

    @asynccontextmanager
    async def stream(
        self, request: Request, options: CallOptions = NO_OPTIONS
    ) -> AsyncGenerator[StreamingResponse, None]:
        response = await self.send(request, options)

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(response.body), self.chunk_size):
                await asyncio.sleep(0)
                yield response.body[start : start + self.chunk_size]

        yield StreamingResponse(status=response.status, headers=response.headers, chunks=chunks())

    def find(self, style, row=dict, target="/v1/things", bind=None):
        """Return the items of a query of this style."""
        request = Request(operation="things.find", method="GET", target=target)
        return Paged(self, request, style, row, bind, (self, {}))
