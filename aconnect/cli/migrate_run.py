"""`aconnect migrate run`: carry out a plan, show its progress, and say what became of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource
from msgspec import Struct

from aconnect._core.text import counted
from aconnect.cli.connection import network_options
from aconnect.cli.migrate_options import both_open, both_servers, server_options
from aconnect.cli.migrate_progress import migration_progress
from aconnect.cli.migrate_reported import echo_report
from aconnect.cli.migrate_texts import for_command_line, refresh_command
from aconnect.cli.output import echo_error, echo_json
from aconnect.cli.running import Command, Failure, Stopped, run

if TYPE_CHECKING:
    from aconnect.cli.connection import Settings
    from aconnect.migrate import Event, Plan, Report, Run, SavedRun
    from aconnect.migrate.running.reports.counting import State

F = TypeVar("F", bound=Callable[..., Any])

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_COMMAND_LINE: Final = ParameterSource.COMMANDLINE
_REPEATED: Final = frozenset(
    {"source", "destination", "journal", "calls", "transfers", "builds", "retry", "reports"}
)
"""The parameters that are repeated in the command that goes on."""
_WORDS: Final[dict[State, str]] = {
    "failed": "failed",
    "pending": "are not done",
    "differs": "differ from the plan",
}
"""The states that make a run fail."""


class _Stale(Failure):
    """The plan does not fit any more."""

    exit_code = 2


class RunOrder(Struct, frozen=True, kw_only=True):
    """What the options ask for."""

    file: Path
    """The plan."""
    journal: Path
    reports: tuple[Path, ...]
    verbose: bool
    json: bool
    again: tuple[str, ...]
    """The options that repeat the command."""

    def command(self, *more: str) -> str:
        """Return the command that goes on."""
        more = tuple(word for word in more if word not in self.again)
        return shlex.join(["aconnect", "migrate", "run", str(self.file), *self.again, *more])

    @property
    def refresh(self) -> str:
        """The command that plans stale items again."""
        return refresh_command(self.file, self.journal)


def _bound(name: str, default: int, what: str) -> Callable[[F], F]:
    return click.option(
        name,
        type=click.IntRange(min=1),
        default=default,
        show_default=True,
        metavar="N",
        help=f"How many {what} at once.",
    )


@click.command("run", cls=Command)
@click.argument(
    "file", metavar="PLAN", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@server_options("plan")
@click.option(
    "--journal",
    type=_FILE,
    metavar="FILE",
    help="The journal, with which an interrupted run goes on, and is taken back; by default beside "
    "the plan, with the suffix .db.",
)
@_bound("--calls", 64, "items are worked on")
@_bound("--transfers", 16, "bundles are sent")
@_bound("--builds", 4, "builds run on the destination")
@click.option("--retry", is_flag=True, help="Also try the items again that have failed.")
@click.option(
    "--report",
    "reports",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Write a report: .html to read, .json for programs, .csv with old and new addresses. Can "
    "be repeated; by default beside the plan, with the suffix .html.",
)
@click.option("--verbose", "-v", is_flag=True, help="Print also the steps of each item.")
@click.option(
    "--json", is_flag=True, help="Print each event as a line of JSON; the last is the report."
)
@network_options
def run_plan(
    settings: Settings,
    file: Path,
    source: str | None,
    destination: str | None,
    journal: Path | None,
    calls: int,
    transfers: int,
    builds: int,
    retry: bool,
    reports: tuple[Path, ...],
    verbose: bool,
    json: bool,
) -> None:
    """Carry out a plan of `aconnect migrate plan`.

    The keys are those of the profiles for the addresses in the plan. Each write is noted in the
    journal first. After an interruption, also of the machine, the same command goes on; grants on
    the source are withdrawn by then, or by the next run. Items that fail do not stop the others.

    The exit code is 0 if all items are migrated and are as planned, 1 if one is not, and 2 if the
    plan has conflicts or is stale; nothing was changed then.

    \b
    aconnect migrate run plan.json
    aconnect migrate run plan.json --retry --report report.html --report addresses.csv
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect import migrate
    from aconnect.migrate.running.reports.saving import check_report_path

    order = RunOrder(
        file=file,
        journal=journal or file.with_suffix(".db"),
        reports=reports or (file.with_suffix(".html"),),
        verbose=verbose,
        json=json,
        again=_given(),
    )
    for path in order.reports:
        check_report_path(path)
    plan = migrate.read_plan(file)
    clients = both_servers(settings, source or plan.source.url, destination or plan.destination.url)
    begun = migrate.run(
        plan.bind(*clients),
        journal=order.journal,
        calls=calls,
        transfers=transfers,
        builds=builds,
        retry=retry,
    )
    report = _carried_out(begun, order, retry=retry)
    echo_report(report, order.reports, as_json=json)
    _check(report, order)


