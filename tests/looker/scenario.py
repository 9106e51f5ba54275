"""Looker in the tests of all operations."""

from __future__ import annotations

from aconnect.looker import Client
from aconnect.testing.looker import FakeLooker
from tests.scenarios import Scene, Setting


class LookerScene(Scene[FakeLooker, Client]):
    """A Looker instance with a role and sets that can be changed."""

    async def set_up(self) -> None:
        """Create sets that no role uses."""
        client, state = self.client, self.server.state
        permission_set = await client.permission_sets.create(name="Spare", permissions=[])
        model_set = await client.model_sets.create(name="Spare", models=[])
        role = next(role["id"] for role in state.roles.values() if not role["internal"])
        user, group = list(state.users)[-1], next(iter(state.groups))
        self.ids = {
            "roles": {"role_id": role},
            "users": {"user_id": user},
            "users.roles": {"user_id": user},
            "groups": {"group_id": group},
            "groups.users": {"group_id": group},
            "session.login_user": {"user_id": user},
            "permission_sets": {"permission_set_id": permission_set.id},
            "model_sets": {"model_set_id": model_set.id},
        }
        self.bodies = {
            "session.login": {
                "client_id": self.server.client_id,
                "client_secret": self.server.client_secret,
            },
            "permission_sets.create": {"name": "New", "permissions": ["explore"]},
            "permission_sets.update": {"permissions": ["explore"]},
            "model_sets.create": {"name": "New", "models": ["sales"]},
            "model_sets.update": {"models": ["sales"]},
            "roles.create": {
                "name": "New",
                "permission_set_id": permission_set.id,
                "model_set_id": model_set.id,
            },
            "roles.update": {"name": "Renamed"},
            "roles.set_groups": {"body": list(state.groups)},
            "roles.set_users": {"body": list(state.users)},
            "users.get_by_credential": {
                "credential_type": "email",
                "credential_id": state.users[user]["email"],
            },
            "users.roles.set": {"body": [role]},
            "groups.users.add": {"user_id": user},
        }
        self.server.requests.clear()


SETTING = Setting(
    lambda _: FakeLooker(),
    lambda server, **options: Client(server.url, server.client_id, server.client_secret, **options),
    LookerScene,
)
