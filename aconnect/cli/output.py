"""What the commands print: results to standard output, everything else to standard error.

Nothing from a server reaches the terminal with control characters in it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from aconnect._client.client import BaseClient
    from aconnect._client.paged import Paged

_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Remove what would move the cursor or color the terminal; keep tabs and line breaks."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def echo(text: str) -> None:
    """Print one line of the result."""
    click.echo(clean(text))


def echo_error(text: str) -> None:
    """Print a message that is not part of the result, to standard error."""
    click.echo(clean(text), err=True)


async def echo_rows(rows: Paged[Any], client: BaseClient, *, as_json: bool) -> None:
    """Print items as received, while they arrive: one per line, or as one array."""
    last = ""
    async for page in rows.raw().pages():
        for item in page.items:
            text = client.channel.redact(bytes(item).decode())
            if not as_json:
                echo(text)
                continue
            if last:
                echo(f"{last},")
            last = f" {text}" if last else f"[{text}"
    if as_json:
        echo(f"{last or '['}]")


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
        table.add_row(*map(Text, row))
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
