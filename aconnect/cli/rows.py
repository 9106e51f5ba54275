"""Rows that the API does not have: what people want to see beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem


class PermissionRow(Struct, kw_only=True):
    """The role of a user or group for content, with the name of the user or group."""

    type: str
    name: str | None
    role: str | None
    guid: str | None


async def permission_rows(client: Client, item: ContentItem) -> list[PermissionRow]:
    """Return who has a role for content; the owner comes first.

    Raises:
        PermissionDeniedError: The key may not read the permissions.
    """
    from aconnect.connect.content.access import AccessReader

    rows = await AccessReader(client).describe(item, await item.permissions.find())
    return [
        PermissionRow(
            type=str(row.principal_type or ""),
            name=row.principal_name,
            role=row.role,
            guid=row.principal_guid,
        )
        for row in rows
    ]


class TagRow(Struct, kw_only=True):
    """A tag with the names from its category down."""

    id: str
    name: str
    path: str
    parent_id: str | None


async def tag_rows(client: Client) -> list[TagRow]:
    """Return all tags, each with its path, and after its parent."""
    return [
        TagRow(id=node.tag.id, name=node.tag.name, path=str(node), parent_id=node.tag.parent_id)
        for node in await client.tags.tree()
    ]


class Variable(Struct, kw_only=True):
    """An environment variable; the server never returns its value."""

    name: str


class Account(Struct, kw_only=True):
    """The owner of the key, and the server it is for."""

    username: str
    name: str | None
    email: str | None
    role: str | None
    guid: str
    server: str


class ServerInfo(Struct, kw_only=True):
    """The version and the runtimes of a server; None where the key cannot see them."""

    address: str
    version: str | None
    r: list[str] | None
    python: list[str] | None
    quarto: list[str] | None
    nodejs: list[str] | None
    tensorflow: list[str] | None
