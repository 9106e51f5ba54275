"""`aconnect build`, `redeploy` and `deploy-all`: many items at once."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from aconnect.cli.batch_progress import batch_progress
from aconnect.cli.commands import confirm
from aconnect.cli.connection import with_client
from aconnect.cli.lookup import find_content, find_tag, find_user
from aconnect.cli.output import echo_error
from aconnect.cli.running import Command, Failure, Stopped, report_retries, run, with_options
from aconnect.cli.summaries import counted
from aconnect.cli.table import Column, rows_printer
from aconnect.cli.variables import read_variables

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.cli.dry_run import PlannedDirectory
    from aconnect.connect import ContentItem
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
_MOST_NAMES: Final = 5
"""That a question lists."""
_FILE: Final = click.Path(path_type=Path, dir_okay=False)


class _Order(Struct, frozen=True, kw_only=True):
    """The options that all these commands have."""

    parallel: int
    state: Path | None
    retry: bool
    dry_run: bool
    json: bool

    def keywords(self, state: Path) -> dict[str, Any]:
        """Return them as arguments of a batch, with the state that is used by default."""
        return {"builds": self.parallel, "state": self.state or state, "retry": self.retry}


_ORDER: Final = (
    click.option(
        "--parallel",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="How many builds run at once.",
    ),
    click.option(
        "--state",
        type=_FILE,
        metavar="FILE",
        help="Where it is kept what is done, for --retry; removed when everything is.",
    ),
    click.option(
        "--retry",
        is_flag=True,
        help="Go on with an earlier run: with what has failed, and what was interrupted.",
    ),
    click.option("--dry-run", is_flag=True, help="Only list what would be done."),
    click.option("--json", is_flag=True, help="Print the results as one JSON document."),
)


def _batch(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all these commands have, as one `_Order`."""

    @functools.wraps(command)
    def wrapped(client: Client, **values: Any) -> None:
        names = ("parallel", "state", "retry", "dry_run", "json")
        command(client, _Order(**{name: values.pop(name) for name in names}), **values)

    for option in reversed(_ORDER):
        wrapped = option(wrapped)
    return with_client(wrapped)


class _Selection(Struct, frozen=True):
    """Which content is meant."""

    items: tuple[str, ...]
    tag: str | None
    owner: str | None
    query: str | None
    all_failed: bool = False

    def check(self, order: _Order) -> None:
        """Refuse to select nothing, which would be everything; or something for `--retry`."""
        given = any((self.items, self.tag, self.owner, self.query, self.all_failed))
        if order.retry and given:
            raise click.UsageError(
                "--retry goes on with the items of the earlier run; leave out what selects content"
            )
        if not (order.retry or given):
            raise click.UsageError("no content: pass --tag, --owner, --query, or ITEM")
        if self.items and any((self.tag, self.owner, self.query, self.all_failed)):
            raise click.UsageError("pass either ITEM, or options that select content")

    async def content(self, client: Client) -> list[ContentItem]:
        """List the content."""
        from aconnect.deploy.batch.selection import select_content

        if self.items:
            return [await find_content(client, item) for item in self.items]
        owner = None if self.owner is None else (await find_user(client, self.owner)).guid
        tag = None if self.tag is None else (await find_tag(client, self.tag)).id
        return await select_content(
            client, tag=tag, owner=owner, query=self.query, all_failed=self.all_failed
        )


_SELECTION: Final = (
    click.argument("items", nargs=-1, metavar="[ITEM]..."),
    click.option("--tag", metavar="TAG", help="Content with this tag, a name or a path."),
    click.option("--owner", metavar="USER", help="Content of this user; @me for your own."),
    click.option("--query", metavar="TEXT", help="Content with this text in its name or title."),
)


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select content."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@click.command(cls=Command)
@_selecting
@click.option("--all-failed", is_flag=True, help="Content whose newest build has failed.")
@_batch
def build(client: Client, order: _Order, **selected: Any) -> None:
    """Rebuild content, which installs its packages again.

    ITEM is a GUID, a name, or an address of the content. Content must match all options. The
    results go to standard output, the progress and the failures to standard error.
    """
    from aconnect.deploy.batch.batch import build_all

    selection = _Selection(**selected)
    selection.check(order)
    keywords = order.keywords(Path("aconnect-build.state"))

    async def start(**more: Any) -> Batch:
        items = None if order.retry else await selection.content(client)
        return build_all(client, items, **keywords, **more)

    _run(client, order, start, "built")


