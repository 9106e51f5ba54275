"""`aconnect whoami` and `aconnect server`: the key's owner, and the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect.cli.commands import record
from aconnect.cli.output import echo_error
from aconnect.cli.table import Column
from aconnect.cli.users import full_name

if TYPE_CHECKING:
    from aconnect import Client

group: Final = click.Group()
"""Not shown: its commands are in the top group."""


@record(
    group,
    "whoami",
    "aconnect.cli.rows:Account",
    Column("Username", "username"),
    Column("Name", "name"),
    Column("Email", "email"),
    Column("Role", "role"),
    Column("GUID", "guid"),
    Column("Server", "server"),
)
async def whoami(client: Client) -> object:
    """Show the owner of the key."""
    from aconnect.cli.rows import Account

    me = await client.me()
    return Account(
        username=me.username,
        name=full_name(me),
        email=me.email,
        role=me.user_role,
        guid=me.guid,
        server=client.url,
    )


@record(
    group,
    "server",
    "aconnect.cli.rows:ServerInfo",
    Column("Address", "address"),
    Column("Version", "version"),
    Column("R", "r"),
    Column("Python", "python"),
    Column("Quarto", "quarto"),
    Column("Node.js", "nodejs"),
    Column("TensorFlow", "tensorflow"),
)
async def server(client: Client) -> object:
    """Show the version of the server and its runtimes.

    Some runtimes need the key of a publisher; those that the server does not have are left out.
    """
    from aconnect.cli.rows import ServerInfo
    from aconnect.errors import EndpointMissingError, NotFoundError, PermissionDeniedError

    settings = client.server_settings
    version = await client.version()
    refused: list[str] = []

    async def versions(name: str, get: Callable[[], Awaitable[Any]]) -> list[str] | None:
        """Return the installed versions of a runtime; None if the key cannot see them."""
        try:
            installed = (await get()).installations
        except (EndpointMissingError, NotFoundError):
            return None
        except PermissionDeniedError:
            refused.append(name)
            return None
        return [each.version for each in installed] or None

    info = ServerInfo(
        address=client.url,
        version=None if version is None else str(version),
        r=await versions("R", settings.r),
        python=await versions("Python", settings.python),
        quarto=await versions("Quarto", settings.quarto),
        nodejs=await versions("Node.js", settings.nodejs),
        tensorflow=await versions("TensorFlow", settings.tensorflow),
    )
    if refused:
        echo_error(f"The owner of the key may not see the versions of {', '.join(refused)}")
    return info
