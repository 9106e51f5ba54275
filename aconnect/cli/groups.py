"""`aconnect groups`: groups of users."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect.cli.commands import action, listing
from aconnect.cli.lookup import find_group, find_user
from aconnect.cli.output import echo_error
from aconnect.cli.table import Column
from aconnect.cli.users import USER, full_name

if TYPE_CHECKING:
    from aconnect import Client

_GROUP: Final = click.argument("group", metavar="GROUP")


@click.group()
def groups() -> None:
    """Groups of users.

    GROUP and USER are GUIDs or names.
    """


@listing(
    groups,
    "list",
    "aconnect.connect.groups:Group",
    Column("GUID", "guid", is_whole=True),
    Column("Name", "name"),
    Column("Members", "member_count"),
    Column("Owner", "owner_guid", is_whole=True),
)
@click.option("--query", metavar="TEXT", help="Only groups with a name that begins with this.")
async def list_groups(client: Client, query: str | None) -> AsyncGenerator[Any, None]:
    """List the groups of the server."""
    async for group in client.groups.find(prefix=query):
        yield group


@listing(
    groups,
    "members",
    "aconnect.connect.groups:GroupMember",
    Column("GUID", "guid", is_whole=True),
    Column("Username", "username"),
    Column("Role", "user_role"),
    Column("Name", full_name),
    Column("Email", "email"),
)
@_GROUP
async def members(client: Client, group: str) -> AsyncGenerator[Any, None]:
    """List the members of a group."""
    async for member in (await find_group(client, group)).members.find():
        yield member


@action(groups, "add")
@_GROUP
@USER
async def add(client: Client, group: str, user: str) -> None:
    """Add a user to a group; a member stays one."""
    found, who = await find_group(client, group), await find_user(client, user)
    added = await found.ensure_member(who)
    was = "Added" if added else "No change:"
    echo_error(f"{was} {who.username} {'to' if added else 'is already in'} {found.name}")


@action(groups, "remove")
@_GROUP
@USER
async def remove(client: Client, group: str, user: str) -> None:
    """Remove a user from a group.

    It is no error if the user is not a member.
    """
    found, who = await find_group(client, group), await find_user(client, user)
    removed = await client.ensure_deleted(found.members.delete, who)
    was = "Removed" if removed else "No change:"
    echo_error(f"{was} {who.username} {'from' if removed else 'is not in'} {found.name}")
