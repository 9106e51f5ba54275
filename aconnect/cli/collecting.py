"""How `aconnect collect` runs: one server once, one server for ever, or several servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click
from msgspec import Struct

from aconnect._core.text import counted
from aconnect.cli.engines import Spread, spreading
from aconnect.cli.options import echo_warnings
from aconnect.cli.output import echo_error, hide_credentials, is_terminal
from aconnect.cli.progress import rows_progress
from aconnect.cli.running import Command, Failure, Stopped, report_retries, run
from aconnect.cli.summaries import (
    echo_document,
    echo_report,
    echo_target,
    report_fields,
    time_text,
)

if TYPE_CHECKING:
    from datetime import timedelta

    from aconnect import Client
    from aconnect.cli.progress import Lines
    from aconnect.collect import Collection, Progress, RunReport, Sink
    from aconnect.collect.fleet import Server, ServerReport
    from aconnect.collect.outputs import Output
    from aconnect.errors import AconnectError


class Order(Struct, frozen=True, kw_only=True):
    """What is to be collected, and where to."""

    datasets: tuple[str, ...]
    output: Output
    options: dict[str, Any]
    """Keywords of the functions of the datasets."""
    as_json: bool = False
    prints_targets: bool = True
    """Whether to print where something was written to standard output."""
    verbose: bool = False
    spread: Spread | None = None
    """Where it is read, if not by this process."""

    def collection(self, client: Client, name: str, **more: Any) -> Collection[Any]:
        """Return the collection of a dataset."""
        from aconnect.collect.datasets import collection_of

        return collection_of(client, name, **self.options | more)

    def sink(self, client: Client, name: str) -> Sink:
        """Return the sink for a dataset."""
        from aconnect.collect.datasets import dataset_named
        from aconnect.collect.sinks.lines import StandardOutput

        if self.output.is_transient:
            labels = {"dataset": name} if len(self.datasets) > 1 else None
            return StandardOutput(_stream(client), labels=labels)
        named = ("from_", "to", "since_last", "content_guid")
        window = {key: self.options[key] for key in named if key in self.options}
        return self.output.sink(dataset_named(name), **window)


class _Redacting:
    """Standard output on a terminal, where no credential of a client may appear."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def isatty(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        return sys.stdout.buffer.write(self._client.channel.redact(data.decode()).encode())

    def flush(self) -> None:
        sys.stdout.buffer.flush()


def _stream(client: Client) -> BinaryIO | None:
    return cast("BinaryIO", _Redacting(client)) if sys.stdout.isatty() else None


def collect_once(client: Client, order: Order) -> list[RunReport]:
    """Collect datasets one after the other."""
    reports: list[RunReport] = []
    kept: list[str] = []

    async def work() -> None:
        async with client, spreading(order.spread) as over:
            report_retries(client)
            for name in order.datasets:
                try:
                    report = await _collect(client, order, name, over)
                except BaseException as error:
                    kept.extend(f"{name}: {note}" for note in _notes(error))
                    raise
                reports.append(report)
                echo_report(name, report, verbose=order.verbose)
                if order.prints_targets:
                    echo_target(report)

    try:
        with _interrupted(kept), _broken(order.output):
            run(work)
    finally:
        if order.as_json and reports:
            echo_document([report_fields(report) for report in reports])
    return reports


async def _collect(
    client: Client, order: Order, name: str, over: Callable[[Collection[Any]], Collection[Any]]
) -> RunReport:
    is_free = not (order.output.is_transient and is_terminal("stdout"))
    with rows_progress(redrawn=is_free) as progress:
        collection = order.collection(client, name, on_progress=progress.line(name))
        return await over(collection).into(order.sink(client, name))


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


@contextmanager
def _interrupted(kept: list[str]) -> Generator[None, None, None]:
    """Say after Ctrl-C what is kept."""
    try:
        yield
    except Stopped as stopped:
        stopped.hints = tuple(kept)
        raise


@contextmanager
def _broken(output: Output) -> Generator[None, None, None]:
    """Raise errors of standard output as they are, such as that the reader of a pipe has gone."""
    from aconnect.errors import FileError

    try:
        yield
    except Failure as failure:
        error = failure.__cause__
        cause = error.__cause__ if isinstance(error, FileError) else None
        if output.is_transient and isinstance(cause, OSError):
            raise cause from None
        raise


