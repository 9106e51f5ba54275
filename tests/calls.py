"""One valid call of every declared operation, made from the registry and a few example values.

Who declares an operation gets it tested; who needs a new kind of argument adds its value here.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import Any

import tests.authentik.scene
import tests.cloudendure.scene
import tests.looker.scene
from aconnect import Client
from aconnect._core.endpoint import REGISTRY
from aconnect.connect.bundles import archive_upload
from aconnect.testing import BuildScript, FakeConnect, Seed
from tests.scenes import Scene, Setting

SEED = Seed(visits=600, shiny_usage=600, audit_logs=600, hits=5, users=6, jobs=3)


BODIES: dict[str, dict[str, Any]] = {
    "users.create": {"username": "newcomer", "email": "new@example.com"},
    "users.create_remote": {"temp_ticket": "ticket-remote0"},
    "users.update": {"first_name": "Other"},
    "users.lock": {"locked": True},
    "users.remote": {"prefix": "r"},
    "groups.create": {"name": "new-group"},
    "groups.create_remote": {"temp_ticket": "ticket-group-remote0"},
    "groups.update": {"name": "renamed"},
    "groups.replace": {"name": "renamed"},
    "groups.remote": {"prefix": "r"},
    "content.create": {"name": "new-content"},
    "content.update": {"title": "Another title"},
    "tags.create": {"name": "new-tag"},
    "tags.update": {"name": "renamed"},
    "content.tags.add": {"tag_id": "3"},
    "content.environment_variables.patch": {"body": [{"name": "A", "value": "1"}]},
    "content.environment_variables.put": {"body": [{"name": "A", "value": "1"}]},
    "environments.create": {"name": "new-image", "cluster_name": "Kubernetes", "title": "New"},
    "environments.update": {"title": "Another title"},
    "system.caches.runtime.delete": {"language": "R", "version": "4.4.2", "image_name": "Local"},
    "system.documentation.put": {"content": "# New"},
    "system.service_tokens.create": {"name": "new-token", "scopes": ["identity:manage"]},
}
"""Arguments that are no ids."""


def archive(files: dict[str, bytes] | None = None) -> bytes:
    """Make a small bundle."""
    manifest = {"version": 1, "metadata": {"appmode": "static"}, "files": {}}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in {"manifest.json": json.dumps(manifest).encode(), **(files or {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


class ConnectScene(Scene[FakeConnect, Client]):
    """A Connect server with an inactive bundle, a running task and job, a tag and a member."""

    async def set_up(self) -> None:
        """Make what the seed does not have."""
        client, state = self.client, self.server.state
        guid = next(iter(state.content))
        # Something that can be rendered.
        state.content[guid]["app_mode"] = "rmd-static"
        item = client.content.handle(guid)
        first = await item.bundles.create(archive())
        state.build_script = BuildScript(lines_per_poll=100, hang=True)
        task = await item.deploy(first)
        state.build_script = BuildScript()
        spare = await item.bundles.create(archive({"index.html": b"<p>spare</p>"}))
        await item.tags.add("3")
        group = next(iter(state.groups))
        users = list(state.users)
        outsider = next(guid for guid in users if guid not in state.members[group])
        running = next(k for k, job in state.jobs[guid].items() if job.row["status"] == 0)
        environment, managed = state.environments
        state.documentation = {"content": "# Old", "created_time": state.seed.start}
        self.ids = {
            "users": {"guid": users[4]},
            "groups": {"guid": group},
            "groups.members": {"group_guid": group, "user_guid": state.members[group][0]},
            "content": {"guid": guid},
            "content.bundles": {"guid": guid, "id": spare.id},
            "content.jobs": {"guid": guid, "key": running},
            "content.tags": {"guid": guid, "id": "3"},
            "content.environment_variables": {"guid": guid},
            "environments": {"guid": environment},
            "environments.permissions": {
                "guid": managed,
                "permission_guid": next(iter(state.environment_permissions[managed])),
            },
            "system.checks": {"id": next(iter(state.checks))},
            "system.service_tokens": {"guid": next(iter(state.service_tokens))},
            "tags": {"id": "3"},
            "tasks": {"id": task.id},
        }
        self.bodies = {
            **BODIES,
            "groups.members.add": {"user_guid": outsider},
            "environments.permissions.create": {"group_guid": group},
            "content.bundles.upload": {"body": archive_upload(archive())},
        }
        self.server.requests.clear()


SETTINGS = {
    "connect": Setting(
        lambda: FakeConnect(seed=SEED),
        lambda server, **options: Client(server.url, api_key=server.api_key, **options),
        ConnectScene,
    ),
    "looker": tests.looker.scene.SETTING,
    "authentik": tests.authentik.scene.SETTING,
    "cloudendure": tests.cloudendure.scene.SETTING,
}

OPERATIONS = sorted(key for key in REGISTRY if REGISTRY[key].service in SETTINGS)
