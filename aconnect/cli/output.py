"""What the commands print: results to standard output, everything else to standard error.

Nothing from a server reaches the terminal with control characters or a credential of the client in
it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect._core.text import clean, clean_json

if TYPE_CHECKING:
    from aconnect._client.client import BaseClient
    from aconnect._client.paged import Paged

_CLIENT: Final = f"{__name__}.client"


def hide_credentials(client: BaseClient) -> None:
    """Remove the credentials of a client from everything that this command prints from now on."""
    click.get_current_context().meta[_CLIENT] = client


def _redact(text: str) -> str:
    context = click.get_current_context(silent=True)
    client: BaseClient | None = None if context is None else context.meta.get(_CLIENT)
    return text if client is None else client.channel.redact(text)


def printable(text: str) -> str:
    """Return a text without credentials of the client and without control characters."""
    return clean(_redact(text))


def echo(text: str) -> None:
    """Print one line of the result."""
    click.echo(printable(text))


def echo_error(text: str) -> None:
    """Print a message that is not part of the result, to standard error."""
    click.echo(printable(text), err=True)


def echo_json(text: str) -> None:
    """Print JSON, with its control characters as escapes, so that no value changes."""
    click.echo(clean_json(_redact(text)))


def echo_bytes(data: bytes) -> None:
    """Write a file as received; to a terminal only if it is text, and then like any other."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
    elif b"\0" in data:
        raise click.ClickException(
            f"the response is a binary file ({size_text(len(data))}), which a terminal cannot "
            "show; write it to a file with > FILE"
        )
    else:
        click.echo(printable(data.decode("utf-8", "replace")), nl=False)


async def echo_rows(rows: Paged[Any], *, as_json: bool) -> None:
    """Print items as received, while they arrive: one per line, or as one array."""
    last = ""
    async for page in rows.raw().pages():
        for item in page.items:
            text = bytes(item).decode("utf-8", "replace")
            if not as_json:
                # A line break in JSON is never part of a value.
                echo_json(" ".join(line.strip() for line in text.split("\n")))
                continue
            if last:
                echo_json(f"{last},")
            last = f" {text}" if last else f"[{text}"
    if as_json:
        echo_json(f"{last or '['}]")


def echo_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: bool = False) -> None:
    """Print a table for the terminal; `right` aligns all columns but the first to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for number, name in enumerate(head):
        table.add_column(
            name,
            justify="right" if right and number else "left",
            no_wrap=right or not number,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)


def size_text(size: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def is_terminal(stream: str) -> bool:
    """Return True if `stdout` or `stderr` is a terminal that can redraw lines."""
    return bool(getattr(sys, stream).isatty()) and os.environ.get("TERM") != "dumb"
