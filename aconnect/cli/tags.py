"""`aconnect tags`: the tags of the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import click

from aconnect.cli.commands import action, listing
from aconnect.cli.lookup import find_tag
from aconnect.cli.output import echo
from aconnect.cli.table import TAG_COLUMNS

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def tags() -> None:
    """Tags of the server, by which content is found.

    A tag without a parent is a category.
    """


@listing(
    tags,
    "list",
    "aconnect.cli.rows:TagRow",
    *TAG_COLUMNS,
)
@click.option("--name", help="Only tags with exactly this name.")
@click.option("--parent", metavar="TAG", help="Only the children of this tag.")
async def list_tags(
    client: Client, name: str | None, parent: str | None
) -> AsyncGenerator[Any, None]:
    """List tags with their paths."""
    from aconnect.cli.rows import tag_rows

    above = None if parent is None else (await find_tag(client, parent)).id
    for row in await tag_rows(client):
        if name in {None, row.name} and above in {None, row.parent_id}:
            yield row


@action(tags, "create")
@click.argument("path")
async def create(client: Client, path: str) -> None:
    """Create a tag with the missing tags above it, and print its id.

    PATH begins with a category, such as Department/Finance. A tag that exists is kept.
    """
    if not all(name.strip() for name in path.split("/")):
        raise click.UsageError(f"{path!r} is not a path of names, such as Department/Finance")
    tag = await client.tags.ensure_tag_path(path)
    echo(tag.id)
