"""`aconnect migrate undo`: take a migration back."""

from __future__ import annotations

import shlex
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from aconnect._core.text import counted
from aconnect.cli.commands import confirm
from aconnect.cli.connection import network_options
from aconnect.cli.lookup import guid_in
from aconnect.cli.migrate_options import both_open, both_servers, server_options
from aconnect.cli.output import echo_error, is_terminal
from aconnect.cli.running import Command, Failure, Stopped, run, with_options
from aconnect.cli.table import Column, rows_printer

if TYPE_CHECKING:
    from aconnect.cli.connection import Settings
    from aconnect.migrate import SavedRun, UndoneItem


def _number(item: UndoneItem) -> int | None:
    return item.number or None


def _text(item: UndoneItem) -> str:
    return with_options(item.text)


_MOST: Final = 20
"""How many items are listed on a terminal, before the question and afterwards."""
_EVERY: Final = 50
"""After how many items the progress is printed."""
_COLUMNS: Final = (
    Column("Outcome", "outcome", is_whole=True),
    Column("Nr", _number, is_whole=True),
    Column("Name", "name"),
    Column("Text", _text),
    Column("Notes", "notes"),
)


@click.command(cls=Command)
@click.argument(
    "journal", metavar="JOURNAL", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@server_options("journal")
@click.option(
    "--force",
    multiple=True,
    metavar="GUID",
    help="Take this content of the destination back although it has changed since. Can be "
    "repeated.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", is_flag=True, help="Print the results as one JSON document.")
@network_options
def undo(
    settings: Settings,
    journal: Path,
    source: str | None,
    destination: str | None,
    force: tuple[str, ...],
    yes: bool,
    json: bool,
) -> None:
    """Take a migration back: only what its journal has.

    The newest writes come first. Content that the run has created is deleted, unless it was
    deployed or given away since. Content that it has updated gets its former settings, permissions
    and bundle again. Vanity URLs go back to their former holders, and grants and locks on the
    source are withdrawn. Users and groups stay. Afterwards, the plan can be run again with the same
    journal.

    The exit code is 1 if something was refused or failed; the same command goes on.

    \b
    aconnect migrate undo plan.db
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect import migrate

    saved = migrate.read_journal(journal)
    if not (saved.items or saved.tags):
        echo_error("There is nothing to take back.")
        return
    clients = both_servers(settings, source or saved.source, destination or saved.destination)
    _echo_saved(saved)
    confirm(f"Take back {counted(len(saved.items), 'item')}?", yes=yes)
    undoing = _Undoing(len(saved.items), as_json=json)

    async def work() -> None:
        async with both_open(*clients):
            taken = migrate.undo(journal, *clients, force=[guid_in(one) or one for one in force])
            async with aclosing(aiter(taken)) as items:
                async for item in items:
                    undoing.add(item)

    pairs = {"--from": source, "--to": destination}
    again = [word for name, value in pairs.items() if value for word in (name, value)]
    how = f"Go on with: {shlex.join(['aconnect', 'migrate', 'undo', str(journal), *again])}"
    try:
        run(work)
    except Stopped as stopped:
        undoing.end()
        stopped.hints = (how,)
        raise
    undoing.end()
    if undoing.failed:
        _fail(undoing.failed, how)


class _Undoing:
    """Prints what is taken back: the items, on a terminal only a few, and how many there are."""

    def __init__(self, total: int, *, as_json: bool) -> None:
        self._total = counted(total, "item")
        self._undone = 0
        is_listed = as_json or not is_terminal("stdout") or total <= _MOST
        self._printer = rows_printer(_COLUMNS, [] if as_json else None) if is_listed else None
        self.failed: list[UndoneItem] = []

    def add(self, item: UndoneItem) -> None:
        """Print an item, or the progress."""
        if self._printer is not None:
            self._printer.add(item)
        if item.outcome != "undone":
            self.failed.append(item)
        elif item.number:  # not what is for all items
            self._undone += 1
            if self._undone % _EVERY == 0:
                self._echo_progress()

    def end(self) -> None:
        """Print the rest."""
        if self._printer is not None:
            self._printer.close()
        if self._undone % _EVERY or not self._undone:
            self._echo_progress()

    def _echo_progress(self) -> None:
        echo_error(f"{self._undone:,} of {self._total} taken back")


def _echo_saved(saved: SavedRun) -> None:
    """Print what would be taken back."""
    echo_error(f"The migration from {saved.source} to {saved.destination}:")
    for item in saved.items[:_MOST]:
        where = f" {item.target_url}" if item.target_url else ""
        echo_error(f"  {item.name}{where}: {', '.join(item.actions)}")
    if len(saved.items) > _MOST:
        echo_error(f"  … and {len(saved.items) - _MOST:,} more")
    if saved.tags:
        echo_error(f"  {counted(len(saved.tags), 'tag')} deleted unless in use")


def _fail(failed: list[UndoneItem], how: str) -> None:
    outcomes = {"refused": "refused", "failed": "failed"}
    numbers = {
        word: sum(item.outcome == outcome for item in failed) for outcome, word in outcomes.items()
    }
    parts = [f"{number} {word}" for word, number in numbers.items() if number]
    texts = [f"{item.name}: {with_options(item.text)}" for item in failed[:_MOST]]
    if len(failed) > _MOST:
        texts.append(f"… and {len(failed) - _MOST:,} more")
    raise Failure(f"not all was taken back: {', '.join(parts)}", hints=(*texts, how))
