"""Collects visits in a new process, and prints what that took.

The argument is a job as JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

from benchmarks._measuring import Span
from benchmarks._server import ROOT


class Job(Struct, frozen=True, kw_only=True):
    """What to collect from a series server."""

    url: str
    rows: int
    start: datetime
    first: datetime
    """The end of the first page, which is collected before the measurement."""
    end: datetime
    sink: Literal["jsonl", "parquet"]
    speed: bool = False
    """Whether to use what the extra `speed` installs, as the command line does."""


class Cost(Struct, frozen=True):
    """What it took, after the first page."""

    span: Span
    growth: int
    """Of the peak memory, in bytes."""


async def collect_in_process(job: Job) -> Cost:
    """Run a job in a new process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks._collect_worker",
        msgspec.json.encode(job).decode(),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed; its error is above")
    return msgspec.json.decode(told, type=Cost)


async def _collect(job: Job) -> Cost:
    from aconnect import Client, collect
    from benchmarks._collecting import collected, to_jsonl, to_parquet
    from benchmarks._peak import peak_bytes

    sink = {"jsonl": to_jsonl, "parquet": to_parquet}[job.sink]
    async with Client(job.url, api_key="fake") as client:

        def visits(end: datetime) -> collect.Collection[Any]:
            return collect.visits(client, from_=job.start, to=end)

        # The first page includes one-time costs: imports, connections, decoders, buffers.
        await collected(500, sink, lambda: visits(job.first))()
        before = peak_bytes()
        span = await collected(job.rows, sink, lambda: visits(job.end))()
        return Cost(span, peak_bytes() - before)


def main() -> None:
    """Run the job."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    factory = None
    if job.speed:
        from aconnect._transport.coding import use_isal

        use_isal()
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(msgspec.json.encode(runner.run(_collect(job))).decode())


if __name__ == "__main__":
    main()
