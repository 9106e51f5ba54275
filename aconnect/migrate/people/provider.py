"""What the authentication provider of a server leaves to the API.

Decides how users and groups are created, and what about them can be changed. A server that does not
say so is taken at its word when it refuses a change.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from aconnect.connect import Client

_EDITABLE: Final = {
    "email": "email_editable_by",
    "first_name": "name_editable_by",
    "last_name": "name_editable_by",
    "user_role": "role_editable_by",
}
_IDENTITY: Final = frozenset({"email", "first_name", "last_name"})


class Provider(Struct, frozen=True, kw_only=True):
    """An authentication provider."""

    name: str = "The authentication provider"
    users_by_ticket: bool = False
    """Whether users are created from a search of the provider, as with LDAP and Google."""
    groups_by_ticket: bool = False
    has_passwords: bool = False
    """Whether the server keeps the passwords, so that new users set theirs."""
    has_groups: bool = True
    manages_members: bool = False
    """Whether the members of groups are those that the provider says."""
    manages_owners: bool = False
    managed_fields: frozenset[str] = frozenset()
    """The fields of users that an administrator cannot change."""


async def read_provider(client: Client) -> Provider:
    """Return what is known about the authentication provider of a server."""
    settings = await client.server_settings.get()
    said: dict[str, Any] = settings.authentication or {}
    is_external = bool(said.get("external_user_data"))
    managed = {
        name
        for name, key in _EDITABLE.items()
        if ("admin" not in str(said[key]) if key in said else is_external and name in _IDENTITY)
    }
    return Provider(
        name=str(said.get("name") or Provider().name),
        users_by_ticket=bool(said.get("external_user_search")),
        groups_by_ticket=bool(said.get("external_group_search")),
        has_passwords=bool(said.get("handles_credentials")) and not is_external,
        has_groups=bool(said.get("groups_enabled", True)),
        manages_members=bool(said.get("external_group_members")),
        manages_owners=bool(said.get("external_group_owner")),
        managed_fields=frozenset(managed),
    )
