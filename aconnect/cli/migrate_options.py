"""Options that the commands for two servers share, and what they mean."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from aconnect.cli.connection import server_of
from aconnect.cli.lookup import guid_in
from aconnect.cli.running import report_retries

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.cli.connection import Settings


class Chosen(Struct, frozen=True, kw_only=True):
    """Which content is meant: what matches one value of each kind that is given."""

    guids: tuple[str, ...]
    tags: tuple[str, ...]
    owners: tuple[str, ...]
    search: str | None

    def __bool__(self) -> bool:
        return bool(self.guids or self.tags or self.owners or self.search is not None)


_CHOOSING: Final = (
    click.option(
        "--guid",
        "guids",
        multiple=True,
        metavar="GUID",
        help="Only this content; also by its address.",
    ),
    click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="TAG",
        help="Only content with this tag, a name or a path, or with one below it.",
    ),
    click.option(
        "--owner", "owners", multiple=True, metavar="USER", help="Only content of this user."
    ),
    click.option(
        "--search", metavar="QUERY", help="Only content that the server finds with this query."
    ),
)


def choosing_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose content, as one `Chosen`; all but --search can be repeated."""

    @functools.wraps(command)
    def wrapped(*args: Any, guids: tuple[str, ...], search: str | None, **values: Any) -> None:
        if search is not None and not search.strip():
            raise click.UsageError("--search is empty; pass a query, or leave it out")
        chosen = Chosen(
            guids=tuple(guid_in(text) or text for text in guids),
            tags=values.pop("tags"),
            owners=values.pop("owners"),
            search=search,
        )
        command(*args, chosen=chosen, **values)

    for option in reversed(_CHOOSING):
        wrapped = option(wrapped)
    return wrapped


def server_options(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add `--from` and `--to`, as `source` and `destination`; `default` is where to find them."""
    known = f"; by default the address in the {default}"
    options = (
        click.option(
            "--from",
            "source",
            metavar="SERVER",
            help=f"The server that has the content: a profile, or an address{known}.",
        ),
        click.option(
            "--to",
            "destination",
            metavar="SERVER",
            help=f"The server that is to have it, likewise{known}.",
        ),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@asynccontextmanager
async def both_open(source: Client, destination: Client) -> AsyncGenerator[None]:
    """Open the clients of two servers for the block, and report their retries."""
    async with source, destination:
        report_retries(source, "source: ")
        report_retries(destination, "destination: ")
        yield


def both_servers(settings: Settings, source: str, destination: str) -> tuple[Client, Client]:
    """Create the clients of two servers that arguments or a file name."""
    return server_of(settings, source), server_of(settings, destination)


mapping_option: Final = click.option(
    "--map",
    "mapping",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The mapping file: who and what is who and what on the other server; see `aconnect "
    "migrate map`.",
)