def follow(client: Client, order: Order, every: timedelta) -> None:
    """Collect what is new in all datasets again and again, until Ctrl-C."""
    from aconnect.concurrency import amap

    options = dict(order.options)
    if options.get("max_rate") is not None:
        options["max_rate"] /= len(order.datasets)
    # Refused before anything is requested.
    with rows_progress(redrawn=False) as progress:
        followed = {
            name: order.collection(client, name, **options, on_progress=progress.line(name)).follow(
                every
            )
            for name in order.datasets
        }
    rows = dict.fromkeys(order.datasets, 0)
    seconds = f"{every.total_seconds():g} s"

    async def one(name: str) -> None:
        sink = order.sink(client, name)

        def on_report(report: RunReport) -> None:
            # Where rows are replaced, those of the overlap are read in each run.
            is_news = report.rows > 0 and not (sink.replaces and report.rows == rows[name])
            rows[name] = report.rows
            if is_news and report.until is not None:
                since = f" from {time_text(report.from_)}" if report.from_ else ""
                echo_error(
                    f"{name}: {counted(report.rows, 'row')}{since} to {time_text(report.until)}"
                )
            for note in report.notes if order.verbose else ():
                echo_error(f"{name}: {note}")

        def on_failure(error: AconnectError) -> None:
            echo_error(f"{name}: {_explained(error)}; trying again in {seconds}")

        await followed[name].into(sink, on_report=on_report, on_failure=on_failure)

    async def work() -> None:
        async with client:
            report_retries(client)
            await amap(one, order.datasets, limit=len(order.datasets))

    kept: list[str] = []
    with _broken(order.output), _interrupted(kept):
        try:
            run(work)
        finally:
            if not order.output.is_transient:
                kept.append("The same command goes on from there.")


class _Watched:
    """Shows what happens on several servers."""

    def __init__(self, progress: Lines, order: Order) -> None:
        self._progress = progress
        self._order = order
        self._shown: dict[str, Callable[[Progress], None]] = {}

    def on_progress(self, server: Server, progress: Progress) -> None:
        label = f"{server.alias} {progress.dataset}"
        if label not in self._shown:
            self._shown[label] = self._progress.line(label)
        self._shown[label](progress)

    def on_report(self, server: Server, report: RunReport) -> None:
        label = f"{server.alias} {report.dataset}"
        self._end(label)
        echo_report(label, report, verbose=self._order.verbose)

    def end(self, report: ServerReport) -> None:
        for label in [each for each in self._shown if each.startswith(f"{report.alias} ")]:
            self._end(label)
        if report.error is not None:
            for line in (f"Error: {_explained(report.error)}", *_notes(report.error)):
                echo_error(f"{report.alias}: {line}")

    def _end(self, label: str) -> None:
        self._shown.pop(label, None)
        self._progress.end(label)


def collect_from_servers(path: Path, order: Order) -> None:
    """Collect from all servers of a file at once; fail if one of them has failed."""
    from aconnect.collect.fleet import Fleet

    fleet = Fleet.read(path)
    for server in fleet.servers:
        if not (order.datasets or server.datasets):
            raise click.UsageError(
                f"no dataset for server {server.alias}: pass some, or set datasets in {path}"
            )
    done: list[ServerReport] = []
    try:
        with rows_progress() as progress, _interrupted(["Repeat the command to resume."]):
            watched = _Watched(progress, order)

            async def work() -> None:
                reports = fleet.collect(
                    order.datasets,
                    order.output,
                    client=_client_of,
                    on_progress=watched.on_progress,
                    on_report=watched.on_report,
                    **order.options,
                )
                async for report in reports:
                    done.append(report)
                    watched.end(report)

            run(work)
    finally:
        _print_servers(done, order)
    if failed := sorted(report.alias for report in done if report.error is not None):
        raise Failure(f"{len(failed)} of {len(done)} servers failed: {', '.join(failed)}")


def _print_servers(done: list[ServerReport], order: Order) -> None:
    """Print the results, when no progress is drawn on what may be the same terminal."""
    if order.as_json and done:
        echo_document([_server_fields(report) for report in done])
    if order.prints_targets:
        for written in (each for report in done for each in report.reports):
            echo_target(written)


def _client_of(server: Server) -> Client:
    with echo_warnings():
        client = server.client(user_agent="aconnect-cli")
    hide_credentials(client)
    report_retries(client, f"{server.alias}: ")
    return client


def _server_fields(report: ServerReport) -> dict[str, Any]:
    return {
        "alias": report.alias,
        "address": report.address,
        "reports": [report_fields(each) for each in report.reports],
        "error": None if report.error is None else _explained(report.error),
    }


def _explained(error: AconnectError) -> str:
    """Return the message of an error, with the options of the command; attempts were reported."""
    error.attempts = ()
    command = click.get_current_context().command
    return command.explained(str(error), error) if isinstance(command, Command) else str(error)
