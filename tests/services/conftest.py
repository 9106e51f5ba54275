"""The services of `docs/services` as content of a simulated server, which plays Connect.

Each service runs in a process of its own, as its users run it. It is started once for a module,
since importing a framework takes seconds.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from aconnect import Client
from aconnect.connect import ContentItem
from aconnect.testing import FakeConnect, Recorded, Seed
from aconnect.testing.connect.routes.content.bundles import small_archive
from tests.services.frameworks import FRAMEWORKS, Framework

FOLDER: Final = Path(__file__).parents[2] / "docs" / "services"
OF_CONNECT: Final = ("CONNECT_", "POSIT_PRODUCT", "RSTUDIO_PRODUCT")
QUIET: Final = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}


@dataclass(slots=True)
class Service:
    """A service that runs as content."""

    framework: Framework
    server: FakeConnect
    client: Client
    """The client of the content's owner."""
    item: ContentItem
    app: URL
    """Its own address, which only Connect knows."""
    elsewhere: URL
    """The address of the same service on the machine of a developer."""
    numbers: count[int] = field(default_factory=count)

    @property
    def url(self) -> URL:
        """The address for its viewers."""
        return URL(f"{self.server.url}/content/{self.item.guid}")

    async def viewer(self) -> str:
        """Return a new user, who may see an item that nobody else but the owner may see."""
        name = f"viewer-{next(self.numbers)}"
        user = await self.client.users.create(
            username=name, email=f"{name}@example.com", user_role="viewer", password="a-long-one"
        )
        title = f"For {name}"
        item = await self.client.content.create(name=name, title=title, access_type="acl")
        await item.permissions.create(user, role="viewer")
        return name

    def calls(self) -> list[Recorded]:
        """Return the calls of the API, without the requests for the page."""
        return [one for one in self.server.requests if one.path.startswith("/v1/")]

    async def titles(self, user: str | None) -> list[str]:
        """Return the titles that the page shows to a user, or to an anonymous visitor."""
        key = {} if user is None else {"Authorization": f"Key {self.server.api_key_for(user)}"}
        return await self.titles_with(key, self.url)

    async def titles_with(self, headers: dict[str, str], url: URL) -> list[str]:
        """Return the titles that the page at a URL shows to a browser with these headers."""
        async with aiohttp.ClientSession(headers=headers) as session:
            return sorted(await self.framework.titles(session, url))

    async def allowed(self, user: str) -> list[str]:
        """Return the titles of the content that a user may see."""
        async with Client(self.server.url, self.server.api_key_for(user)) as client:
            return sorted(item.title or "" for item in await client.content.find())


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda framework: framework.name)
def framework(request) -> Framework:
    found: Framework = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(framework, tmp_path_factory) -> AsyncIterator[Service]:
    """The service as public content, which is associated with Connect's own API."""
    async with FakeConnect(Seed(content=3)) as server, Client(server.url, server.api_key) as client:
        item = await client.content.create(name="service", title="Service", access_type="all")
        await item.oauth.associations.add(next(iter(server.state.oauth_integrations)))
        bundle = await item.bundles.create(small_archive("python-api")[0])
        await (await bundle.deploy())
        home = tmp_path_factory.mktemp
        environment = {"CONNECT_CONTENT_GUID": item.guid}
        async with (
            running(framework, server, environment, home("connect")) as app,
            running(framework, server, {}, home("laptop")) as elsewhere,
        ):
            await asyncio.gather(app.responds(), elsewhere.responds())
            server.proxy(item.guid, str(app.url))
            yield Service(framework, server, client, item, app.url, elsewhere.url)


@dataclass(frozen=True, slots=True)
class App:
    """A process that serves an app at a URL."""

    process: Process
    url: URL
    log: Path

    async def responds(self) -> None:
        """Return when it responds, which Connect waits for too; raise if it ends before that."""
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(self.url):
                        return
                except aiohttp.ClientConnectionError:
                    assert self.process.returncode is None, self.log.read_text()
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def running(
    framework: Framework, server: FakeConnect, environment: dict[str, str], home: Path
) -> AsyncIterator[App]:
    """Run a service until the block ends, which must be in silence."""
    port = free_port()
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(OF_CONNECT)
    }
    log = home / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *framework.command(port),
            cwd=FOLDER / framework.name,
            env={
                **inherited,
                **QUIET,
                **environment,
                "CONNECT_SERVER": server.url,
                "CONNECT_API_KEY": server.api_key,
                "GRADIO_SERVER_PORT": str(port),
                "HOME": str(home),
                "TMPDIR": str(home),
            },
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
        )
    try:
        yield App(process, URL(f"http://127.0.0.1:{port}"), log)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
    # Nothing failed unexpectedly, and nothing was left open.
    written = log.read_text()
    assert framework.prints_refusals or "Traceback" not in written, written
    assert "nclosed" not in written, written


def free_port() -> int:
    """Return a port below those that systems give to connections, so that none takes it."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
