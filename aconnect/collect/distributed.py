"""Collections on more than one machine: plan jobs, run them anywhere, commit what they have read.

::

    jobs = await plan(collection, sink, server="prod", staging="/shared/staging")
    while jobs:
        entries = [run_job(job) for job in jobs]        # on any machines, at the same time
        jobs = await commit(collection, sink, entries, server="prod", staging="/shared/staging")

The driver keeps the state of a run in the output, as for a run on one machine, and writes the rows
of each job together with the fact that it is done. So a job may run twice, or be lost with its
machine, and each row is still written once.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import anyio
from msgspec.structs import replace

from aconnect._client.threads import in_thread
from aconnect.collect.attempts import Attempt, discard
from aconnect.collect.collection import Collection
from aconnect.collect.collector import Job as Source
from aconnect.collect.datasets import collection_of
from aconnect.collect.engines import PAGES, Engine, Job, ManifestEntry
from aconnect.collect.fleet import Server
from aconnect.collect.oddities import Oddities
from aconnect.collect.progress import RunReport
from aconnect.collect.publishing import open_destination
from aconnect.collect.running import Counts, Workers
from aconnect.collect.sink import Run, Sink
from aconnect.collect.state import RunState
from aconnect.collect.strategies import Strategy, Tally
from aconnect.collect.strategies.by_time import ByTime
from aconnect.collect.strategies.jobs import Jobs, JobsLeft
from aconnect.collect.strategies.slices import Slices
from aconnect.collect.units import Unit
from aconnect.collect.writing import Progressing, SinkError, Writer
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, MissingExtraError

__all__ = [
    "Engine",
    "Job",
    "ManifestEntry",
    "commit",
    "distribute",
    "execute",
    "plan",
    "run_job",
    "server_named",
]

R = TypeVar("R")

SLOTS: Final = 4
"""How many jobs run at once, if that is not said."""


def server_named(alias: str) -> Server:
    """Return the server that this machine knows by an alias.

    Its address is in `ACONNECT_SERVER_<ALIAS>`, its key in `ACONNECT_SERVER_<ALIAS>_API_KEY` or in
    the keyring, where `aconnect login ALIAS --server ADDRESS` saves it.

    Raises:
        InvalidArgumentError: This machine does not know its address or its key.
    """
    name = f"ACONNECT_SERVER_{alias.upper().replace('-', '_')}"
    if name.endswith("_API_KEY"):
        # The address of one would be the key of another.
        raise InvalidArgumentError(f"{alias!r} is no alias of a server: it ends in API_KEY")
    address = os.environ.get(name, "").strip()
    if not address:
        raise InvalidArgumentError(
            f"this machine does not know server {alias!r}: set {name} to its address, and "
            f"{name}_API_KEY to a key"
        )
    if os.environ.get(f"{name}_API_KEY", "").strip():
        return Server(alias=alias, address=address, api_key_env=f"{name}_API_KEY")
    server = Server(alias=alias, address=address, keyring=True)
    try:
        server.key()
    except (InvalidArgumentError, MissingExtraError) as error:
        raise InvalidArgumentError(
            f"this machine has no key for server {alias!r}: set {name}_API_KEY, or save one in "
            f"the keyring ({error})"
        ) from error
    return server


def run_job(job: Job) -> ManifestEntry:
    """Carry out a job on this machine: write its rows to the staging folder.

    Where an event loop is running, use `execute`.

    Raises:
        InvalidArgumentError: This machine does not know the server, or by another address; nothing
            was requested.
        FileError: The staging folder cannot be written.
        AconnectError: As the operations of the dataset, after their retries.
    """
    return anyio.run(execute, job)


async def execute(job: Job) -> ManifestEntry:
    """Carry out a job on this machine; see `run_job`."""
    server = server_named(job.server)
    async with server.client() as client:
        if client.api_root != job.address:
            raise InvalidArgumentError(
                f"job {job.id} is for server {job.server!r} at {job.address}, and this machine "
                f"knows it as {client.api_root}; set the same address on all machines"
            )
        collection = collection_of(
            client,
            job.dataset,
            in_flight=job.limit,
            max_rate=job.rate,
            page_size=job.page_size,
            **job.filters,
        )
        strategy = await collection.job.choose(job.strategy)
        return await _read(job, collection.job, strategy)


async def _read(job: Job, source: Source, strategy: Strategy) -> ManifestEntry:
    """Read a unit and what is split off from it, up to the job's number of pages."""
    # Which of the events that were read before are new is decided by the driver, and only known of
    # all events of one time: such a unit is read to its end.
    pages = job.pages if job.unit.kind == "new" else float("inf")
    unit = replace(job.unit, kind="new")
    strategy.resume([unit])
    units = {unit.id: replace(unit)}
    run = RunState(window="", lo=unit.lo, hi=unit.hi, is_over=True, strategy=job.strategy)
    attempt = Attempt(job.id, open_destination(job.staging))
    counts = Counts(source.client)
    try:
        await in_thread(
            attempt.open, Run(source=source.source, dataset=source.dataset, restart=True)
        )
        writer = Writer(
            attempt,
            source.dataset,
            Progressing(run=run, units=units, recent=None, sessions=None),
            is_atomic=strategy.is_atomic,
            commits=False,
            oddities=Oddities(),
        )
        workers = Workers(
            strategy, writer, source.options, counts, source.client.clock, job.dataset, 0,
            run.period, pages=pages,
        )  # fmt: skip
        try:
            await workers.run()
            await writer.flush()
        finally:
            with anyio.CancelScope(shield=True):
                await writer.close()
        written = await in_thread(attempt.finish)
    except (SinkError, OSError) as error:
        if isinstance(error, AconnectError):
            raise
        raise FileError(
            f"cannot write to the staging folder {job.staging}: {error.__cause__ or error}"
        ) from error
    finally:
        attempt.close()
    return ManifestEntry(
        job=job.id,
        file=attempt.name,
        size=written.size or 0,
        rows=writer.rows,
        rest=tuple(unit for unit in units.values() if not unit.done),
        tally=Tally(counts.requests, counts.fetched, counts.pushbacks, counts.waited),
    )