@click.command(cls=Command)
@_selecting
@click.option(
    "--set-env",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Set an environment variable of each item first; without a value, to that of this "
    "command's own variable, which keeps it out of the list of processes. Can be repeated.",
)
@click.option("--no-verify", is_flag=True, help="Do not request the content after its build.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@_batch
def redeploy(
    client: Client,
    order: _Order,
    set_env: tuple[str, ...],
    no_verify: bool,
    yes: bool,
    **selected: Any,
) -> None:
    """Deploy the active bundle of content again, perhaps with other variables.

    ITEM is a GUID, a name, or an address of the content. Content must match all options. The
    results go to standard output, the progress and the failures to standard error. Values of
    variables are not kept, so pass them again with --retry.
    """
    from aconnect.deploy.batch.batch import redeploy_all

    selection = _Selection(**selected)
    selection.check(order)
    env = read_variables(set_env, option="--set-env")
    keywords = order.keywords(Path("aconnect-redeploy.state"))

    async def start(**more: Any) -> Batch:
        items = None if order.retry else await selection.content(client)
        return redeploy_all(client, items, env=env, verify=not no_verify, **keywords, **more)

    def ask(items: list[BatchItem]) -> None:
        if env and len(items) > 1:
            confirm(f"Set {', '.join(env)} on {_listed(items)}, and redeploy them?", yes=yes)

    _run(client, order, start, "deployed", ask=ask)


@click.command("deploy-all", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--transfers",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    metavar="N",
    help="How many directories are packed and uploaded at once.",
)
@_batch
def deploy_all(client: Client, order: _Order, file: Path, transfers: int) -> None:
    """Deploy many directories, as a file declares them.

    FILE is in TOML. It has a table [[deploy]] for each directory, with its `path`, and the keys
    that [tool.aconnect.deploy] of a pyproject.toml has; [defaults] has the same keys for all of
    them. The results go to standard output, the progress and the failures to standard error.
    """
    from aconnect.deploy.batch.batch import deploy_all as begin
    from aconnect.deploy.config.specs import read_specs

    specs = read_specs(file)
    keywords = order.keywords(file.with_suffix(".state"))

    async def start(**more: Any) -> Batch:
        return begin(client, specs, transfers=transfers, **keywords, **more)

    async def plan(items: list[BatchItem]) -> list[PlannedDirectory]:
        from aconnect.cli.dry_run import planned_directory
        from aconnect.concurrency import amap

        by_key = {spec.key: spec for spec in specs}
        return await amap(
            lambda item: planned_directory(client, by_key[item.key], item), items, limit=transfers
        )

    _run(client, order, start, "deployed", plan=plan)


def _run(
    client: Client,
    order: _Order,
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
    order: _Order,
    start: Callable[..., Any],
    verb: str,
    plan: Callable[[list[BatchItem]], Any] | None,
) -> None:
    """Print what a batch would do, and fail if a part of it would fail for sure."""

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


def _print(rows: Collection[Any], order: _Order, columns: Sequence[Column]) -> None:
    """Print results; nothing is there if no content was selected."""
    if not (rows or order.json):
        echo_error("No content matches.")
        return
    printer = rows_printer(columns, [] if order.json else None)
    for row in rows:
        printer.add(row)
    printer.close()


def _listed(items: Sequence[BatchItem]) -> str:
    """Return how many items there are, with the names of some."""
    names = [item.name for item in items[:_MOST_NAMES]]
    more = [f"{len(items) - len(names)} more"] if len(items) > len(names) else []
    return f"{len(items)} items ({', '.join([*names, *more])})"


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
