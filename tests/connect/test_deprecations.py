"""A deprecated operation causes one DeprecationWarning, at the caller's line."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager

import pytest

from aconnect import Client
from aconnect.connect import bootstrap_token
from aconnect.testing import FakeConnect, VirtualClock, faults

EXAMPLES = "GET /v1/examples"


class World:
    """A new server and an old one with removed operations, each with a client."""

    def __init__(self, server: FakeConnect, client: Client, old: Client, guid: str) -> None:
        self.server = server
        self.client = client
        self.old = old
        self.guid = guid
        self.line = 0

    def here(self) -> None:
        """Record that a warning is expected at the line after the calling one."""
        self.line = sys._getframe(1).f_lineno + 1


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with (
        FakeConnect() as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
        FakeConnect(version="2023.09.0") as past,
        Client(past.url, past.api_key, clock=VirtualClock()) as old,
    ):
        yield World(server, client, old, next(iter(past.state.content)))


@contextmanager
def all_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Collect every warning, including those that Python would show only once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught


async def call(world: World) -> None:
    world.here()
    await world.client.examples.zip("shiny-demo")


async def call_with_a_replacement(world: World) -> None:
    world.here()
    await world.old.experimental.content.get(world.guid)


async def paged(world: World) -> None:
    world.here()
    await world.client.examples.find()


async def paged_rows(world: World) -> None:
    rows = world.old.experimental.bundles.find(world.guid)
    world.here()
    async for _ in rows:
        pass


async def paged_pages(world: World) -> None:
    async with aclosing(world.client.examples.find().pages()) as pages:
        world.here()
        async for _ in pages:
            pass


async def first(world: World) -> None:
    world.here()
    await world.client.examples.find().first()


async def stream(world: World) -> None:
    bundles = world.old.experimental.bundles
    world.here()
    async with world.old.stream(bundles.download, "1") as stream:
        async for _ in stream:
            pass


async def with_response(world: World) -> None:
    thumbnail = world.client.examples.thumbnail
    world.here()
    await world.client.with_response(thumbnail, "shiny-demo")


async def tried_again(world: World) -> None:
    world.server.script(faults.status(503), on=f"{EXAMPLES}/*")
    world.here()
    await world.client.examples.zip("shiny-demo")


async def observed(world: World) -> None:
    world.client.subscribe(lambda _: None)
    world.here()
    await world.client.examples.zip("shiny-demo")


async def with_its_own_credentials(world: World) -> None:
    world.server.state.users.clear()
    token = bootstrap_token(world.server.state.bootstrap_secret, time.time()).reveal()
    world.here()
    await world.client.experimental.bootstrap.create(token)


async def request(world: World) -> None:
    world.here()
    await world.client.request("GET", "/v1/examples")


WAYS: dict[Callable[[World], Awaitable[None]], str] = {
    call: "the server calls examples.zip deprecated; there is no replacement",
    call_with_a_replacement: "the server calls experimental.content.get deprecated; "
    "use /v1/content/{guid} instead",
    paged: "the server calls examples.find deprecated; there is no replacement",
    paged_rows: "the server calls experimental.bundles.find deprecated; "
    "use /v1/content/{guid}/bundles instead",
    paged_pages: "the server calls examples.find deprecated; there is no replacement",
    first: "the server calls examples.find deprecated; there is no replacement",
    stream: "the server calls experimental.bundles.download deprecated; "
    "use /v1/content/{guid}/bundles/{id}/download instead",
    with_response: "the server calls examples.thumbnail deprecated; there is no replacement",
    tried_again: "the server calls examples.zip deprecated; there is no replacement",
    observed: "the server calls examples.zip deprecated; there is no replacement",
    with_its_own_credentials: "the server calls experimental.bootstrap.create deprecated; "
    "use /v1/bootstrap instead",
    request: "the server calls GET /v1/examples deprecated; there is no replacement",
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_the_callers_line(world: World, way: Callable[[World], Awaitable[None]]) -> None:
    """The warning names the operation and points at the caller's line, for every type of call."""
    with all_warnings() as caught:
        await way(world)
    (one,) = caught
    assert one.category is DeprecationWarning
    assert str(one.message) == WAYS[way]
    assert (one.filename, one.lineno) == (__file__, world.line)


async def test_in_a_task(world: World) -> None:
    """In a task, which has no caller, the warning points at the code that runs the event loop."""
    with all_warnings() as caught:
        rows = world.old.experimental.bundles.find(world.guid).prefetch(1)
        assert [row.id async for row in rows]
    (one,) = caught
    assert "/aconnect/" not in one.filename
    assert "/asyncio/" not in one.filename


async def operations(client: Client) -> list[str]:
    """Call two operations twice and return the operations that the warnings name."""
    with all_warnings() as caught:
        for _ in range(2):
            await client.examples.find()
            await client.examples.zip("shiny-demo")
    return [str(one.message).split()[3] for one in caught]


async def test_once_for_an_operation(world: World) -> None:
    """Each operation causes one warning per client."""
    both = ["examples.find", "examples.zip"]
    assert await operations(world.client) == both
    assert await operations(world.client) == []
    async with Client(world.server.url, world.server.api_key) as another:
        assert await operations(another) == both


async def test_with_options(world: World) -> None:
    """A client and the clients made by `with_options` share one warning per operation."""
    assert await operations(world.client.with_options(timeout=5.0)) != []
    assert await operations(world.client) == []
    assert await operations(world.client.with_options(timeout=6.0)) == []


async def test_many_pages(world: World) -> None:
    """A list of several pages causes one warning."""
    with all_warnings() as caught:
        await world.old.experimental.bundles.find(world.guid).page_size(1)
    assert len(caught) == 1


@pytest.mark.parametrize("ask", ["me", "version"])
async def test_nothing_else_is(world: World, ask: str) -> None:
    """Other operations cause no warning."""
    with all_warnings() as caught:
        await getattr(world.client, ask)()
    assert caught == []


@pytest.mark.parametrize(("version", "times"), [("2023.09.0", 0), ("2024.05.0", 1)])
async def test_since_when(version: str, times: int) -> None:
    """The experimental bootstrap is deprecated since the version that added its replacement."""
    async with FakeConnect(version=version) as server, Client(server.url, "none") as client:
        server.state.users.clear()
        token = bootstrap_token(server.state.bootstrap_secret, time.time()).reveal()
        with all_warnings() as caught:
            await client.experimental.bootstrap.create(token)
        assert len(caught) == times


async def test_a_refusal_is_not_warned_of(world: World) -> None:
    """A failed call raises its error without a warning."""
    world.server.script(faults.error(404, 4), on=f"{EXAMPLES}/*")
    with all_warnings() as caught, pytest.raises(Exception, match="returned 404"):
        await world.client.examples.zip("shiny-demo")
    assert caught == []


async def test_as_an_error(world: World) -> None:
    """If warnings are errors, the call raises one and releases its permit and connection."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning, match=r"examples\.zip"):
            await world.client.examples.zip("shiny-demo")
        with pytest.raises(DeprecationWarning, match=r"examples\.thumbnail"):
            async with world.client.stream(world.client.examples.thumbnail, "shiny-demo"):
                pass
    assert world.client.in_flight == 0
    assert (await world.client.me()).username == "admin"
