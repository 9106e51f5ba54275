"""The state of a simulated Looker instance, and its initial data."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from aconnect.testing.wire import Call, Row

DOCUMENTATION = "https://cloud.google.com/looker/docs/"

CLIENT_ID = "fake-looker-client"
CLIENT_SECRET = "fake-looker-secret"  # noqa: S105 - not a secret

PERMISSIONS: dict[str, str | None] = {
    "access_data": None,
    "see_looks": "access_data",
    "see_user_dashboards": "see_looks",
    "explore": "see_looks",
    "save_content": "see_looks",
    "administer": None,
}
"""The permissions, each with the permission that it requires."""


@dataclass
class LookerState:
    """The objects of the instance, by id; unless noted, rows are sent unchanged."""

    model_sets: dict[str, Row] = field(default_factory=dict[str, Row])
    permission_sets: dict[str, Row] = field(default_factory=dict[str, Row])
    roles: dict[str, Row] = field(default_factory=dict[str, Row])
    """Rows with the ids of sets, which are replaced by the sets when a role is sent."""
    groups: dict[str, Row] = field(default_factory=dict[str, Row])
    users: dict[str, Row] = field(default_factory=dict[str, Row])
    role_groups: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Group ids by role id."""
    role_users: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The ids of users to which a role is assigned directly, by role id."""
    clients: dict[str, str] = field(default_factory=dict[str, str])
    """Client secrets by client id."""
    tokens: dict[str, float] = field(default_factory=dict[str, float])
    """Expiry times by access token."""
    token_users: dict[str, str] = field(default_factory=dict[str, str])
    """The ids of the users that the calls with a token act as."""
    owner: str = ""
    """The id of the user that the API credentials belong to."""
    sudoers: set[str] = field(default_factory=set[str])
    """The ids of the users that may act as others."""
    last_id: int = 0
    expires_in: int = 3600
    max_limit: int | None = None
    """The maximum number of rows of a search response; None for no limit."""
    clock: Callable[[], float] = time.monotonic

    def new_id(self) -> str:
        """Return an unused id."""
        self.last_id += 1
        return str(self.last_id)

    def new_token(self, user_id: str) -> str:
        """Create an access token that acts as a user."""
        token = f"fake-looker-token-{self.new_id()}"
        self.tokens[token] = self.clock() + self.expires_in
        self.token_users[token] = user_id
        return token


LookerCall: TypeAlias = Call[LookerState]


def request_token(call: LookerCall) -> str:
    """Return the access token of a request; Looker accepts `token` and `Bearer` as the scheme."""
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() in {"token", "bearer"} else ""


def acting_user(call: LookerCall) -> str:
    """Return the id of the user that a request acts as."""
    return call.state.token_users[request_token(call)]


def seeded(users: int, groups: int) -> LookerState:
    """Create a state with the built-in role and sets, custom ones, users and groups."""
    state = LookerState(clients={CLIENT_ID: CLIENT_SECRET})
    admin = _set(state, state.permission_sets, "Admin", permissions=[*PERMISSIONS], built_in=True)
    viewer = _set(
        state,
        state.permission_sets,
        "Viewer",
        permissions=["access_data", "see_looks"],
        built_in=False,
    )
    all_models = ["sales", "people", "costs"]
    everything = _set(state, state.model_sets, "All", models=all_models, built_in=True)
    sales = _set(state, state.model_sets, "Sales", models=["sales"], built_in=False)
    for _ in range(groups):
        group_id = state.new_id()
        state.groups[group_id] = {
            "can": {"show": True},
            "can_add_to_content_metadata": True,
            "contains_current_user": False,
            "external_group_id": None,
            "externally_managed": False,
            "id": group_id,
            "include_by_default": False,
            "name": f"Group {group_id}",
        }
    ids = list(state.groups)
    for number in range(users):
        user_id = state.new_id()
        email = f"user{number:04}@example.com"
        state.users[user_id] = {
            "can": {"show": True},
            "credentials_email": {"email": email, "is_disabled": False, "type": "email"},
            "display_name": f"User {number}",
            "email": email,
            "first_name": "User",
            "group_ids": ids[number % len(ids) :][:1] if ids else [],
            "id": user_id,
            "is_disabled": False,
            "last_name": str(number),
            "url": f"/api/4.0/users/{user_id}",
        }
    state.owner = next(iter(state.users), "")
    state.sudoers.add(state.owner)
    add_role(state, "Admin", admin, everything, internal=True)
    role = add_role(state, "Sales viewer", viewer, sales)
    state.role_groups[role] = ids[:1]
    state.role_users[role] = list(state.users)[1:2]
    return state


def _set(
    state: LookerState, sets: dict[str, Row], name: str, *, built_in: bool, **fields: object
) -> str:
    return add_set(
        state,
        sets,
        {"name": name, "built_in": built_in, "all_access": built_in, **fields},
        "model_sets" if sets is state.model_sets else "permission_sets",
    )


def add_set(state: LookerState, sets: dict[str, Row], row: Row, set_type: str) -> str:
    """Add a set and return its id."""
    set_id = state.new_id()
    sets[set_id] = {
        "can": {"show": True, "update": not row.get("built_in", False)},
        "all_access": False,
        "built_in": False,
        **row,
        "id": set_id,
        "url": f"/api/4.0/{set_type}/{set_id}",
    }
    return set_id


def add_role(
    state: LookerState,
    name: str,
    permission_set_id: str,
    model_set_id: str,
    *,
    internal: bool = False,
) -> str:
    """Add a role and return its id."""
    role_id = state.new_id()
    state.roles[role_id] = {
        "can": {"show": True, "update": not internal},
        "id": role_id,
        "name": name,
        "permission_set_id": permission_set_id,
        "model_set_id": model_set_id,
        "internal": internal,
        "url": f"/api/4.0/roles/{role_id}",
        "users_url": f"/api/4.0/roles/{role_id}/users",
    }
    state.role_groups[role_id] = []
    state.role_users[role_id] = []
    return role_id
