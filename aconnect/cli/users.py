"""`aconnect users`, and `aconnect whoami`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

import click

from aconnect.cli.commands import action, listing, record
from aconnect.cli.lookup import find_user
from aconnect.cli.output import echo_error
from aconnect.cli.people import Plan, SyncOrder, sync_command
from aconnect.cli.table import Column

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import User
    from aconnect.migrate.people import Change

USER: Final = click.argument("user", metavar="USER")
_MODEL: Final = "aconnect.connect.users:User"


def full_name(user: User) -> str | None:
    """Return the first and last name of a user."""
    return " ".join(filter(None, (user.first_name, user.last_name))) or None


@click.group()
def users() -> None:
    """Users of the server.

    USER is a GUID or a username; @me is the owner of the key.
    """


@listing(
    users,
    "list",
    _MODEL,
    Column("GUID", "guid", is_whole=True),
    Column("Username", "username"),
    Column("Role", "user_role"),
    Column("Name", full_name),
    Column("Email", "email"),
    Column("Active", "active_time", is_whole=True),
    Column("Locked", "locked"),
)
@click.option("--query", metavar="TEXT", help="Only users with a name that begins with this.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["administrator", "publisher", "viewer"]),
    help="Only users with this role; can be repeated.",
)
@click.option(
    "--status",
    type=click.Choice(["licensed", "inactive", "locked"]),
    help="Only users with this status.",
)
async def list_users(
    client: Client, query: str | None, roles: tuple[str, ...], status: str | None
) -> AsyncGenerator[User, None]:
    """List the users of the server."""
    found = client.users.find(prefix=query, user_role=roles or None, account_status=status)
    async for user in found:
        yield user


@record(
    users,
    "get",
    _MODEL,
    Column("Username", "username"),
    Column("Name", full_name),
    Column("Email", "email"),
    Column("Role", "user_role"),
    Column("GUID", "guid"),
    Column("Locked", "locked"),
    Column("Confirmed", "confirmed"),
    Column("Created", "created_time"),
    Column("Active", "active_time"),
)
@USER
async def get(client: Client, user: str) -> User:
    """Show one user."""
    return await find_user(client, user)


@action(users, "lock")
@USER
async def lock(client: Client, user: str) -> None:
    """Prevent a user from signing in; the content is kept."""
    found = await find_user(client, user)
    await found.lock()
    echo_error(f"Locked {found.username}")


@action(users, "unlock")
@USER
async def unlock(client: Client, user: str) -> None:
    """Allow a user to sign in again."""
    found = await find_user(client, user)
    await found.unlock()
    echo_error(f"Unlocked {found.username}")


@sync_command(users)
@click.option("--lock-missing", is_flag=True, help="Lock the users who are not described.")
def sync(order: SyncOrder, lock_missing: bool) -> Plan:
    """Bring users to a described state; show the difference first.

    FILE is a CSV file with the columns username, email, first_name, last_name, role, locked (true
    or false), external_id and unique_id; all but username can be left out. An empty field is not
    changed. Nobody is deleted. Neither the owner of the key nor the last administrator is locked or
    gets a lower role.
    """
    from aconnect.migrate.people import describe_users, plan_users, read_users_csv

    async def plan(client: Client, source: Client | None) -> list[Change]:
        if source is not None:
            wanted = await describe_users(source, client, order.mapping())
        else:
            wanted = await read_users_csv(order.described_by)
        return await plan_users(client, wanted, lock_missing=lock_missing)

    return plan
