"""`aconnect tags`: the tags of the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import click

from aconnect.cli.commands import action, listing
from aconnect.cli.lookup import find_tag
from aconnect.cli.output import echo
from aconnect.cli.table import Column

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
    "aconnect.connect.tags:Tag",
    Column("Id", "id"),
    Column("Name", "name"),
    Column("Parent", "parent_id"),
)
@click.option("--name", help="Only tags with exactly this name.")
@click.option("--parent", metavar="TAG", help="Only the children of this tag.")
async def list_tags(
    client: Client, name: str | None, parent: str | None
) -> AsyncGenerator[Any, None]:
    """List tags."""
    above = None if parent is None else (await find_tag(client, parent)).id
    async for tag in client.tags.find(name=name, parent_id=above):
        yield tag


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
