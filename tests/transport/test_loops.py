"""A client in another event loop than its own: every use says so, and touches nothing.

The client lives in the loop of a portal, in a thread of its own. What uses it runs in a second loop
in this thread, at the same time, or after the first loop has ended.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from aconnect import Client, Limits, Portal, errors
from aconnect.concurrency import amap, results
from aconnect.connect import Bundle, ContentItem, Group, Task
from aconnect.deploy import Deployment, deploy
from aconnect.looker import Client as LookerClient
from aconnect.testing import FakeConnect, Seed, VirtualClock, faults
from aconnect.testing.looker import FakeLooker

MESSAGE = r"another one; create a client in each asyncio\.run\(\), or .* one aconnect\.Portal"


class Scene(Struct):
    """What the first loop leaves behind."""

    client: Client
    item: ContentItem
    bundle: Bundle
    task: Task[ContentItem]
    deployment: Deployment
    folder: Path
    archive: bytes
    events: list[object]


async def prepare(server: FakeConnect, folder: Path, archive: bytes) -> Scene:
    client = Client(server.url, server.api_key, clock=VirtualClock())
    item = await client.content.create(name="item")
    bundle = await item.bundles.create(archive)
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text("hello")
    deployment = await deploy(client, folder / "site", name="site")
    await deployment
    events: list[object] = []
    client.subscribe(events.append)
    task = await item.deploy(bundle)
    events.clear()
    # It is known after a deployment, and then told in any loop.
    client._version.text = None
    return Scene(client, item, bundle, task, deployment, folder, archive, events)


async def streamed(scene: Scene) -> None:
    async with scene.client.stream(scene.client.users.me):
        pass


async def refreshed(group: Group) -> Group:
    return await group.client.groups.get(group.guid)


async def all_of(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


USES: dict[str, Callable[[Scene], Awaitable[object]]] = {
    "call": lambda scene: scene.client.me(),
    "call of an object": lambda scene: scene.item.update(title="x"),
    "other options": lambda scene: scene.client.with_options(timeout=5).me(),
    "with response": lambda scene: scene.client.with_response(scene.client.users.me),
    "any request": lambda scene: scene.client.request("GET", "/v1/user"),
    "query": lambda scene: scene.client.content.find(),
    "stream of a query": lambda scene: all_of(aiter(scene.client.groups.find())),
    "pages": lambda scene: all_of(scene.client.groups.find().pages()),
    "pages ahead": lambda scene: all_of(aiter(scene.client.groups.find().prefetch(2))),
    "chunks": lambda scene: all_of(scene.client.content.find().chunks()),
    "first item": lambda scene: scene.client.groups.find().first(),
    "number of items": lambda scene: scene.client.groups.find().total(),
    "stream": streamed,
    "download": lambda scene: scene.bundle.download(scene.folder / "bundle.tar.gz"),
    "upload": lambda scene: scene.item.bundles.create(scene.archive),
    "task": lambda scene: scene.task.result(),
    "output of a task": lambda scene: all_of(scene.task.output()),
    "tasks": lambda scene: results([scene.task]),
    "deployment": lambda scene: scene.deployment.result(),
    "new deployment": lambda scene: deploy(scene.client, scene.folder / "site", name="site"),
    "sign in": lambda scene: scene.client.sign_in(),
    "version": lambda scene: scene.client.version(),
    "many calls": lambda scene: amap(scene.client.content.get, [scene.item.guid] * 3),
    "many items": lambda scene: amap(refreshed, scene.client.groups.find()),
    "close": lambda scene: scene.client.aclose(),
}


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as portal:
        yield portal


@pytest.fixture
def fake(portal: Portal, seed: Seed) -> FakeConnect:
    """A server in the first loop."""
    return portal.enter_context(FakeConnect(seed))


def elsewhere(use: Callable[[], Awaitable[object]]) -> None:
    """Use something in a second event loop, with a limit on the time."""

    async def main() -> None:
        async with asyncio.timeout(30):
            await use()

    asyncio.run(main())


def state(client: Client) -> tuple[object, ...]:
    """Return what all calls of a client share."""
    pipeline = client._pipeline
    return client.in_flight, client.max_in_flight, pipeline._budget.balance, pipeline.session.closed


@pytest.mark.parametrize("name", USES)
def test_in_a_second_loop(
    portal: Portal, fake: FakeConnect, tmp_path: Path, archive: bytes, name: str
) -> None:
    """In a second loop, each use raises, sends nothing and changes nothing; the first goes on."""
    scene = portal.call(prepare, fake, tmp_path, archive)
    before, count = state(scene.client), len(fake.requests)
    with pytest.raises(errors.EventLoopError, match=MESSAGE):
        elsewhere(lambda: USES[name](scene))
    assert (state(scene.client), len(fake.requests), scene.events) == (before, count, [])
    assert portal.call(lambda: USES[name](scene)) or True
    if name != "close":
        assert portal.call(scene.client.me).username == "admin"


@pytest.mark.parametrize("name", [name for name in USES if name != "close"])
def test_after_the_first_loop(seed: Seed, tmp_path: Path, archive: bytes, name: str) -> None:
    """In a second `asyncio.run`, each use raises the same; closing needs no loop any more."""

    async def first() -> Scene:
        async with FakeConnect(seed) as server:
            return await prepare(server, tmp_path, archive)

    scene = asyncio.run(first())
    before = state(scene.client)
    with pytest.raises(errors.EventLoopError, match=MESSAGE):
        elsewhere(lambda: USES[name](scene))
    assert state(scene.client) == before
    elsewhere(scene.client.aclose)
    with pytest.raises(errors.ClientClosedError):
        elsewhere(scene.client.me)


def test_closed_in_both(portal: Portal, fake: FakeConnect) -> None:
    """A client that was closed in its own loop can be closed again anywhere."""
    client = Client(fake.url, fake.api_key)
    portal.call(client.me)
    portal.call(client.aclose)
    elsewhere(client.aclose)
    unused = Client(fake.url, fake.api_key)
    elsewhere(unused.aclose)


def test_the_first_of_many_threads(fake: FakeConnect) -> None:
    """Of several loops that make the first call at the same time, one gets the client."""
    client = Client(fake.url, fake.api_key)
    start = threading.Barrier(4)

    def first(_: int) -> bool:
        with Portal() as portal:
            portal.call(asyncio.sleep, 0)
            start.wait()
            try:
                return portal.call(client.me).username == "admin"
            except errors.EventLoopError:
                return False
            finally:
                start.wait()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(first, range(4))) == [False, False, False, True]


def test_while_calls_wait(portal: Portal, fake: FakeConnect) -> None:
    """A call of a second loop does not stand in the line of the first, whose calls go on."""
    client = Client(fake.url, fake.api_key, limits=Limits(initial=1, maximum=1))
    portal.enter_context(client)
    fake.script(faults.slow_headers(0.2), on="GET /v1/user")

    async def both() -> list[str]:
        calls = [asyncio.ensure_future(client.me()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(errors.EventLoopError, match=MESSAGE):
            await asyncio.to_thread(elsewhere, client.me)
        return [user.username for user in await asyncio.gather(*calls)]

    assert portal.call(both) == ["admin"] * 3
    assert client.in_flight == 0


def test_while_the_version_is_asked_for(portal: Portal, fake: FakeConnect) -> None:
    """Who asks for the version in a second loop does not wait for the first one's lock."""
    client = portal.enter_context(Client(fake.url, fake.api_key))
    fake.script(faults.slow_headers(0.2), on="GET /server_settings")

    async def both() -> None:
        calls = [asyncio.ensure_future(client.version()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(errors.EventLoopError, match=MESSAGE):
            await asyncio.to_thread(elsewhere, client.version)
        assert all(await asyncio.gather(*calls))

    portal.call(both)


def test_while_it_signs_in(portal: Portal) -> None:
    """Who needs a sign-in in a second loop does not wait for that of the first one."""
    fake = portal.enter_context(FakeLooker())
    client = portal.enter_context(
        LookerClient(fake.url, client_id=fake.client_id, client_secret=fake.client_secret)
    )
    fake.script(faults.slow_headers(0.2), on="POST /login")

    async def both() -> None:
        call = asyncio.ensure_future(client.permissions.all())
        await asyncio.sleep(0)
        with pytest.raises(errors.EventLoopError, match=MESSAGE):
            await asyncio.to_thread(elsewhere, client.permissions.all)
        with pytest.raises(errors.EventLoopError, match=MESSAGE):
            await asyncio.to_thread(elsewhere, client.aclose)
        assert await call

    portal.call(both)
    assert fake.logins == 1


STREAMS: dict[str, Callable[[Client], AsyncGenerator[Any, None]]] = {
    "pages": lambda client: client.groups.find().page_size(1).pages(),
    "pages ahead": lambda client: client.groups.find().page_size(1).prefetch(2).pages(),
    "results": lambda client: aiter(amap(lambda _: client.me(), range(50), limit=2)),
    "results of a query": lambda client: aiter(
        amap(lambda group: group.members.find(), client.groups.find().page_size(1), limit=2)
    ),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("close", [True, False])
def test_a_stream_that_changes_loops(
    portal: Portal, fake: FakeConnect, name: str, close: bool
) -> None:
    """A stream that has begun in one loop raises in another, or is closed; its tasks end."""
    client = portal.enter_context(Client(fake.url, fake.api_key))
    for number in range(4):
        portal.call(client.groups.create, name=f"group-{number}")
    stream = STREAMS[name](client)
    portal.call(anext, stream)
    if close:
        elsewhere(stream.aclose)
    else:
        with pytest.raises(errors.EventLoopError, match=MESSAGE):
            elsewhere(lambda: anext(stream))

    async def no_tasks() -> None:
        async with asyncio.timeout(30):
            while any(  # noqa: ASYNC110  tasks do not tell
                task.get_name().startswith(("amap", "aconnect prefetch"))
                for task in asyncio.all_tasks()
            ):
                await asyncio.sleep(0.001)

    portal.call(no_tasks)
    assert portal.call(client.me).username == "admin"
