"""Migrates content in a new process, by a script and by a plan, and prints what that took.

The argument is a job as JSON. The servers are in processes of their own.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks._measuring import Span, timed
from benchmarks._server import ROOT

KINDS = ["report", "app", "api", "history", "locked"]
"""Content with an active bundle; it has tags, permissions, variables, integrations, vanity URLs,
thumbnails and locks."""


class MigrateJob(Struct, frozen=True, kw_only=True):
    """What to migrate."""

    items: int
    by_script: int
    """How many of them the script migrates."""
    size: int
    """Of a bundle, in bytes."""
    latency: float
    calls: int = 64
    transfers: int = 16
    builds: int = 4
    uvloop: bool = False


class MigrateCost(Struct, frozen=True, kw_only=True):
    """What it took."""

    script: Span
    script_requests: float
    """For each item."""
    plan: Span
    run: Span
    run_requests: float
    """For each item, also its part of what is requested once."""
    growth: int
    """Of the peak memory after the script, in bytes."""


async def migrate_in_process(job: MigrateJob) -> MigrateCost:
    """Run a job in a new process."""
    command = [
        sys.executable,
        "-m",
        "benchmarks._migrate_worker",
        msgspec.json.encode(job).decode(),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed; its error is above")
    return msgspec.json.decode(told, type=MigrateCost)


async def _migrate(job: MigrateJob, folder: Path) -> MigrateCost:
    from aconnect import Client, migrate
    from benchmarks._migrating import VARIABLE, Script, mapping, new_server, old_server
    from benchmarks._peak import peak_bytes
    from tests.serving import running

    os.environ[VARIABLE] = "value"
    options = migrate.Options(grant_self=True)
    with (
        running(
            old_server, items=job.items, kinds=KINDS, size=job.size, latency=job.latency
        ) as old,
        running(new_server, latency=job.latency) as by_script,
        running(new_server, latency=job.latency) as new,
    ):
        async with (
            Client(old.url, old.api_key) as source,
            Client(by_script.url, by_script.api_key) as other,
            Client(new.url, new.api_key) as destination,
        ):
            guids = [item.guid for item in (await source.content.find())[: job.by_script]]
            few = await migrate.plan(source, other, guids=guids, mapping=mapping(), options=options)
            script = Script(few, os.environ[VARIABLE])
            await script.create_tags()

            async def one_by_one() -> None:
                for item in few.items:
                    await script.migrate(item)

            old.clear_counts()
            by_script.clear_counts()
            script_span = await timed(one_by_one)()
            script_requests = old.count() + by_script.count()
            before = peak_bytes()
            began, cpu = time.perf_counter(), time.process_time()
            plan = await migrate.plan(source, destination, mapping=mapping(), options=options)
            plan_span = Span(time.perf_counter() - began, time.process_time() - cpu)
            old.clear_counts()
            new.clear_counts()

            async def run() -> None:
                report = await migrate.run(
                    plan,
                    journal=folder / "journal.db",
                    calls=job.calls,
                    transfers=job.transfers,
                    builds=job.builds,
                )
                failed = [item for item in report.items if item.error or item.differences]
                if failed or len(report.items) != job.items:
                    raise RuntimeError(f"the migration has failed: {failed[:3]}")

            span = await timed(run)()
            return MigrateCost(
                script=script_span,
                script_requests=script_requests / len(few.items),
                plan=plan_span,
                run=span,
                run_requests=(old.count() + new.count()) / job.items,
                growth=peak_bytes() - before,
            )


def main() -> None:
    """Run the job."""
    job = msgspec.json.decode(sys.argv[1], type=MigrateJob)
    factory = importlib.import_module("uvloop").new_event_loop if job.uvloop else None
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=factory) as runner:
        print(msgspec.json.encode(runner.run(_migrate(job, Path(folder)))).decode())


if __name__ == "__main__":
    main()
