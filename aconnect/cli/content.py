"""`aconnect content`: the content of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aconnect.cli.options import with_client
from aconnect.cli.output import echo, echo_rows, echo_table, is_terminal, printable
from aconnect.cli.running import Command, report_retries, run

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def content() -> None:
    """Content on the server."""


@content.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print JSON as received.")
@with_client
def list_content(client: Client, as_json: bool) -> None:
    """List the content that the key can see.

    On a terminal as a table, otherwise as tab-separated GUID, name, type and title.
    """

    async def raw() -> None:
        async with client:
            report_retries(client)
            await echo_rows(client.content.find(), as_json=True)

    async def items() -> list[tuple[str, ...]]:
        async with client:
            report_retries(client)
            return [
                tuple(
                    " ".join(printable(cell or "").split())
                    for cell in (item.guid, item.name, item.app_mode, item.title)
                )
                for item in await client.content.find()
            ]

    if as_json:
        run(raw)
    elif is_terminal("stdout"):
        echo_table(("GUID", "Name", "Type", "Title"), run(items))
    else:
        for row in run(items):
            echo("\t".join(row))
