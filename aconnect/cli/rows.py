"""Rows that the API does not have: what people want to see beside each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from msgspec import Struct

from aconnect.concurrency import amap
from aconnect.errors import NotFoundError, PermissionDeniedError

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem, Permission


class PermissionRow(Struct, kw_only=True):
    """The role of a user or group for content, with the name of the user or group."""

    type: str
    name: str | None
    role: str | None
    guid: str | None


async def permission_rows(client: Client, item: ContentItem) -> AsyncGenerator[PermissionRow, None]:
    """Yield who has a role for content; the owner comes first."""
    owner = item.owner.username if item.owner else None
    yield PermissionRow(type="user", name=owner, role="content owner", guid=item.owner_guid)

    async def row(permission: Permission) -> PermissionRow:
        kind, guid = str(permission.principal_type or ""), permission.principal_guid
        name = await _name(client, kind, guid)
        return PermissionRow(type=kind, name=name, role=permission.role, guid=guid)

    async with aclosing(aiter(amap(row, item.permissions.find()))) as rows:
        async for each in rows:
            yield each


async def _name(client: Client, kind: str, guid: str) -> str | None:
    """Return the name of a user or group; None if the key cannot see it."""
    try:
        if kind == "group":
            return (await client.groups.get(guid)).name
        return (await client.users.get(guid)).username
    except (NotFoundError, PermissionDeniedError):
        return None


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
