"""A server with one item that has everything, and clients of it."""

import io
import tarfile
from typing import Any

import msgspec
import pytest

from aconnect.testing import FakeConnect
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content.bundles import store
from aconnect.testing.connect.routes.content.repository import new_repository
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.state import guid_of

SECRETS = ("value-of-token", "repository-password", "package-password", "integration-secret")
"""Everything secret that `furnish` puts on a server."""

MANIFEST: dict[str, Any] = {
    "version": 1,
    "metadata": {"appmode": "python-shiny", "entrypoint": "app"},
    "platform": "4.4.2",
    "python": {"version": "3.11.10"},
    "quarto": {"version": "1.5.57"},
    "node": {"version": "22.11.0"},
    "environment": {"image": "ghcr.io/acme/base:1"},
    "packages": {
        "a": {"Source": "CRAN", "Repository": "https://user:package-password@packages.example/a"},
        "b": {"Source": "CRAN", "Repository": "https://packages.example/a"},
    },
    "integration_requests": [{"name": "Connect"}, {"type": "github"}],
    "files": {},
}


def furnish(fake: FakeConnect) -> str:
    """Give the first content item everything that it can have, and return its guid.

    The second one comes from Git.
    """
    state = fake.state
    guid, from_git = list(state.content)[:2]
    now, row = state.now(), state.content[guid]
    environment = next(iter(state.environments))
    row.update(
        owner_guid=state.known_user("publisher")["guid"],
        description="About sales",
        max_processes=3,
        cpu_limit=1.5,
        default_environment_guid=environment,
        locked=True,
        locked_message="Later",
        py_version="3.11.10",
    )
    state.environment[guid] = {"TOKEN": SECRETS[0], "API_URL": SECRETS[0]}
    state.content_tags[guid] = {"1", "2", "3"}
    state.vanities[guid] = {"path": "/sales/", "content_guid": guid, "created_time": now}
    state.permit(guid, state.known_user("viewer")["guid"], "viewer")
    state.permit(guid, next(iter(state.groups)), "owner")
    integration = guid_of("oauth-integration", "secret")
    config = {"client_id": "id", "client_secret": SECRETS[3]}
    state.oauth_integrations[integration] = new_integration(
        integration, state.next_number("integration"), "github", config, now, name="GitHub"
    )
    state.oauth_associations[guid] = {integration: now}
    _add_bundle(fake, guid)
    state.repositories[from_git] = new_repository(
        f"https://user:{SECRETS[1]}@git.example/sales.git", now, polling=True
    )
    return guid


def _add_bundle(fake: FakeConnect, guid: str) -> None:
    """Make a bundle with `MANIFEST` the active one."""
    data, packed = msgspec.json.encode(MANIFEST), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    state = fake.state
    content = state.content[guid]
    archive = Archive.of(packed.getvalue())
    row = store(state, content, content["owner_guid"], archive, MANIFEST, state.now())
    for bundle in state.bundles[guid].values():
        bundle.row["active"] = bundle.row["id"] == row["id"]
    content["bundle_id"] = row["id"]


@pytest.fixture
def furnished(server: FakeConnect) -> str:
    """The guid of the item that has everything."""
    return furnish(server)
