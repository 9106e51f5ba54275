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
        self.ids = {
            "roles": {"role_id": role},
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
        }
        self.server.requests.clear()


SETTING = Setting(
    lambda _: FakeLooker(),
    lambda server, **options: Client(server.url, server.client_id, server.client_secret, **options),
    LookerScene,
)
