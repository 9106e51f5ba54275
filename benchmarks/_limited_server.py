"""Servers that limit requests, in one process: the specifications are arguments, as JSON.

Prints one line with their addresses. Operations take 5 to 100 ms; refusals are sent at once. What a
server has counted is returned by `/counts`, which is not limited.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from aconnect.testing import ConcurrencyLimit, FakeConnect, RateLimit, Seed, faults
from aconnect.testing.connect.dialect import Call
from aconnect.testing.faults import Fault
from aconnect.testing.wire import Response, ok

FAULTS: dict[str, Fault] = {"503": faults.status(503), "reset": faults.reset()}


class LimitedConnect(FakeConnect):
    """A server with the limits, the changes and the outage of a specification."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__(
            Seed(users=5, content=3),
            rate_limit=RateLimit(**spec["rate"]) if "rate" in spec else None,
            concurrency_limit=ConcurrencyLimit(**spec["cap"]) if "cap" in spec else None,
        )
        self._spec = spec
        self._chance = random.Random(1)  # noqa: S311
        self._began: float | None = None

    def make_call(self, request: Any, path: str, query_string: str) -> Call:
        if path == "/counts":
            # The last request to this server.
            self.outage = self.rate_limit = self.concurrency_limit = None
        else:
            self._change()
        return super().make_call(request, path, query_string)

    def _change(self) -> None:
        """Apply the changes that are due since the first request."""
        now = time.monotonic()
        self._began = self._began or now
        elapsed = now - self._began
        for after, rate in self._spec.get("rates", []):
            if elapsed >= after and self.rate_limit is not None:
                self.rate_limit.rate = rate
        if "outage" in self._spec:
            fault, begin, end = self._spec["outage"]
            self.outage = FAULTS[fault] if begin <= elapsed < end else None

    async def serve(self, call: Any, *, inside: bool) -> Response:
        if inside:
            await asyncio.sleep(self._chance.uniform(0.005, 0.1))
        return await super().serve(call, inside=inside)

    async def outside(self, call: Any) -> Response:
        if call.path == "/counts":
            counted = [request for request in self.requests if request.path != "/counts"]
            return ok({"requests": len(counted), "refused": self.refused})
        return await super().outside(call)


async def main() -> None:
    """Serve until standard input ends."""
    async with AsyncExitStack() as stack:
        specs = json.loads(sys.argv[1])
        servers = [await stack.enter_async_context(LimitedConnect(spec)) for spec in specs]
        told = [{"url": server.url, "api_key": server.api_key} for server in servers]
        print(json.dumps(told), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
