"""Many items at once: how a batch is run on the command line, and what is printed about it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from aconnect._core.text import counted, some_of
from aconnect.cli.batch_progress import batch_progress
from aconnect.cli.output import echo_error
from aconnect.cli.running import Failure, Stopped, report_retries, run, with_options
from aconnect.cli.table import Column, rows_printer

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.deploy.batch.running import Batch
    from aconnect.deploy.batch.state import BatchItem

_COLUMNS: Final = (
    Column("GUID", "guid", is_whole=True),
    Column("Name", "name"),
    Column("State", "state", is_whole=True),
    Column("Step", "step", is_whole=True),
    Column("Address", "url", is_whole=True),
    Column("Error", "error"),
    Column("Log", "log_url", is_whole=True),
)
_PLANNED: Final = (
    Column("GUID", "guid", is_whole=True),
    Column("Name", "name"),
    Column("Action", "action", is_whole=True),
    Column("Type", "type", is_whole=True),
    Column("Files", "files", is_whole=True),
    Column("Bytes", "size", is_whole=True),
    Column("Directory", "directory"),
    Column("Error", "error"),
)
"""Of a dry run of directories."""


class BatchOrder(Struct, frozen=True, kw_only=True):
    """The options that all these commands have."""

    parallel: int
    state: Path | None
    retry: bool
    dry_run: bool
    json: bool

    def keywords(self, state: Path) -> dict[str, Any]:
        """Return them as arguments of a batch, with the state that is used by default."""
        return {"builds": self.parallel, "state": self.state or state, "retry": self.retry}


def run_batch(
    client: Client,
    order: BatchOrder,
    start: Callable[..., Any],
    verb: str,
    *,
    ask: Callable[[list[BatchItem]], None] = lambda _: None,
    plan: Callable[[list[BatchItem]], Any] | None = None,
) -> None:
    """Run a batch, print its results, and fail if one of them is a failure."""
    if order.dry_run:
        _dry_run(client, order, start, verb, plan)
        return
    rows: dict[str, BatchItem] = {}
    has_begun = False
    progress = batch_progress(verb)

    def on_progress(item: BatchItem, line: str) -> None:
        rows[item.key] = item
        progress.on_progress(item, line)

    async def work() -> None:
        nonlocal has_begun
        async with client:
            report_retries(client)
            batch: Batch = await start(on_progress=on_progress)
            planned = await batch.plan()
            todo = [item for item in planned if item.state != "done"]
            ask(todo)
            rows.update((item.key, item) for item in planned)
            has_begun = True
            if not todo:
                return
            with progress.shown(len(todo)):
                async for outcome in batch:
                    rows[outcome.item.key] = outcome.item
                    progress.end(outcome)

    try:
        run(work)
    except Stopped as stopped:
        left = sum(item.state != "done" for item in rows.values())
        done = (f"{left} of {counted(len(rows), 'item')} are not done.", _how())
        stopped.hints = done if has_begun else ("Nothing was changed.",)
        raise
    finally:
        # Not while progress is drawn on what may be the same terminal.
        if has_begun:
            _print(rows.values(), order, _COLUMNS)
    failed = [item for item in rows.values() if item.state == "failed"]
    if failed:
        raise Failure(
            f"{len(failed)} of {counted(len(rows), 'item')} failed",
            hints=(*map(_described, failed), _how()),
        )


def _dry_run(
    client: Client,
    order: BatchOrder,
    start: Callable[..., Any],
    verb: str,
    plan: Callable[[list[BatchItem]], Any] | None,
) -> None:
    """Print what a batch would do, and fail if an item is certain to fail."""

    async def work() -> tuple[list[BatchItem], list[Any]]:
        async with client:
            report_retries(client)
            items = await (await start()).plan()
            return items, items if plan is None else await plan(items)

    items, rows = run(work)
    _print(rows, order, _COLUMNS if plan is None else _PLANNED)
    todo = sum(item.state != "done" for item in items)
    failed = [row for row in rows if plan is not None and row.error]
    if failed:
        raise Failure(
            f"{len(failed)} of {counted(todo, 'item')} would fail; nothing was changed",
            hints=tuple(f"{row.name}: {row.error}" for row in failed),
        )
    if rows:
        echo_error(f"{counted(todo, 'item')} would be {verb}; nothing was changed")


def _print(rows: Collection[Any], order: BatchOrder, columns: Sequence[Column]) -> None:
    """Print results; nothing is there if no content was selected."""
    if not (rows or order.json):
        echo_error("No content matches.")
        return
    printer = rows_printer(columns, [] if order.json else None)
    for row in rows:
        printer.add(row)
    printer.close()


def listed(items: Sequence[BatchItem]) -> str:
    """Return how many items there are, with the names of some."""
    return f"{len(items)} items ({some_of([item.name for item in items])})"


def _described(item: BatchItem) -> str:
    """Return what has failed, and where the log is."""
    guid = f" ({item.guid})" if item.guid else ""
    step = f"{item.step}: " if item.step else ""
    log = f"\n  {item.log_url}" if item.log_url else ""
    return f"{item.name}{guid}: {step}{with_options(item.error or '')}{log}"


def _how() -> str:
    """Return the command that goes on with what is left."""
    context = click.get_current_context()
    given = context.params
    command = ["aconnect", str(context.info_name), "--retry"]
    if "file" in given:
        command.append(str(given["file"]))
    if given["state"] is not None:
        command += ["--state", str(given["state"])]
    same = ", with the same --set-env" if given.get("set_env") else ""
    return f"Go on with: {shlex.join(command)}{same}"
