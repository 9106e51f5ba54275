"""`aconnect content`: the content of a server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect._core.text import counted
from aconnect.cli.commands import action, ask, confirm, listing, record
from aconnect.cli.lookup import find_content, find_group, find_job, find_tag, find_user
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Failure
from aconnect.cli.table import TAG_COLUMNS, Column

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem, Job
    from aconnect.connect.content.permissions import Principal

ITEM: Final = click.argument("item", metavar="ITEM")
_MODEL: Final = "aconnect.connect.content.content:ContentItem"
_COLUMNS: Final = (
    Column("GUID", "guid", is_whole=True),
    Column("Name", "name"),
    Column("Type", "app_mode"),
    Column("Title", "title"),
    Column("Owner", "owner.username"),
    Column("Deployed", "last_deployed_time", is_whole=True),
)


@click.group()
def content() -> None:
    """Content on the server.

    ITEM is a GUID, a name, or an address of the content.
    """


@listing(content, "list", _MODEL, *_COLUMNS)
@click.option("--name", help="Only content with exactly this name.")
@click.option("--owner", metavar="USER", help="Only content of this user; @me for your own.")
@click.option("--tag", metavar="TAG", help="Only content with this tag, a name or a path.")
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="TYPE",
    help="Only content of this type, such as shiny or quarto-static; can be repeated.",
)
@click.option("--query", metavar="TEXT", help="Only content with this text in its name or title.")
async def list_content(
    client: Client,
    name: str | None,
    owner: str | None,
    tag: str | None,
    types: tuple[str, ...],
    query: str | None,
) -> AsyncGenerator[ContentItem, None]:
    """List the content that the key can see.

    Content must match all options. On a terminal it is a table, in a pipe tab-separated GUID, name,
    type, title, owner and time of deployment.
    """
    async for item in _matching(client, name, owner, tag, query):
        if not types or item.app_mode in types:
            yield item


async def _matching(
    client: Client, name: str | None, owner: str | None, tag: str | None, query: str | None
) -> AsyncGenerator[ContentItem, None]:
    """Yield the content with a name, an owner, a tag, and a text in its name or title."""
    owner_guid = None if owner is None else (await find_user(client, owner)).guid
    tag_id = None if tag is None else (await find_tag(client, tag)).id
    include = ["owner"] if tag_id is None else ["owner", "tags"]
    async for item in client.content.find(name=name, owner_guid=owner_guid, include=include):
        if tag_id is not None and all(tag.id != tag_id for tag in item.included_tags or ()):
            continue
        if query is not None and query.casefold() not in f"{item.name}\n{item.title}".casefold():
            continue
        yield item


@listing(content, "search", _MODEL, *_COLUMNS)
@click.argument("query")
@click.option("--sort", help="The field to sort by, such as name or created.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="By default ascending.")
async def search(
    client: Client, query: str, sort: str | None, order: str | None
) -> AsyncGenerator[ContentItem, None]:
    """Search content in the server's query language.

    Since Connect 2024.04.

    \b
    aconnect content search 'sales owner:ana type:shiny'
    """  # noqa: D301  click's mark for lines that are not wrapped
    async for item in client.content.search(query, sort=sort, order=order, include="owner"):
        yield item


def _tag_names(item: ContentItem) -> list[str] | None:
    return [tag.name for tag in item.included_tags or ()] or None


def _description(item: ContentItem) -> str | None:
    return item.description or None


@record(
    content,
    "get",
    _MODEL,
    Column("Name", "name"),
    Column("Title", "title"),
    Column("GUID", "guid"),
    Column("Type", "app_mode"),
    Column("Owner", "owner.username"),
    Column("Role", "app_role"),
    Column("Access", "access_type"),
    Column("Locked", "locked"),
    Column("Tags", _tag_names),
    Column("Address", "content_url"),
    Column("Vanity URL", "vanity_url"),
    Column("Dashboard", "dashboard_url"),
    Column("Created", "created_time"),
    Column("Deployed", "last_deployed_time"),
    Column("Bundle", "bundle_id"),
    Column("R", "r_version"),
    Column("Python", "py_version"),
    Column("Quarto", "quarto_version"),
    Column("Description", _description),
)
@ITEM
async def get(client: Client, item: str) -> ContentItem:
    """Show one content item; --json has all its fields."""
    return await find_content(client, item)


@action(content, "update", operation="connect:content.update")
@ITEM
async def update(client: Client, item: str, **fields: Any) -> None:
    """Change fields of content; the others keep their values."""
    if not fields:
        raise click.UsageError("nothing to change; pass a field, such as --title TEXT")
    found = await find_content(client, item)
    changed = await found.update(**fields)
    echo_error(f"Changed {', '.join(fields)} of {changed.name} ({changed.guid})")


@action(content, "delete")
@ITEM
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
async def delete(client: Client, item: str, yes: bool) -> None:
    """Delete content with all its bundles; this cannot be undone."""
    found = await find_content(client, item)
    confirm(f"Delete {found.name} ({found.guid}) with all its bundles?", yes=yes)
    await found.delete()
    echo_error(f"Deleted {found.name} ({found.guid})")


@action(content, "restart")
@ITEM
async def restart(client: Client, item: str) -> None:
    """End the processes of content, and start a new one.

    Only content that visitors interact with, such as apps and APIs, has processes.
    """
    found = await find_content(client, item)
    status = await found.restart()
    echo_error(f"Restarted {found.name} ({found.guid}), which responds with {status}")


@action(content, "terminate")
@ITEM
async def terminate(client: Client, item: str) -> None:
    """End all jobs of content that are running, builds included."""
    found = await find_content(client, item)
    ended = await found.terminate()
    echo_error(f"The server was asked to end {counted(len(ended), 'job')} of {found.name}")


@action(content, "prune")
@ITEM
@click.option(
    "--keep", type=click.IntRange(min=1), required=True, metavar="N", help="Keep the newest N."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
async def prune(client: Client, item: str, keep: int, yes: bool) -> None:
    """Delete old bundles of content; this cannot be undone.

    The active bundle is kept in any case.
    """
    found = await find_content(client, item)
    confirm(f"Delete all bundles of {found.name} ({found.guid}) but the newest {keep}?", yes=yes)
    deleted = await found.bundles.prune(keep=keep)
    echo_error(f"Deleted {counted(len(deleted), 'bundle')} of {found.name} ({found.guid})")


@action(content, "logs")
@ITEM
@click.option("--job", metavar="KEY", help="The job; by default the newest one.")
@click.option("--lines", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@click.option("--follow", is_flag=True, help="Also print new lines until the job ends.")
async def logs(client: Client, item: str, job: str | None, lines: int | None, follow: bool) -> None:
    """Print the log of a job of content."""
    await print_log(await find_job(await find_content(client, item), job), lines, follow=follow)


async def print_log(job: Job, lines: int | None = None, *, follow: bool) -> None:
    """Print the log of a job, or its last lines; until the job ends if it is to be followed."""
    echo_error(f"Job {job.key} ({job.tag or 'unknown'})")
    if not follow:
        for entry in (await job.log(max_lines=lines)).entries:
            echo(entry.data)
        return
    earlier = 0 if lines is None else len((await job.log()).entries) - lines
    async for entry in job.follow():
        earlier -= 1
        if earlier < 0:
            echo(entry.data)


@action(content, "open")
@ITEM
@click.option("--dashboard", is_flag=True, help="Open its page in the dashboard instead.")
@click.option("--print", "print_only", is_flag=True, help="Only print the address.")
async def open_content(client: Client, item: str, dashboard: bool, print_only: bool) -> None:
    """Open content in the browser, and print its address."""
    found = await find_content(client, item)
    address = found.dashboard_url if dashboard else found.content_url
    # It is given to a program of the desktop, which opens more than pages.
    if address is None or not address.startswith(("https://", "http://")):
        raise Failure(f"the server returned no address for {found.name}: {address!r}")
    echo(address)
    if not print_only and click.launch(address) != 0:
        echo_error("No browser could be started; open the address yourself.")


@listing(content, "env", "aconnect.cli.rows:Variable", Column("Name", "name"))
@ITEM
@click.option(
    "--set",
    "set_",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Set a variable; without a value it is read from standard input, which keeps it out of "
    "the list of processes. Can be repeated.",
)
@click.option("--unset", multiple=True, metavar="NAME", help="Delete a variable; can be repeated.")
async def env(
    client: Client, item: str, set_: tuple[str, ...], unset: tuple[str, ...]
) -> AsyncGenerator[Any, None]:
    """List the environment variables of content, or change them.

    Only their names: the server never returns values.
    """
    from aconnect.cli.rows import Variable

    if sum("=" not in text for text in set_) > 1:
        raise click.UsageError("standard input has only one value; pass --set NAME once")
    found = await find_content(client, item)
    changes: dict[str, str | None] = dict.fromkeys(unset)
    for text in set_:
        name, equals, value = text.partition("=")
        changes[name] = value if equals else _read_value(name)
    if changes:
        names = await found.environment_variables.update(changes)
    else:
        names = await found.environment_variables.find()
    for name in sorted(names):
        yield Variable(name=name)


def _read_value(name: str) -> str:
    import sys

    if sys.stdin.isatty():
        return ask(name, f"--set {name}=VALUE", hide_input=True)
    return sys.stdin.read().removesuffix("\n")


@listing(
    content,
    "permissions",
    "aconnect.cli.rows:PermissionRow",
    Column("Type", "type"),
    Column("Name", "name"),
    Column("Role", "role"),
    Column("GUID", "guid", is_whole=True),
)
@ITEM
@click.option(
    "--add",
    multiple=True,
    metavar="USER[=ROLE]",
    help="Give a user a role: viewer (the default) or owner, a collaborator; can be repeated.",
)
@click.option("--add-group", multiple=True, metavar="GROUP[=ROLE]", help="Give a group a role.")
@click.option("--remove", multiple=True, metavar="USER", help="Remove the role of a user.")
@click.option("--remove-group", multiple=True, metavar="GROUP", help="Remove that of a group.")
async def permissions(
    client: Client,
    item: str,
    add: tuple[str, ...],
    add_group: tuple[str, ...],
    remove: tuple[str, ...],
    remove_group: tuple[str, ...],
) -> AsyncGenerator[Any, None]:
    """List who has a role for content, or change it.

    The list is that after the changes.
    """
    from aconnect.cli.rows import permission_rows

    found = await find_content(client, item)
    # All names are looked up before anything is changed.
    given: list[tuple[Principal, str]] = []
    for text in add:
        name, _, role = text.partition("=")
        given.append((await find_user(client, name), role or "viewer"))
    for text in add_group:
        name, _, role = text.partition("=")
        given.append((await find_group(client, name), role or "viewer"))
    taken: list[tuple[str, Principal]] = [(name, await find_user(client, name)) for name in remove]
    taken += [(name, await find_group(client, name)) for name in remove_group]
    for principal, role in given:
        await found.ensure_permission(principal, role)
    for name, principal in taken:
        permission = await found.permissions.find_one(principal_guid=principal.guid)
        if permission is None:
            echo_error(f"No change: {name} has no role of its own for {found.name}")
        else:
            await permission.delete()
    for row in await permission_rows(client, found):
        yield row


@listing(
    content,
    "access",
    "aconnect.connect.content.access:Access",
    Column("Content", "content_name"),
    Column("Access", "access_type"),
    Column("Type", "principal_type"),
    Column("Name", "principal_name"),
    Column("Role", "role"),
    Column("Problem", "problem"),
    Column("Group", "group_name"),
    Column("Content GUID", "content_guid", is_whole=True),
)
@click.option("--owner", metavar="USER", help="Only content of this user; @me for your own.")
@click.option("--tag", metavar="TAG", help="Only content with this tag, a name or a path.")
@click.option("--query", metavar="TEXT", help="Only content with this text in its name or title.")
@click.option("--expand-groups", is_flag=True, help="Also list the members of groups.")
async def access(
    client: Client, owner: str | None, tag: str | None, query: str | None, expand_groups: bool
) -> AsyncGenerator[Any, None]:
    """List who can see or change all content, or what matches.

    A line for the owner of each item, and for each user or group with a role. With the access types
    all and logged_in, others can see the content as well; administrators can change all content.
    """
    items = _matching(client, None, owner, tag, query)
    async for row in client.content.access(items, expand_groups=expand_groups):
        yield row


@action(content, "swap-vanity")
@click.argument("one", metavar="ITEM")
@click.argument("other", metavar="ITEM")
async def swap_vanity(client: Client, one: str, other: str) -> None:
    """Exchange the vanity URLs of two content items.

    If only one has one, it moves to the other. If that fails, both get back what they had, or the
    error says what is left.
    """
    items = [await find_content(client, text) for text in (one, other)]
    paths = await client.vanities.swap(*items)
    for item, path in zip(items, paths, strict=True):
        has = "no vanity URL" if path is None else f"the vanity URL {path}"
        echo_error(f"{item.name} ({item.guid}) has {has}")


@listing(
    content,
    "tags",
    "aconnect.cli.rows:TagRow",
    *TAG_COLUMNS,
)
@ITEM
@click.option("--add", multiple=True, metavar="TAG", help="Add a tag; can be repeated.")
@click.option("--remove", multiple=True, metavar="TAG", help="Remove a tag; can be repeated.")
async def tags(
    client: Client, item: str, add: tuple[str, ...], remove: tuple[str, ...]
) -> AsyncGenerator[Any, None]:
    """List the tags of content, or change them.

    The list is that after the changes. TAG is a name, or a path such as Department/Finance.
    """
    from aconnect.cli.rows import tag_rows

    found = await find_content(client, item)
    # All names are looked up before anything is changed.
    added = [await find_tag(client, text) for text in add]
    removed = [await find_tag(client, text) for text in remove]
    for tag in added:
        await found.tags.add(tag.id)
    for tag in removed:
        if not await client.ensure_deleted(found.tags.delete, tag.id):
            echo_error(f"No change: {found.name} does not have the tag {tag.name}")
    ids = {tag.id for tag in await found.tags.find()}
    for row in await tag_rows(client):
        if row.id in ids:
            yield row
