"""Two simulated servers: one that has everything secret, and one to migrate to."""

import io
import tarfile
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec

from aconnect import Client
from aconnect.testing import FakeConnect, Seed, VirtualClock
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content.bundles import store
from aconnect.testing.connect.routes.content.repository import new_repository
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from aconnect.testing.connect.state import guid_of

SECRETS = ("value-of-token", "repository-password", "package-password", "integration-secret")
"""Everything secret that `furnish` puts on a server, besides its keys."""

_MANIFEST: dict[str, Any] = {
    "version": 1,
    "metadata": {"appmode": "python-shiny", "entrypoint": "app"},
    "python": {"version": "3.11.10"},
    "packages": {"a": {"Repository": f"https://user:{SECRETS[2]}@packages.example/a"}},
    "integration_requests": [{"name": "GitHub"}],
    "files": {},
}


@asynccontextmanager
async def servers(
    count=3, *, source_version="2026.06.0", version="2026.06.0", source_user=None, user=None
):
    """Yield two servers and their clients, with the keys of administrators or of these users."""
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(
            FakeConnect(Seed(content=count), version=source_version)
        )
        new = await stack.enter_async_context(FakeConnect(Seed(content=0), version=version))
        clients = [
            await stack.enter_async_context(
                Client(
                    fake.url,
                    fake.api_key if name is None else fake.api_key_for(name),
                    clock=VirtualClock(),
                )
            )
            for fake, name in ((old, source_user), (new, user))
        ]
        yield old, new, *clients


def add_bundle(fake, guid, manifest=None):
    """Make a new bundle the active one, and return its id."""
    data, packed = msgspec.json.encode(manifest or _MANIFEST), io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
    content = fake.state.content[guid]
    archive = Archive.of(packed.getvalue())
    row = store(
        fake.state,
        content,
        content["owner_guid"],
        archive,
        manifest or _MANIFEST,
        fake.state.now(),
    )
    for bundle in fake.state.bundles[guid].values():
        bundle.row["active"] = bundle.row["id"] == row["id"]
    content.update(bundle_id=row["id"], app_mode="python-shiny")
    return row["id"]


def furnish(fake):
    """Put secrets everywhere on a server, and return the guid of the item that has most."""
    state = fake.state
    guid, from_git = list(state.content)[:2]
    now = state.now()
    add_bundle(fake, guid)
    state.environment[guid] = {"TOKEN": SECRETS[0], "API_URL": SECRETS[0]}
    integration = add_integration(fake, "GitHub")
    state.oauth_associations[guid] = {integration: now}
    state.vanities[guid] = {"path": "/sales/", "content_guid": guid, "created_time": now}
    state.permit(guid, state.known_user("viewer")["guid"], "viewer")
    state.repositories[from_git] = new_repository(
        f"https://user:{SECRETS[1]}@git.example/sales.git", now, polling=True
    )
    return guid


def add_integration(fake, name):
    guid = guid_of("oauth-integration", name)
    config = {"client_id": "id", "client_secret": SECRETS[3]}
    fake.state.oauth_integrations[guid] = new_integration(
        guid,
        fake.state.next_number("integration"),
        "github",
        config,
        fake.state.now(),
        name=name,
    )
    return guid