def _carried_out(begun: Run, order: RunOrder, *, retry: bool) -> Report:
    """Run the plan with its progress, write the reports, and return what became of it."""
    from aconnect import migrate
    from aconnect.errors import StalePlanError

    plan, saved = begun.plan, _saved(order.journal)
    done, failed = (0, 0) if saved is None else (saved.done, 0 if retry else saved.failed)
    progress = migration_progress(_runnable(plan), done, failed, verbose=order.verbose)

    async def work() -> Report:
        async with both_open(*plan.clients):
            await _follow(begun, _echo_event if order.json else progress.on_event)
            for path in order.reports:
                await migrate.save_report(begun.report, path)
            return begun.report

    try:
        if order.json:
            return run(work)
        with progress.shown():
            return run(work)
    except Stopped as stopped:
        stopped.hints = (*_left(order.journal, plan), f"Go on with: {order.command()}")
        raise
    except Failure as failure:
        if isinstance(failure.__cause__, StalePlanError):
            message = for_command_line(failure.message, order.refresh)
            raise _Stale(message, hints=("Nothing was changed.",)) from failure
        failure.hints = (*failure.hints, f"Go on with: {order.command()}")
        raise


async def _follow(begun: Run, show: Callable[[Event], None]) -> None:
    """Run the plan and show its events; say at once that Ctrl-C was heard."""
    import asyncio

    async with aclosing(aiter(begun)) as events:
        try:
            async for event in events:
                show(event)
        except asyncio.CancelledError:
            # It takes its time, and a second Ctrl-C would leave them.
            if _needs_grants(begun.plan):
                echo_error("Stopping. The grants on the source are withdrawn first.")
            raise


def _given() -> tuple[str, ...]:
    """Return the options on the command line that decide what the command does, not how it looks.

    Nor those of the connection, which may have a password.
    """
    context = click.get_current_context()
    words: list[str] = []
    for option in context.command.params:
        name = option.name or ""
        if name not in _REPEATED or context.get_parameter_source(name) is not _COMMAND_LINE:
            continue
        value: Any = context.params[name]
        if value is True:
            words.append(option.opts[0])
        else:
            values: list[Any] = list(value) if option.multiple else [value]
            words += [word for each in values for word in (option.opts[0], str(each))]
    return tuple(words)


def _needs_grants(plan: Plan) -> bool:
    return any(item.needs_grant for item in plan.items)


def _runnable(plan: Plan) -> int:
    return sum(item.is_runnable for item in plan.items)


def _saved(journal: Path) -> SavedRun | None:
    """Return what an earlier run has done; None if there was none, or the run will say why not."""
    from aconnect.errors import InvalidArgumentError, ResumeError
    from aconnect.migrate import read_journal

    try:
        return read_journal(journal)
    except (InvalidArgumentError, ResumeError):
        return None


def _left(journal: Path, plan: Plan) -> Sequence[str]:
    """Return what a run that was stopped has left."""
    saved = _saved(journal)
    if saved is None or not (saved.items or saved.tags):
        return ("Nothing was changed.",)
    left = f"{_runnable(plan) - saved.done:,} of {counted(_runnable(plan), 'item')} are not done."
    if saved.grants:
        open_ = f"{counted(saved.grants, 'grant')} on the source could not be withdrawn yet; "
        return left, f"{open_}going on does it."
    withdrawn = "The grants on the source were withdrawn."
    return (left, withdrawn) if _needs_grants(plan) else (left,)


def _echo_event(event: Event) -> None:
    import msgspec

    echo_json(msgspec.json.encode(event).decode())


def _check(report: Report, order: RunOrder) -> None:
    """Fail if an item was not migrated, or is not as planned."""
    from aconnect.migrate.running.reports.counting import counts

    numbers = counts(report)
    total = counted(len(report.items) - numbers["skipped"], "item")
    parts = [f"{numbers[state]:,} {word}" for state, word in _WORDS.items() if numbers[state]]
    if not parts:
        return
    hints: list[str] = []
    if numbers["pending"]:
        hints.append("What is not done was not begun any more, because it would have failed too.")
    if numbers["failed"] or numbers["pending"]:
        hints.append(f"Go on with: {order.command('--retry')}")
    if any(item.error_type == "StalePlanError" for item in report.items):
        hints.insert(0, f"Plan what has changed again with: {order.refresh}")
    raise Failure(f"{total}: {', '.join(parts)}", hints=tuple(hints))