class _Distributed(Collection[R]):
    """A collection that deletes the files of its jobs when it is complete."""

    def __init__(self, source: Source, prefix: str, staging: str) -> None:
        super().__init__(
            source.client, source.dataset, source.options, source.choose, source.filters
        )
        self._prefix = prefix
        self._staging = staging

    async def into(self, sink: Sink) -> RunReport:
        report = await super().into(sink)
        await in_thread(discard, self._prefix, open_destination(self._staging))
        return report


def distribute(
    collection: Collection[R], engine: Engine, *, server: str, staging: str, pages: int = PAGES
) -> Collection[R]:
    """Return the same collection, whose pages are read by the machines of an engine.

    This machine writes the rows. What cannot be divided, such as a snapshot, or an audit log that
    cannot be searched, is read by this machine alone.

    Args:
        collection: What to collect. `in_flight` and `max_rate` are shared among the jobs that run
            at once.
        engine: Where to run jobs.
        server: The alias of the server, by which each machine finds its address and its key.
        staging: A folder or a URL that all machines can write to.
        pages: How many pages a job reads at most.

    Raises:
        InvalidArgumentError: The rows are wanted in order, or `staging` cannot be used.
    """
    return _distributed(collection, engine, server, staging, pages)


def _distributed(
    collection: Collection[R],
    engine: Engine,
    server: str,
    staging: str,
    pages: int,
    *,
    divides: bool = False,
    is_planned: bool = False,
) -> _Distributed[R]:
    """Return the collection of `distribute`.

    `divides` refuses what cannot be divided, `is_planned` to begin a run.
    """
    source = collection.job
    options = source.options
    if is_planned:
        options = replace(options, restart=False)
        source = replace(source, options=options)
    if options.ordered:
        raise InvalidArgumentError("jobs end in any order; leave ordered=True out")
    if pages < 1:
        raise InvalidArgumentError(f"pages={pages} must be at least 1")
    destination = open_destination(staging)
    slots = min(max(engine.slots, 1), options.in_flight)
    digest = hashlib.sha256(source.source.key.encode()).hexdigest()[:8]
    template = Job(
        id=f"{source.dataset.name}-{digest}",
        server=server,
        address=source.client.api_root,
        dataset=source.dataset.name,
        filters=dict(source.filters),
        strategy="",
        unit=Unit(id=0),
        pages=pages,
        page_size=options.page_size,
        limit=options.in_flight // slots,
        rate=None if options.max_rate is None else options.max_rate / slots,
        staging=staging if "://" in staging else str(destination.state),
    )

    async def choose(previous: str | None) -> Strategy:
        if is_planned and previous is None:
            raise _NothingPlanned
        inner = await source.choose(previous)
        if isinstance(inner, ByTime | Slices):
            if previous is None:
                # Files of earlier runs must not be taken for those of jobs of the new one.
                await in_thread(discard, template.id, destination)
            named = replace(template, strategy=inner.name)
            return Jobs(inner, engine, slots, named, destination)
        reason = f"{source.dataset.name} cannot be divided among machines: {inner.reason}"
        if divides:
            raise InvalidArgumentError(f"{reason}; collect it on one machine")
        inner.notes.append(reason)
        return inner

    return _Distributed(replace(source, choose=choose), template.id, staging)


