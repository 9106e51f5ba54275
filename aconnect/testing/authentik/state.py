"""The state of a simulated authentik server: providers, endpoints, connection tokens, users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias
from uuid import NAMESPACE_DNS, uuid5

from aconnect.testing.wire import Call, Row


@dataclass
class AuthentikState:
    """The objects of the server; tests may read and change them."""

    providers: dict[int, Row] = field(default_factory=dict[int, Row])
    endpoints: dict[str, Row] = field(default_factory=dict[str, Row])
    connection_tokens: dict[str, Row] = field(default_factory=dict[str, Row])
    """Rows with `pk` and the keys of the `provider`, `endpoint` and `user`."""
    users: dict[int, Row] = field(default_factory=dict[int, Row])
    forbidden: set[str] = field(default_factory=set[str])
    """The keys of the endpoints that callers may not use."""

    assigned_keys: int = 0
    """The number of keys that have been assigned."""

    def new_key(self) -> str:
        """Return a new key; the sequence of keys is the same on every server."""
        self.assigned_keys += 1
        return str(uuid5(NAMESPACE_DNS, f"made {self.assigned_keys}"))

    def add_user(self, username: str, **fields: object) -> Row:
        """Add a user."""
        pk = len(self.users) + 1
        row: Row = {
            "pk": pk,
            "username": username,
            "name": username.capitalize(),
            "is_active": True,
            "last_login": "2026-08-01T08:00:00Z",
            "date_joined": "2026-01-01T08:00:00Z",
            "is_superuser": False,
            "groups": [],
            "groups_obj": [],
            "roles": [],
            "roles_obj": [],
            "email": f"{username}@example.com",
            "avatar": "https://example.com/avatar.png",
            "attributes": {},
            "uid": uuid5(NAMESPACE_DNS, username).hex,
            "path": "users",
            "type": "internal",
            "uuid": str(uuid5(NAMESPACE_DNS, f"user {username}")),
            "password_change_date": "2026-01-01T08:00:00Z",
            "last_updated": "2026-08-01T08:00:00Z",
            **fields,
        }
        self.users[pk] = row
        return row

    def add_endpoint(self, name: str, provider: int = 1, protocol: str = "ssh") -> Row:
        """Add an endpoint; the key depends only on the name."""
        row: Row = {
            "pk": str(uuid5(NAMESPACE_DNS, f"endpoint {name}")),
            "name": name,
            "provider": provider,
            "protocol": protocol,
            "host": f"{name}.example.com",
            "settings": {},
            "property_mappings": [],
            "auth_mode": "prompt",
            "maximum_connections": -1,
        }
        self.endpoints[row["pk"]] = row
        return row

    def add_connection_token(self, endpoint: str, user: int = 1) -> Row:
        """Add a connection token for the session of a user with an endpoint."""
        number = len(self.connection_tokens)
        row: Row = {
            "pk": str(uuid5(NAMESPACE_DNS, f"connection token {number}")),
            "provider": self.endpoints[endpoint]["provider"],
            "endpoint": endpoint,
            "user": user,
        }
        self.connection_tokens[row["pk"]] = row
        return row


PARTIAL_USER: Final = (
    "pk",
    "username",
    "name",
    "is_active",
    "last_login",
    "email",
    "attributes",
    "uid",
)
"""The fields of the user of a connection token."""

AuthentikCall: TypeAlias = Call[AuthentikState]


def seeded(endpoints: int, connection_tokens: int) -> AuthentikState:
    """Create a state with a number of objects; the same numbers create the same state."""
    state = AuthentikState()
    for pk, name in ((1, "Laboratory"), (2, "Servers")):
        state.providers[pk] = _provider(pk, name)
    state.add_user("ada", is_superuser=True)
    state.add_user("grace")
    for number in range(endpoints):
        protocol = ("rdp", "vnc", "ssh")[number % 3]
        state.add_endpoint(f"machine-{number:03}", 1 + number % 2, protocol)
    machines = list(state.endpoints)
    for number in range(connection_tokens if machines else 0):
        state.add_connection_token(machines[number % len(machines)], 1 + number % 2)
    return state


def _provider(pk: int, name: str) -> Row:
    return {
        "pk": pk,
        "name": name,
        "authentication_flow": None,
        "authorization_flow": str(uuid5(NAMESPACE_DNS, "authorization flow")),
        "property_mappings": [],
        "component": "ak-provider-rac-form",
        "assigned_application_slug": name.lower(),
        "assigned_application_name": name,
        "assigned_backchannel_application_slug": None,
        "assigned_backchannel_application_name": None,
        "verbose_name": "RAC Provider",
        "verbose_name_plural": "RAC Providers",
        "meta_model_name": "authentik_providers_rac.racprovider",
        "settings": {},
        "outpost_set": [],
        "connection_expiry": "hours=8",
        "delete_token_on_disconnect": False,
    }
