"""One valid call of every declared operation, from the registry and a few example values.

A new operation is tested automatically; a new type of argument needs a value here.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

import tests.authentik.scenario
import tests.cloudendure.scenario
import tests.looker.scenario
from aconnect import Client
from aconnect._client.operation import REGISTRY, Operation
from aconnect.connect import OAuthGrantType, OAuthTokenType, archive_upload, bootstrap_token
from aconnect.connect.content.thumbnail import image_upload
from aconnect.testing import BuildScript, FakeConnect, Seed, State
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content._runs import start
from aconnect.testing.connect.routes.content.bundles import store
from aconnect.testing.connect.routes.content.repository import new_repository
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.state import guid_of
from tests.scenarios import Scene, Setting

OAUTH_CONFIG = {
    "client_id": "the-client",
    "client_secret": "the-client-secret",
    "authorization_uri": "https://example.com/authorize",
    "token_uri": "https://example.com/token",
}

OLD = "2023.09.0"
"""A version with the operations that later ones have removed."""
SEED = Seed(visits=600, shiny_usage=600, audit_logs=600, hits=5, users=6, jobs=3, queue=4)


BODIES: dict[str, dict[str, Any]] = {
    "users.create": {"username": "newcomer", "email": "new@example.com"},
    "users.create_remote": {"temp_ticket": "ticket-remote0"},
    "users.update": {"first_name": "Other"},
    "users.lock": {"locked": True},
    "users.remote": {"prefix": "r"},
    "groups.create": {"name": "new-group"},
    "groups.create_remote": {"temp_ticket": "ticket-group-remote0"},
    "groups.update": {"name": "renamed"},
    "groups.modify": {"name": "renamed"},
    "groups.remote": {"prefix": "r"},
    "content.create": {"name": "new-content"},
    "content.update": {"title": "Another title"},
    "content.search": {"q": "-locked:true"},
    "users.keys.create": {"name": "new-key"},
    "examples.thumbnail": {"name": "shiny-demo"},
    "examples.zip": {"name": "shiny-demo"},
    "experimental.content.create": {"name": "new-content"},
    "experimental.content.update": {"title": "Another title"},
    "content.repository.put": {"repository": "https://example.com/other.git"},
    "content.repository.update": {"branch": "other"},
    "tags.create": {"name": "new-tag"},
    "tags.update": {"name": "renamed"},
    "content.vanity.put": {"path": "/new-path/"},
    "content.tags.add": {"tag_id": "3"},
    "oauth.integrations.create": {"template": "custom", "config": OAUTH_CONFIG},
    "oauth.integrations.update": {"description": "Another description"},
    "content.environment_variables.patch": {"body": [{"name": "A", "value": "1"}]},
    "content.environment_variables.put": {"body": [{"name": "A", "value": "1"}]},
    "environments.create": {"name": "new-image", "cluster_name": "Kubernetes", "title": "New"},
    "environments.update": {"title": "Another title"},
    "system.caches.runtime.delete": {"language": "R", "version": "4.4.2", "image_name": "Local"},
    "system.documentation.put": {"content": "# New"},
    "system.service_tokens.create": {"name": "new-token", "scopes": ["identity:manage"]},
}
"""Arguments other than ids."""


def archive(files: dict[str, bytes] | None = None) -> bytes:
    """Create a small bundle."""
    manifest = {"version": 1, "metadata": {"appmode": "static"}, "files": {}}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in {"manifest.json": json.dumps(manifest).encode(), **(files or {})}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


BUNDLE = archive()
SPARE = archive({"index.html": b"<p>spare</p>"})
PICTURE = b"\x89PNG\r\n\x1a\n and so on"


class ConnectScene(Scene[FakeConnect, Client]):
    """A Connect server with objects of every type, written into its state without any call."""

    async def set_up(self) -> None:
        """Create what the seed does not have."""
        state = self.server.state
        self.bodies = dict(BODIES)
        content = next(iter(state.content))
        self._add_content(state, content)
        self._add_builds(state, content)
        self._add_reports(state)
        self._add_people(state, content)
        self._add_oauth(state, content)
        self._add_system(state)
        token = bootstrap_token(state.bootstrap_secret, time.time()).reveal()
        self.bodies |= {name: {"token": token} for name in BOOTSTRAPS}

    def _add_content(self, state: State, guid: str) -> None:
        """Create everything that belongs to content once."""
        here = {"guid": guid}
        time = state.seed.start
        state.content_tags[guid] = {"2", "3"}
        state.vanities[guid] = {"content_guid": guid, "path": "/old/", "created_time": time}
        state.bookmarks[guid] = {next(iter(state.users)): {"created_time": time}}
        state.thumbnails[guid] = PICTURE
        self.ids |= {
            "content": here,
            "content.bookmark": here,
            "content.bookmark.create": {"guid": list(state.content)[1]},
            "content.environment_variables": here,
            "content.tags": {**here, "id": "3"},
            "content.thumbnail": here,
            "content.vanity": here,
            "experimental.content": here,
            "tags": {"id": "3"},
        }
        self.bodies["content.thumbnail.put"] = {"body": image_upload(PICTURE)}

    def _add_builds(self, state: State, guid: str) -> None:
        """Create a task and a running job, and a bundle that is not active."""
        item, owner = state.content[guid], next(iter(state.users))
        # Content that can be rendered.
        item["app_mode"] = "rmd-static"
        state.bundles[guid][item["bundle_id"]].manifest["metadata"]["appmode"] = "rmd-static"
        state.build_script = BuildScript(lines_per_poll=100, hang=True)
        task = start(state, item, "build", owner=owner)
        state.build_script = BuildScript()
        running = next(k for k, job in state.jobs[guid].items() if job.row["status"] == 0)
        spare = store(state, item, owner, Archive.of(SPARE), {}, state.seed.start)["id"]
        bundle = {"guid": guid, "id": spare}
        self.ids |= {
            "content.bundles": bundle,
            "content.bundles.files": {**bundle, "path": "index.html"},
            "content.jobs": {"guid": guid, "key": running},
            "experimental.bundles": bundle,
            "experimental.tasks": {"id": task.id},
            "tasks": {"id": task.id},
        }
        self.bodies |= {
            "content.bundles.upload": {"body": archive_upload(BUNDLE)},
            "experimental.content.deploy": {"bundle_id": spare},
            "experimental.content.upload": {"body": archive_upload(BUNDLE)},
        }

    def _add_reports(self, state: State) -> None:
        """Give a scheduled report a Git repository."""
        guid = next(iter(state.schedules))
        state.repositories[guid] = new_repository("https://example.com/it.git", state.seed.start)
        self.ids |= {
            f"content.{name}": {"guid": guid}
            for name in ("packages", "repository", "schedule", "storage")
        }
        self.bodies["content.lockfile"] = {"guid": guid}

    def _add_people(self, state: State, content: str) -> None:
        """Create permissions for a user and a group, and an API key."""
        users, group = list(state.users), next(iter(state.groups))
        outsider = next(guid for guid in users if guid not in state.members[group])
        entry = state.permit(content, users[4], "viewer")
        state.permit(content, group, "viewer")
        key = state.add_key("spare", users[0], "spare", "administrator", state.seed.start)
        self.ids |= {
            "content.permissions": {"guid": content, "id": entry["id"]},
            "experimental.groups": {"guid": group},
            "groups": {"guid": group},
            "groups.members": {"group_guid": group, "user_guid": state.members[group][0]},
            "users": {"guid": users[4]},
            "users.keys": {"guid": users[0], "id": key["id"]},
        }
        permitted = {"principal_type": "user", "role": "viewer"}
        self.bodies |= {
            "content.permissions.create": {**permitted, "principal_guid": users[2]},
            "content.permissions.update": {**permitted, "principal_guid": users[4]},
            "environments.permissions.create": {"group_guid": group},
            "groups.members.add": {"user_guid": outsider},
        }

    def _add_oauth(self, state: State, content: str) -> None:
        """Associate content with a service account, and create a session of a user."""
        guid, session = guid_of("integration"), guid_of("oauth session")
        config = {"auth_type": "Service Account", **OAUTH_CONFIG}
        state.oauth_integrations[guid] = new_integration(
            guid, 2, "custom", config, state.seed.start
        )
        state.oauth_associations[content] = {guid: state.seed.start}
        state.oauth_sessions[session] = {
            **state.oauth_sessions[self.server.oauth_login("admin", guid)],
            "guid": session,
        }
        self.ids |= {
            "content.oauth.associations": {"guid": content},
            "oauth.clients": {"client_id": next(iter(state.oauth_clients))},
            "oauth.integrations": {"guid": guid},
            "oauth.integrations.associations": {"guid": guid},
            "oauth.sessions": {"guid": session},
            "oauth.templates": {"key": "custom"},
        }
        self.bodies |= {
            "content.oauth.associations.update": {"body": [{"oauth_integration_guid": guid}]},
            "oauth.exchange": {
                "grant_type": OAuthGrantType.TOKEN_EXCHANGE,
                "subject_token_type": OAuthTokenType.CONTENT_SESSION_TOKEN,
                "subject_token": self.server.content_session_token(content),
            },
        }

    def _add_system(self, state: State) -> None:
        """Write documentation; the rest is seeded."""
        state.documentation = {"content": "# Old", "created_time": state.seed.start}
        environment, managed = state.environments
        permission = next(iter(state.environment_permissions[managed]))
        self.ids |= {
            "environments": {"guid": environment},
            "environments.permissions": {"guid": managed, "permission_guid": permission},
            "queue": {"id": "1"},
            "system.checks": {"id": next(iter(state.checks))},
            "system.service_tokens": {"guid": next(iter(state.service_tokens))},
        }

    def call(self, key: str) -> Callable[[], Awaitable[Any]]:
        """Return the call of an operation; a server with users is not bootstrapped."""
        if REGISTRY[key].name in BOOTSTRAPS:
            self.server.state.users.clear()
        return super().call(key)


BOOTSTRAPS = ("bootstrap.create", "experimental.bootstrap.create")


def connect_server(declared: Operation) -> FakeConnect:
    """Return a server that has an operation: the latest version, or an old one."""
    return FakeConnect(seed=SEED, version=OLD) if declared.until else FakeConnect(seed=SEED)


SETTINGS = {
    "connect": Setting(
        connect_server,
        lambda server, **options: Client(server.url, api_key=server.api_key, **options),
        ConnectScene,
    ),
    "looker": tests.looker.scenario.SETTING,
    "authentik": tests.authentik.scenario.SETTING,
    "cloudendure": tests.cloudendure.scenario.SETTING,
}

OPERATIONS = sorted(key for key in REGISTRY if REGISTRY[key].service in SETTINGS)
