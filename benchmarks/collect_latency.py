"""Collecting visits from a server that takes 25 ms for a page."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aconnect import Client, collect
from aconnect.collect import Collection
from benchmarks._byhand import by_hand
from benchmarks._collecting import collected, count, counted, scaled, to_jsonl
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Span, alternate, rate, speed_ratio
from benchmarks._series import SHAPES, Shape, end_of, period
from benchmarks._series_server import SeriesServer, Spec, series_server
from benchmarks._server import PAGE

LATENCY = 0.025
TARGETS: dict[Shape, dict[int, float]] = {
    "uniform": {16: 12.0, 64: 35.0},
    "burst": {16: 11.0, 64: 28.0},
}
"""By requests in flight."""
POSIT_IN_FLIGHT = 32


async def collect_latency(run: Run) -> None:
    """Compare with loops that request one page after the other, and count requests."""
    for shape, targets in TARGETS.items():
        spec = Spec(rows=run.settings.size(400_000, 100_000), shape=shape, latency=LATENCY)
        async with _case(run, spec) as case:
            await case.against_loop(targets)
            if shape == "uniform":
                await case.against_posit()
    for shape in SHAPES:
        # Looking for the rows takes a number of requests that hardly depends on how many there are.
        spec = Spec(rows=run.settings.size(1_000_000, 200_000), shape=shape, latency=LATENCY)
        async with _case(run, spec) as case:
            await case.requests()


@asynccontextmanager
async def _case(run: Run, spec: Spec) -> AsyncIterator[_Case]:
    with series_server(spec) as server:
        async with Client(server.url, api_key=server.api_key) as client:
            yield _Case(run, spec, server, client)


class _Case:
    """The comparisons for one distribution of the rows in time."""

    def __init__(self, run: Run, spec: Spec, server: SeriesServer, client: Client) -> None:
        self._run = run
        self._shape = spec.shape
        self._rows = spec.rows
        self._server = server
        self._client = client

    def _visits(self, in_flight: int) -> Collection[Any]:
        start, end = period(self._shape)
        return collect.visits(self._client, from_=start, to=end, in_flight=in_flight)

    async def against_loop(self, targets: dict[int, float]) -> None:
        run, rows, shape = self._run, self._rows, self._shape
        # The loop takes the same time for each page, so some of them are enough.
        few = run.settings.size(100_000, 10_000)
        to = end_of(shape, rows, few).isoformat()
        async with by_hand(self._server) as hand:
            sides = {"loop": counted(few, lambda: hand.count_raw_visits(to), of=rows)}
            for k in targets:
                sides[f"count {k}"] = collected(rows, count, partial(self._visits, k))
                sides[f"jsonl {k}"] = collected(rows, to_jsonl, partial(self._visits, k))
            spans = await alternate(run.settings.size(5, 3), **sides)
        run.say(f"{shape}: hand-written, rows/s", f"{rate(spans['loop'], rows):,.0f}")
        for name in [*sides][1:]:
            ratio = speed_ratio(spans[name], spans["loop"])
            run.say(f"{shape}: {name}, rows/s; ratio", f"{rate(spans[name], rows):,.0f}; {ratio}")
        for k, target in targets.items():
            ratio = speed_ratio(spans[f"count {k}"], spans["loop"])
            name = f"visits at 25 ms, {shape}, {k} in flight, to hand-written"
            run.add(Figure(name, ratio.median, target))

    async def against_posit(self) -> None:
        run, rows = self._run, self._rows
        few = run.settings.size(20_000, 5_000)
        to = end_of(self._shape, rows, few).isoformat()
        with run.fresh_posit(self._server) as worker:
            if worker is None:
                return

            async def posit() -> Span:
                return scaled(await worker.visits(to), rows / few)

            ours = collected(rows, to_jsonl, partial(self._visits, POSIT_IN_FLIGHT))
            spans = await alternate(run.settings.size(5, 3), posit=posit, ours=ours)
        ratio = speed_ratio(spans["ours"], spans["posit"])
        run.say("posit-sdk, rows/s", f"{rate(spans['posit'], rows):,.0f}")
        run.say(f"{POSIT_IN_FLIGHT} in flight, rows/s", f"{rate(spans['ours'], rows):,.0f}")
        name = f"visits at 25 ms, {POSIT_IN_FLIGHT} in flight, to posit-sdk"
        run.add(Figure(name, ratio.median, 25.0))

    async def requests(self) -> None:
        before = self._server.requests()
        await collected(self._rows, count, partial(self._visits, 16))()
        extra = (self._server.requests() - before) / (self._rows / PAGE) - 1
        run = self._run
        run.add(Figure(f"additional requests, {self._shape}", extra * 100, at_most=3.0, unit="%"))


if __name__ == "__main__":
    sys.exit(main(collect_latency))
