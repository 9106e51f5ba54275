"""`aconnect migrate diff` and `snapshot`: what servers have, and how they differ."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from aconnect.cli.connection import network_options, server_of
from aconnect.cli.migrate_options import Chosen, choosing_options, mapping_option
from aconnect.cli.options import LibraryChoice
from aconnect.cli.output import echo, echo_error, echo_json
from aconnect.cli.running import Command, Failure, Stopped, report_retries, run
from aconnect.cli.table import Column, rows_printer

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.cli.connection import Settings
    from aconnect.migrate.snapshots.model import ContentSnapshot, Snapshot
    from aconnect.migrate.snapshots.servers import Diff, DiffRow

T = TypeVar("T")

_WORDS: Final = {
    "=": "the same",
    "*": "different",
    "-": "only in A",
    "+": "only in B",
    "!": "not comparable",
}


def _details(row: DiffRow) -> str:
    return "; ".join((*map(str, row.differences), *filter(None, (row.reason,))))


_COLUMNS: Final = (
    Column("Sign", "sign", is_whole=True),
    Column("Kind", "kind", is_whole=True),
    Column("Name", "name"),
    Column("Differences", _details),
)


class _NoResult(Failure):
    """The comparison failed; exit code 1 means that it found a difference."""

    exit_code = 2


class _Comparison(Command):
    """A command whose failures have an exit code of their own."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Stopped:
            raise
        except Failure as error:
            raise _NoResult(error.message, hints=error.hints) from error


@click.command(cls=_Comparison)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--only",
    "kinds",
    multiple=True,
    type=LibraryChoice("aconnect.migrate.snapshots.servers", "Kind"),
    metavar="KIND",
    help="Compare only this: content, user, group, tag, environment or integration. Can be "
    "repeated.",
)
@choosing_options
@mapping_option
@click.option("--only-differences", is_flag=True, help="Leave out what is the same.")
@click.option("--json", is_flag=True, help="Print the result as one JSON document.")
@network_options
def diff(
    settings: Settings,
    first: str,
    second: str,
    kinds: tuple[str, ...],
    chosen: Chosen,
    mapping: Path | None,
    only_differences: bool,
    json: bool,
) -> None:
    """Compare two servers, or a server with what it was.

    A and B are each the name of a profile, the address of a server, or a file that `aconnect
    migrate snapshot` has written. Nothing is changed on either. Content is the same if owner and
    name are, the owner as the mapping file says. Options that choose content can be repeated, and
    leave out everything but content.

    The signs are `=` the same, `*` different, `-` only in A, `+` only in B, and `!` what could not
    be compared. The exit code is 0 if everything is the same, 1 if not, and 2 if a server could
    not be read.

    \b
    aconnect migrate diff old new --map mapping.toml --only-differences
    aconnect migrate snapshot prod -o before.json
    aconnect migrate diff before.json prod
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect.migrate.mapping.diffing import diff as compare_servers
    from aconnect.migrate.snapshots.servers import KINDS

    compared: Any = kinds or (("content",) if chosen else KINDS)
    if chosen and "content" not in compared:
        raise click.UsageError("--only leaves out content, which other options choose")

    async def work(one: Client | Snapshot, other: Client | Snapshot) -> Diff:
        items = await _choice((one, other), chosen) if chosen else None
        return await compare_servers(one, other, kinds=compared, items=items, mapping=mapping)

    found = _with_servers(settings, (first, second), work)
    rows = [row for row in found.rows if row.sign != "=" or not only_differences]
    if json:
        _echo_document(found, rows)
    else:
        _echo_rows(found, rows)
    if not found.is_equal:
        click.get_current_context().exit(1)


@click.command(cls=Command)
@click.argument("server")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The file; an existing one is replaced.",
)
@network_options
def snapshot(settings: Settings, server: str, output: Path) -> None:
    """Save what a server has, to compare it later.

    SERVER is the name of a profile or the address of a server. The file is JSON. It has the names
    of users, groups, tags and content, and the settings and permissions of content, but no secrets:
    of environment variables only the names.
    """
    from aconnect._client.files import check_folder
    from aconnect.migrate.snapshots.reading import read_server
    from aconnect.migrate.snapshots.saving import save_snapshot

    check_folder(output)

    async def work(client: Client) -> Path:
        taken = await read_server(client, details=True, members=True)
        return await save_snapshot(taken, output)

    echo(str(_with_servers(settings, (server,), work, saved=False)))


def _with_servers(
    settings: Settings,
    names: tuple[str, ...],
    work: Callable[..., Awaitable[T]],
    *,
    saved: bool = True,
) -> T:
    """Call a coroutine function with the servers that arguments name, clients or snapshots."""
    from aconnect.migrate.snapshots.saving import load_snapshot

    clients = {
        name: server_of(settings, name) for name in names if not (saved and name.endswith(".json"))
    }

    async def main() -> T:
        async with AsyncExitStack() as stack:
            for name, client in clients.items():
                await stack.enter_async_context(client)
                report_retries(client, f"{name}: " if len(names) > 1 else "")
            servers = [clients.get(name) or await load_snapshot(name) for name in names]
            return await work(*servers)

    return run(main)


async def _choice(
    servers: tuple[Client | Snapshot, ...], chosen: Chosen
) -> Callable[[ContentSnapshot], bool]:
    """Return a function that chooses content; ask the servers for what a query finds."""
    from aconnect.migrate.snapshots.choosing import choice
    from aconnect.migrate.snapshots.model import Snapshot

    choose = functools.partial(choice, guids=chosen.guids, tags=chosen.tags, owners=chosen.owners)
    if chosen.search is None:
        return choose()
    found: set[str] = set()
    for server in servers:
        if isinstance(server, Snapshot):
            raise click.UsageError("--search needs two servers: a file cannot be searched")
        found.update([item.guid async for item in server.content.search(chosen.search)])
    return choose(found=found)


def _echo_rows(found: Diff, rows: list[DiffRow]) -> None:
    if rows:
        printer = rows_printer(_COLUMNS, None)
        for row in rows:
            printer.add(row)
        printer.close()
    counts = found.counts
    words = (f"{counts[sign]} {word}" for sign, word in _WORDS.items() if sign in counts)
    echo_error(", ".join(words) or "Nothing to compare.")


def _echo_document(found: Diff, rows: list[DiffRow]) -> None:
    import msgspec

    document = {
        "before": found.before,
        "after": found.after,
        "is_equal": found.is_equal,
        "counts": found.counts,
        "rows": [
            {
                **msgspec.to_builtins(row),
                "differences": [
                    {**msgspec.to_builtins(one), "text": str(one)} for one in row.differences
                ],
            }
            for row in rows
        ],
    }
    echo_json(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
