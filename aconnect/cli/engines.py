"""Collecting on several machines: `aconnect jobs plan`, `run` and `commit`, and Dask."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import click
from msgspec import Struct

from aconnect.cli.options import DATASET, DURATION, FORMAT, TIME, echo_warnings
from aconnect.cli.output import echo, echo_error, hide_credentials
from aconnect.cli.running import Command, Failure, report_retries, run
from aconnect.cli.summaries import echo_report

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.collect import Collection, RunReport, Sink
    from aconnect.collect.distributed import Job, ManifestEntry
    from aconnect.collect.outputs import Format, Output
    from aconnect.errors import AconnectError

T = TypeVar("T")


class Spread(Struct, frozen=True, kw_only=True):
    """Where the jobs of `aconnect collect --engine` run."""

    scheduler: str
    server: str
    """The alias of the server on the workers."""
    staging: str

    @classmethod
    def parse(
        cls,
        engine: str | None,
        scheduler: str | None,
        output: Output,
        *,
        alias: str | None,
        staging: str | None = None,
    ) -> Spread | None:
        """Check the options of the command; None if there is no engine."""
        if engine is None:
            if scheduler or staging:
                raise click.UsageError("--scheduler and --staging are for --engine dask")
            return None
        if scheduler is None:
            raise click.UsageError("pass --scheduler, such as tcp://scheduler:8786")
        if alias is None:
            raise click.UsageError(
                "--engine needs --profile NAME: workers read the address of the server from "
                "ACONNECT_SERVER_NAME, and its key from ACONNECT_SERVER_NAME_API_KEY"
            )
        return cls(scheduler=scheduler, server=alias, staging=staging_of(output, staging))


@asynccontextmanager
async def spreading(
    spread: Spread | None,
) -> AsyncGenerator[Callable[[Collection[Any]], Collection[Any]], None]:
    """Connect to the scheduler; yield what has a collection read by its workers."""
    if spread is None:
        yield lambda collection: collection
        return
    from aconnect.collect.distributed import distribute
    from aconnect.collect.engines.dask import connected

    async with connected(spread.scheduler) as engine:
        yield partial(distribute, engine=engine, server=spread.server, staging=spread.staging)


def staging_of(output: Output, staging: str | None) -> str:
    """Return the folder or the URL for the rows of jobs: by default in the folder of the output."""
    if staging is not None:
        return staging
    if output.is_transient or output.format == "postgres":
        raise click.UsageError("pass --staging, a folder or a URL that all machines can write to")
    place = output.place.rstrip("/") if output.is_folder else str(Path(output.place).parent)
    return f"{place}/.staging/attempts"


_OPTIONS = (
    click.argument("dataset", type=DATASET),
    click.option(
        "--alias",
        required=True,
        metavar="NAME",
        help="The server. Each machine reads its address from ACONNECT_SERVER_NAME and its key "
        "from ACONNECT_SERVER_NAME_API_KEY, or from the keyring.",
    ),
    click.option(
        "--from",
        "from_",
        type=TIME,
        metavar="TIME",
        help="Start (inclusive): a date (midnight UTC), or a time in RFC 3339.",
    ),
    click.option("--to", type=TIME, metavar="TIME", help="End (exclusive), in the same form."),
    click.option("--since-last", is_flag=True, help="Add what is new since the last run."),
    click.option(
        "--overlap",
        type=DURATION,
        default="1h",
        show_default=True,
        metavar="TIME",
        help="How far --since-last reads back, for events that the server has recorded late.",
    ),
    click.option(
        "--content", multiple=True, metavar="GUID", help="Only for this content; can be repeated."
    ),
    click.option(
        "--out",
        default=".",
        metavar="DIR|FILE|URL",
        help="Where the rows are written to by `commit`, as of `aconnect collect`.",
    ),
    click.option("--format", "format_", type=FORMAT, help="As of `aconnect collect`."),
    click.option(
        "--staging",
        metavar="DIR|URL",
        help="Where jobs write their rows: a folder or an object store that all machines can "
        "write to; by default .staging in the folder of --out.",
    ),
    click.option(
        "--parallel",
        "slots",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="How many jobs run at once; they share --in-flight and --max-rate.",
    ),
    click.option(
        "--in-flight",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        help="How many pages are requested at once, by all jobs together.",
    ),
    click.option(
        "--max-rate",
        type=click.FloatRange(0, min_open=True),
        metavar="N",
        help="The most requests per second, of all jobs together.",
    ),
    click.option(
        "--pages",
        type=click.IntRange(min=1),
        default=200,
        show_default=True,
        help="How many pages a job reads; what is left becomes other jobs.",
    ),
)


def _collecting(command: Callable[..., T]) -> Callable[..., T]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class _Task(Struct):
    """What `plan` and `commit` work on."""

    collection: Collection[Any]
    sink: Sink
    where: dict[str, Any]


def _with_task(
    work: Callable[[_Task], Coroutine[Any, Any, T]],
    *,
    dataset: str,
    alias: str,
    out: str,
    format_: str | None,
    staging: str | None,
    slots: int,
    pages: int,
    content: tuple[str, ...],
    **options: Any,
) -> T:
    """Run `work` with the collection that the options of `_collecting` describe."""
    from aconnect.collect.datasets import collection_of
    from aconnect.collect.distributed import server_named
    from aconnect.collect.outputs import Output

    output = Output.parse(out, cast("Format | None", format_))
    if output.is_transient:
        raise click.UsageError("jobs cannot be committed to standard output; pass --out")
    where = {
        "server": alias,
        "staging": staging_of(output, staging),
        "slots": slots,
        "pages": pages,
    }
    options["content_guid"] = content or None
    with echo_warnings():
        client: Client = server_named(alias).client(user_agent="aconnect-cli")
    hide_credentials(client)
    collection = collection_of(client, dataset, **options)
    names = ("from_", "to", "since_last", "content_guid")
    sink = output.sink(collection.dataset, **{name: options[name] for name in names})

    async def main() -> T:
        async with client:
            report_retries(client)
            return await work(_Task(collection, sink, where))

    return run(main)


@click.command(cls=Command)
@_collecting
@click.option(
    "--restart",
    is_flag=True,
    help="Start again: discard what earlier runs have written, and what was planned.",
)
def plan(**options: Any) -> None:
    """Divide a collection into jobs for several machines.

    This is about jobs of `aconnect collect`, which read usage and audit data, not about the jobs of
    content. Prints one job per line, as JSON without any secret, for `aconnect jobs run`. The plan
    is kept in the output: repeated, the command prints the jobs that are not committed yet.
    """
    from aconnect.collect.distributed import plan as plan_jobs

    async def work(task: _Task) -> list[Job]:
        return await plan_jobs(task.collection, task.sink, **task.where)

    jobs = _with_task(work, **options)
    _echo_lines(jobs)
    echo_error(f"{len(jobs):,} jobs to run" if jobs else "No jobs are left to run.")


@click.command("run", cls=Command)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--index", type=click.IntRange(min=0), metavar="N", help="Only the job in line N, from 0."
)
def run_jobs(file: IO[bytes], index: int | None) -> None:
    """Run jobs of `plan` on this machine.

    FILE has the jobs, '-' is standard input. The rows are written to the staging folder. Prints
    what each job has written as a line of JSON, for `aconnect jobs commit`. A job that fails is
    reported, the others are run, and the exit code is 1.
    """
    from aconnect.collect.distributed import Job, execute

    lines = [line for line in file.read().splitlines() if line.strip()]
    if index is not None:
        if index >= len(lines):
            raise click.UsageError(f"{_name(file)} has {len(lines)} jobs, counted from 0")
        lines = lines[index : index + 1]
    jobs = [_decoded(line, Job, f"{_name(file)} is not a file of jobs") for line in lines]
    failed: list[str] = []

    async def work() -> None:
        from aconnect.errors import AconnectError

        for job in jobs:
            try:
                _echo_lines([await execute(job)])
            except AconnectError as error:
                echo_error(f"{job.id}: {_explained(error)}")
                failed.append(job.id)

    run(work)
    if failed:
        raise Failure(f"{len(failed)} of {len(jobs)} jobs failed; plan again to get those left")


@click.command(cls=Command)
@_collecting
@click.argument("manifests", type=click.File("rb"), nargs=-1, required=True)
def commit(manifests: tuple[IO[bytes], ...], **options: Any) -> None:
    """Write what jobs have read to the output.

    Pass the options of `plan`, and the files with what `run` has printed; '-' is standard input.
    Prints the jobs that are left to be run: those that are missing, and what is left of others. If
    none are, the output is complete. Jobs that ran twice, or were committed before, are taken once.
    """
    from aconnect.collect.distributed import commit as commit_entries

    entries = _entries(manifests)

    def on_report(report: RunReport) -> None:
        echo_report(report.dataset, report)
        if report.written is not None:
            echo_error(f"Written: {report.written.target}")

    async def work(task: _Task) -> list[Job]:
        return await commit_entries(
            task.collection, task.sink, entries, **task.where, on_report=on_report
        )

    jobs = _with_task(work, **options)
    _echo_lines(jobs)
    if jobs:
        echo_error(f"{len(jobs):,} jobs are left to run")


def _entries(manifests: tuple[IO[bytes], ...]) -> list[ManifestEntry]:
    """Read manifest entries; what a job that was killed has not finished printing is left out."""
    from aconnect.collect.distributed import ManifestEntry

    entries: list[ManifestEntry] = []
    for file in manifests:
        for number, line in enumerate(file.read().splitlines(), 1):
            if not line.strip():
                continue
            try:
                entries.append(_decoded(line, ManifestEntry, "no entry of a manifest"))
            except click.UsageError as error:
                echo_error(f"Warning: line {number} of {_name(file)} is ignored: {error.message}")
    return entries


def _name(file: IO[bytes]) -> str:
    # Standard input has no name where it is not a file.
    return getattr(file, "name", "<stdin>")


def _decoded(line: bytes, type_: type[T], misfit: str) -> T:
    import msgspec

    try:
        return msgspec.json.decode(line, type=type_)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{misfit}: {error}") from error


def _echo_lines(values: list[Any]) -> None:
    import msgspec

    for value in values:
        echo(msgspec.json.encode(value).decode())


def _explained(error: AconnectError) -> str:
    command = click.get_current_context().command
    return command.explained(str(error), error) if isinstance(command, Command) else str(error)
