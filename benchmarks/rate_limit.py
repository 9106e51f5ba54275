"""Bulk work at servers that limit requests, and during an outage.

Each piece of work has a server of its own. The ideal time is what the limit allows: computed for a
rate, and measured for a number of requests at once, with a hand-written loop that knows the number.
Work at a rate and during outages runs at the same time, because it mostly waits.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from aconnect import Client, Limits
from aconnect.concurrency import amap
from benchmarks._harness import Figure, Run, main
from benchmarks._posit import PositWorker
from benchmarks._server import ROOT, Server

CALLS = 300
LATENCY = 0.0525
TASKS = (16, 64, 300)
RATE = {"rate": 20.0, "burst": 20}
CAP = 5
OUTAGE = 10.0


class Case(NamedTuple):
    """A server, and the work to do there."""

    name: str
    spec: dict[str, Any]
    tasks: int
    calls: int
    ideal: float
    """The seconds that the limit allows."""
    refusals: float
    """The most refusals for each success."""
    slowest: float | None = 1.3
    """The most seconds, in terms of the ideal; None where the server asks for more."""


class Outcome(NamedTuple):
    """What happened to the calls."""

    seconds: float
    failed: int
    requests: int
    refused: int


def _rate_cases(tasks: int) -> Iterator[Case]:
    ideal = (CALLS - RATE["burst"]) / RATE["rate"]
    for wait, most in ((1.0, 0.5), (None, 1.0)):
        header = "Retry-After" if wait else "no header"
        yield Case(
            f"20/s, burst 20, {header}, {tasks} tasks",
            {"rate": {**RATE, "retry_after": wait}},
            tasks,
            CALLS,
            ideal,
            most,
        )
        # 20 + 5 x 20 + 10 x 5 calls until the rate is 50.
        yield Case(
            f"20, then 5, then 50/s, {header}, {tasks} tasks",
            {"rate": {**RATE, "retry_after": wait}, "rates": [[5, 5.0], [15, 50.0]]},
            tasks,
            2 * CALLS,
            15.0 + (2 * CALLS - 170) / 50,
            most,
        )


def _cap_cases(tasks: int, ideal: float = CALLS * LATENCY / CAP) -> Iterator[Case]:
    for status in (429, 503):
        for wait, most in ((1.0, 0.5), (None, 1.0)):
            header = "Retry-After" if wait else "no header"
            yield Case(
                f"{CAP} at once, {status}, {header}, {tasks} tasks",
                {"cap": {"limit": CAP, "status": status, "retry_after": wait}},
                tasks,
                CALLS,
                ideal,
                most,
                # The one second that is asked for is a third of the ideal time.
                None if wait else 1.3,
            )


def _outage_cases(tasks: int) -> Iterator[Case]:
    for fault in ("503", "reset"):
        yield Case(
            f"outage of {OUTAGE:g} s, {fault}, {tasks} tasks",
            {"outage": [fault, 0.2, 0.2 + OUTAGE]},
            tasks,
            2 * CALLS,
            OUTAGE + 2 * CALLS * LATENCY / min(tasks, Limits().initial),
            0.3,
            None,
        )


@contextmanager
def limited_servers(cases: list[Case]) -> Iterator[list[Server]]:
    """Run a server for each case."""
    specs = json.dumps([case.spec for case in cases])
    command = [sys.executable, "-m", "benchmarks._limited_server", specs]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("the limited servers did not start; the error is above")
        yield [Server(**told) for told in json.loads(line)]


async def _ours(case: Case, server: Server) -> int:
    async with Client(server.url, api_key=server.api_key) as client:
        outcomes = amap(
            lambda _: client.me(), range(case.calls), limit=case.tasks, errors="collect"
        )
        return sum([not outcome.ok async for outcome in outcomes])


def _is_transient(error: BaseException) -> bool:
    status = getattr(error, "status", None)
    return isinstance(error, aiohttp.ClientConnectionError) or status in {429, 502, 503, 504}


async def _by_hand(case: Case, server: Server) -> int:
    """Make the calls as the documentation of tenacity recommends it."""
    numbers, failed = iter(range(case.calls)), 0
    retrying = AsyncRetrying(
        retry=retry_if_exception(_is_transient),
        wait=wait_random_exponential(multiplier=0.5, max=60),
        stop=stop_after_attempt(5),
        reraise=True,
    )
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Key {server.api_key}"}, raise_for_status=True
    ) as session:

        async def get() -> None:
            async with session.get(f"{server.url}/__api__/v1/user") as response:
                await response.read()

        async def work() -> None:
            nonlocal failed
            for _ in numbers:
                try:
                    await retrying.copy()(get)
                except aiohttp.ClientError:
                    failed += 1

        await asyncio.gather(*(work() for _ in range(case.tasks)))
    return failed


async def _measured(
    work: Callable[[Case, Server], Awaitable[int]], case: Case, server: Server
) -> Outcome:
    began = time.perf_counter()
    failed = await work(case, server)
    seconds = time.perf_counter() - began
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/counts") as response:
        counts = await response.json()
    return Outcome(seconds, failed, **counts)


async def _all(cases: list[Case], work: Callable[[Case, Server], Awaitable[int]]) -> list[Outcome]:
    with limited_servers(cases) as servers:
        return await asyncio.gather(
            *(_measured(work, case, server) for case, server in zip(cases, servers, strict=True))
        )


def _say(run: Run, who: str, case: Case, outcome: Outcome) -> None:
    lost = f", {outcome.failed} of {case.calls} lost" if outcome.failed else ""
    refused = outcome.requests - (case.calls - outcome.failed)
    run.say(
        f"{who}: {case.name}",
        f"{outcome.seconds / case.ideal:.2f} of the ideal {case.ideal:.1f} s, "
        f"{refused} refused{lost}",
    )


async def _at_caps(tasks: int) -> list[tuple[Case, Outcome]]:
    """Make calls to servers that perform a few requests at once, one server after the other."""
    knowing = next(_cap_cases(CAP))
    ideal = (await _all([knowing], _by_hand))[0].seconds
    return [(case, (await _all([case], _ours))[0]) for case in _cap_cases(tasks, ideal)]


async def rate_limit(run: Run) -> None:
    """Make calls to all servers, and compare with what they allow."""
    tasks = TASKS[1:2] if run.settings.quick else TASKS
    rates = [case for n in tasks for case in _rate_cases(n)]
    outages = [case for n in tasks for case in _outage_cases(n)]
    pairs = [
        *zip(rates, await _all(rates, _ours), strict=True),
        *[pair for n in tasks for pair in await _at_caps(n)],
        *zip(outages, await _all(outages, _ours), strict=True),
    ]
    for case, outcome in pairs:
        _say(run, "aconnect", case, outcome)
    lost = sum(outcome.failed for _, outcome in pairs)
    run.add(Figure("calls that limits and outages lose", lost, at_most=0, unit=""))
    timed = [o.seconds / c.ideal / c.slowest for c, o in pairs if c.slowest is not None]
    run.add(Figure("time at limits, to 1.3 times the ideal", max(timed), at_most=1.0))
    counted = [(o.requests / c.calls - 1) / c.refusals for c, o in pairs]
    run.add(Figure("refused requests, to what is allowed", max(counted), at_most=1.0))
    if not run.settings.quick:
        await _others(run)


async def _others(run: Run) -> None:
    """Show what a hand-written loop and posit-sdk do at a few of these servers."""
    cases = [*_rate_cases(64), *_cap_cases(64), *_outage_cases(64)]
    for case, outcome in zip(cases, await _all(cases, _by_hand), strict=True):
        _say(run, "tenacity", case, outcome)
    await _posit(run, cases)


async def _posit(run: Run, cases: list[Case]) -> None:
    with limited_servers(cases) as servers:
        for case, server in zip(cases, servers, strict=True):
            with run.fresh_posit(server) as worker:
                if worker is None:
                    return
                outcome = await _measured(partial(_by_posit, worker), case, server)
                _say(run, "posit-sdk", case, outcome)


async def _by_posit(worker: PositWorker, case: Case, _: Server) -> int:
    return worker.failures(case.calls, case.tasks)


if __name__ == "__main__":
    sys.exit(main(rate_limit))
