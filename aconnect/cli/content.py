"""`aconnect content`: what is on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aconnect.cli.common import (
    clean,
    connecting,
    echo,
    echo_rows,
    is_terminal,
    report_retries,
    run,
)

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def content() -> None:
    """Content on the server."""


@content.command("list")
@click.option("--json", "as_json", is_flag=True, help="JSON as the server gave it.")
@connecting
def list_content(client: Client, as_json: bool) -> None:
    """List the content that the key may see.

    On a terminal as a table, otherwise as lines of GUID, name, kind and title with tabs between.
    """

    async def raw() -> None:
        async with client:
            report_retries(client)
            await echo_rows(client.content.find(), client, as_json=True)

    async def items() -> list[tuple[str, ...]]:
        async with client:
            report_retries(client)
            return [
                tuple(
                    " ".join(clean(cell or "").split())
                    for cell in (item.guid, item.name, item.app_mode, item.title)
                )
                for item in await client.content.find()
            ]

    if as_json:
        run(raw)
    elif is_terminal("stdout"):
        _print_table(run(items))
    else:
        for row in run(items):
            echo("\t".join(row))


def _print_table(rows: list[tuple[str, ...]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("GUID", "Name", "Kind", "Title", box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