class _NothingPlanned(Exception):  # noqa: N818  not an error
    """No run has begun that jobs could be committed to."""


class _Manifest:
    """An engine that runs nothing: it has what was run elsewhere."""

    def __init__(self, entries: Sequence[ManifestEntry], slots: int) -> None:
        self.slots: int = slots
        self._entries: defaultdict[str, list[ManifestEntry]] = defaultdict(list)
        for entry in entries:
            self._entries[entry.job].append(entry)

    async def run(self, job: Job) -> ManifestEntry | None:
        # The first entry of a job is taken; another one, if the file of the first is damaged.
        entries = self._entries[job.id]
        return entries.pop(0) if entries else None


async def plan(
    collection: Collection[R],
    sink: Sink,
    *,
    server: str,
    staging: str,
    slots: int = SLOTS,
    pages: int = PAGES,
) -> list[Job]:
    """Begin a run, or continue an unfinished one; return the jobs that are left to be run.

    The state of the run is kept in the output. If there is nothing to collect, there are no jobs.

    Args:
        collection: What to collect. `in_flight` and `max_rate` are shared among the jobs that run
            at once.
        sink: Where the rows are written to by `commit`.
        server: The alias of the server, by which each machine finds its address and its key.
        staging: A folder or a URL that all machines can write to.
        slots: How many jobs run at once.
        pages: How many pages a job reads at most.

    Raises:
        InvalidArgumentError: The collection cannot be divided, or an argument is invalid.
        ResumeError: As `Collection.into`.
    """
    engine = _Manifest((), slots)
    planned = _distributed(collection, engine, server, staging, pages, divides=True)
    try:
        await planned.into(sink)
    except JobsLeft as left:
        return left.jobs
    return []


async def commit(
    collection: Collection[R],
    sink: Sink,
    entries: Sequence[ManifestEntry],
    *,
    server: str,
    staging: str,
    slots: int = SLOTS,
    pages: int = PAGES,
    on_report: Callable[[RunReport], None] | None = None,
) -> list[Job]:
    """Write what jobs have read to the output; return the jobs that are left to be run.

    Those are the jobs that no valid entry is of, and what is left of jobs that have read as many
    pages as they may. If there are none, the run is complete: its rows are published, and the files
    of its jobs deleted. It may be repeated, also with entries that were committed before.

    Args:
        collection: As for `plan`; `restart` has no effect.
        sink: As for `plan`.
        entries: What `run_job` has returned, in any order; of those of one job, the first is taken.
        server: As for `plan`.
        staging: As for `plan`.
        slots: As for `plan`.
        pages: As for `plan`.
        on_report: Called with the report when the run is complete.

    Raises:
        InvalidArgumentError: As `plan`.
        ResumeError: The output has an unfinished run that collects something else.
        FileError: The output cannot be written any more.
    """
    engine = _Manifest(entries, slots)
    committed = _distributed(
        collection, engine, server, staging, pages, divides=True, is_planned=True
    )
    try:
        report = await committed.into(sink)
    except JobsLeft as left:
        return left.jobs
    except _NothingPlanned:
        return []
    if on_report is not None:
        on_report(report)
    return []
