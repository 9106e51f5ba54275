"""`aconnect groups`: groups of users."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect.cli.commands import action, listing
from aconnect.cli.lookup import find_group, find_user
from aconnect.cli.output import echo_error
from aconnect.cli.people import Plan, SyncOrder, sync_command
from aconnect.cli.table import Column
from aconnect.cli.users import USER, full_name

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.migrate.people import Change

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


@sync_command(groups)
@click.option("--remove-members", is_flag=True, help="Remove members who are not described.")
@click.option("--delete-groups", is_flag=True, help="Delete groups that are not described.")
def sync(order: SyncOrder, remove_members: bool, delete_groups: bool) -> Plan:
    """Bring groups to a described state; show the difference first.

    FILE is a CSV file with the columns group, owner and member, with a row for each member; owner
    and member are usernames, and both columns can be left out. A group without members has a row
    with an empty member. Users are not created; see `aconnect users sync`.
    """
    from aconnect.migrate.people import describe_groups, plan_groups, read_groups_csv

    async def plan(client: Client, source: Client | None) -> list[Change]:
        if source is not None:
            wanted = await describe_groups(source, client, order.mapping())
        else:
            # Its own errors are found without the server.
            await read_groups_csv(order.described_by)
            usernames = {user.username async for user in client.users.find()}
            wanted = await read_groups_csv(order.described_by, usernames=usernames)
        return await plan_groups(
            client, wanted, remove_members=remove_members, delete_groups=delete_groups
        )

    return plan
