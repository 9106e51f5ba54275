"""`aconnect users sync` and `aconnect groups sync`: the difference first, and then the changes."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import click
from msgspec import Struct

from aconnect._core.text import counted, some_of
from aconnect.cli.commands import confirm
from aconnect.cli.connection import Settings, client_of, connection_options, server_of
from aconnect.cli.output import echo, echo_error, is_terminal
from aconnect.cli.running import Command, Failure, Stopped, report_retries, run, with_options
from aconnect.cli.table import Column, rows_printer

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.migrate.mapping.model import Mapping
    from aconnect.migrate.people import Change, ChangeOutcome

Plan = Callable[["Client", "Client | None"], Awaitable["list[Change]"]]
"""Compares a server with what is described; with the other server, if that describes it."""

_EVERY: Final = 100
"""After how many changes the progress is printed."""
_HELD: Final = {"lock_missing": "user", "remove_members": "member", "delete_groups": "group"}
"""What is kept without an argument."""
_COLUMNS: Final = (
    Column("State", "state", is_whole=True),
    Column("Change", str),
)
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OPTIONS: Final = (
    click.option(
        "--from-server",
        metavar="SERVER",
        help="Instead of a file: another server, by the name of its profile, or its address.",
    ),
    click.option(
        "--map",
        "map_",
        type=_FILE,
        metavar="FILE",
        help="A mapping file for the names of the other server.",
    ),
    click.option(
        "--dry-run",
        is_flag=True,
        help="Only print the difference; the exit code is 1 if there is one.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask for confirmation."),
    click.option("--json", is_flag=True, help="Print the changes as one JSON document."),
)


class ChangeRow(Struct, kw_only=True):
    """A change, and what became of it."""

    state: Literal["pending", "done", "failed", "impossible", "held back"]
    sign: str
    kind: str
    name: str
    member: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    text: str
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.sign} {self.text}"


class SyncOrder(Struct, frozen=True, kw_only=True):
    """The options that both commands have."""

    file: Path | None
    from_server: str | None
    map_: Path | None
    dry_run: bool
    yes: bool
    json: bool

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if (self.file is None) == (self.from_server is None):
            raise click.UsageError("pass either FILE, or --from-server SERVER")
        if self.map_ is not None and self.from_server is None:
            raise click.UsageError("--map is for --from-server")

    @property
    def described_by(self) -> Path:
        """The file that describes it."""
        return cast("Path", self.file)

    def mapping(self) -> Mapping:
        """Read the mapping; an empty one, if there is none."""
        from aconnect.migrate.mapping.file import load_mapping
        from aconnect.migrate.mapping.model import Mapping

        return Mapping() if self.map_ is None else load_mapping(self.map_)


def sync_command(group: click.Group) -> Callable[[Callable[..., Plan]], click.Command]:
    """Declare a command that brings a server to a described state.

    The function gets the options that both commands have, and its own; it returns what compares.
    """

    def declare(function: Callable[..., Plan]) -> click.Command:
        @functools.wraps(function)
        def command(settings: Settings, **values: Any) -> None:
            names = SyncOrder.__struct_fields__
            order = SyncOrder(**{name: values.pop(name) for name in names})
            order.check()
            _sync(settings, order, function(order, **values))

        for option in reversed((click.argument("file", type=_FILE, required=False), *_OPTIONS)):
            command = option(command)
        return group.command("sync", cls=Command)(connection_options(command))

    return declare


def _sync(settings: Settings, order: SyncOrder, plan: Plan) -> None:
    """Compare, print the difference, and make the changes unless it is a dry run."""
    client = cast("Client", client_of(settings))
    # The key of one server is not for the other.
    other = Settings(proxy=settings.proxy, cacert=settings.cacert, insecure=settings.insecure)
    source = None if order.from_server is None else server_of(other, order.from_server)
    run_ = _Run(client, source, order, plan)
    try:
        run(run_.work)
    except Stopped as stopped:
        left = sum(row.state == "pending" for row in run_.rows)
        what = f"{left:,} of {counted(len(run_.rows), 'change')} are not made"
        stopped.hints = (
            (f"{what}; the same command goes on.",) if run_.has_begun else ("Nothing was changed.",)
        )
        raise
    finally:
        if run_.has_begun:
            run_.echo_rows()
    run_.end()


class _Run:
    """One run of a command."""

    def __init__(self, client: Client, source: Client | None, order: SyncOrder, plan: Plan) -> None:
        self._client = client
        self._source = source
        self._order = order
        self._plan = plan
        self.rows: list[ChangeRow] = []
        self.has_begun: bool = False
        """Whether changes may have been made, or were to be printed only."""

    async def work(self) -> None:
        """Compare, and make the changes."""
        from aconnect.migrate.people import apply_changes
        from aconnect.migrate.people.model import mail_text

        async with AsyncExitStack() as stack:
            for client in filter(None, (self._client, self._source)):
                await stack.enter_async_context(client)
                report_retries(client)
            changes = await self._plan(self._client, self._source)
            self.rows = [_row(change) for change in changes]
            due = sum(change.is_due for change in changes)
            is_end = self._order.dry_run or not due
            if is_end and self._order.json:
                self.echo_rows()
            else:
                _echo_difference(changes, echo if is_end else echo_error)
            _echo_held(changes)
            if text := mail_text(changes):
                echo_error(f"{text[0].upper()}{text[1:]}.")
            if is_end:
                return
            confirm(f"Make {counted(due, 'change')} on {self._client.url}?", yes=self._order.yes)
            self.has_begun = True
            rows = {id(change): row for change, row in zip(changes, self.rows, strict=True)}
            possible = [change for change in changes if change.is_due]
            async for outcome in apply_changes(self._client, possible, progress=_progress):
                _note(rows[id(outcome.item)], outcome)

    def echo_rows(self) -> None:
        """Print the changes, and what became of them; on a terminal the difference is above."""
        due = [row for row in self.rows if row.state in {"pending", "done", "failed"}]
        if not self._order.json and is_terminal("stdout"):
            made = sum(row.state == "done" for row in due)
            echo_error(f"{made:,} of {counted(len(due), 'change')} made")
            return
        printer = rows_printer(_COLUMNS, [] if self._order.json else None)
        for row in self.rows if self._order.json else due:
            printer.add(row)
        printer.close()

    def end(self) -> None:
        """Say what is left, and set the exit code."""
        due = sum(row.state == "pending" for row in self.rows)
        failed = [row for row in self.rows if row.state == "failed"]
        impossible = sum(row.state == "impossible" for row in self.rows)
        if failed:
            made = sum(row.state == "done" for row in self.rows) + len(failed)
            raise Failure(
                f"{len(failed):,} of {counted(made, 'change')} failed",
                hints=tuple(f"{row.sign} {row.text}: {row.error}" for row in failed),
            )
        if due:
            echo_error(f"{counted(due, 'change')} would be made; nothing was changed")
        if impossible:
            echo_error(f"{counted(impossible, 'change')} marked ! cannot be made")
        if due or impossible:
            click.get_current_context().exit(1)
        if not self.has_begun:
            echo_error("Nothing to do.")


def _echo_difference(changes: Sequence[Change], echo: Callable[[str], None]) -> None:
    for change in changes:
        if change.needs is None:
            echo(str(change))


def _echo_held(changes: Sequence[Change]) -> None:
    """Say what is not done for want of an option; there may be thousands."""
    held: dict[str, list[str]] = {}
    for change in changes:
        if change.needs is not None:
            name = f"{change.name}: {change.member}" if change.member else change.name
            held.setdefault(change.needs, []).append(name)
    for needs, names in held.items():
        option, noun = f"--{needs.replace('_', '-')}", _HELD[needs]
        echo_error(
            f"Kept: {counted(len(names), noun)} not described ({some_of(names)}); pass {option}"
        )


def _row(change: Change) -> ChangeRow:
    return ChangeRow(
        state="held back" if change.needs else "impossible" if change.obstacle else "pending",
        sign=change.sign,
        kind=change.kind,
        name=change.name,
        member=change.member or None,
        before=change.before,
        after=change.after,
        text=change.text,
        error=change.obstacle or None,
    )


def _note(row: ChangeRow, outcome: ChangeOutcome) -> None:
    """Record what became of a change."""
    row.state = "done" if outcome.ok else "failed"
    row.error = None if outcome.ok else with_options(str(outcome.error))


def _progress(done: int, total: int | None) -> None:
    if done % _EVERY == 0 and done != total:
        echo_error(f"{done:,} of {total:,} changes")
