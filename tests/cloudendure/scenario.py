"""CloudEndure in the tests of all services."""

from __future__ import annotations

from typing import Any

from aconnect.cloudendure import Client
from aconnect.testing.cloudendure import FakeCloudEndure
from tests.scenarios import Scene, Setting


class CloudEndureScene(Scene[FakeCloudEndure, Client]):
    """An account with an invited user and a project with machines and an audit log."""

    async def set_up(self) -> None:
        """Record the ids of the seed, without a request."""
        project = next(iter(self.server.state.projects))
        (machine, *_) = self.server.state.machines[project]
        (invitation, *_) = self.server.state.invitations
        self.ids = {
            "accounts": {"account_id": self.server.state.account},
            "projects": {"project_id": project},
            "machines": {"project_id": project, "machine_id": machine},
        }
        users: dict[str, Any] = {"items": [{"projectId": project, "userIds": ["user-2"]}]}
        roles: dict[str, Any] = {"items": [{"userId": "user-2", "roles": ["ACCOUNT_ADMIN"]}]}
        self.bodies = {
            "accounts.access": {"username": "user@example.com"},
            "projects.assign_users": {"body": users},
            "projects.remove_users": {"body": users},
            "users.create": {"username": "new@example.com"},
            "users.set_password": {"token": invitation, "new_password": "chosen"},
            "users.assign_roles": {"body": roles},
            "users.revoke_roles": {"body": roles},
            "session.login": {"user_api_token": self.server.user_api_token},
        }


SETTING = Setting(
    lambda _: FakeCloudEndure(),
    lambda server, **options: Client(
        base_url=server.url, user_api_token=server.user_api_token, **options
    ),
    CloudEndureScene,
)
