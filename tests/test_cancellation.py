"""A call can be cancelled wherever it waits: it ends, leaves nothing behind, and affects no other.

The same work is cancelled at its first suspension, then at its second, and so on, until it ends
before that.
"""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from aconnect import Client, Limits, errors
from aconnect._client.paged import fetch_ahead
from aconnect.concurrency import amap
from aconnect.connect.content.bundles import archive_upload
from aconnect.testing import BuildScript, FakeConnect, Seed, VirtualClock, faults
from aconnect.testing.connect.routes.content.bundles import small_archive

Work = Callable[["World"], Awaitable[object]]

SEED = Seed(visits=500, hits=3000, users=12)


class Interrupted:
    """Awaits a coroutine and cancels its task at a given suspension."""

    def __init__(self, work: Awaitable[object], at: int) -> None:
        self.work = work
        self.at = at
        self.suspensions = 0

    def __await__(self) -> Generator[Any, Any, object]:
        inner = self.work.__await__()
        got, error = None, None
        while True:
            try:
                waits_for = inner.send(got) if error is None else inner.throw(error)
            except StopIteration as done:
                return done.value
            self.suspensions += 1
            if self.suspensions == self.at:
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            got, error = None, None
            try:
                got = yield waits_for
            except BaseException as raised:  # noqa: BLE001  passed on as it is
                error = raised


class World:
    """A server with everything that the cases below need, and a new client for each try."""

    def __init__(self, server: FakeConnect, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.archive = small_archive("python-api")[0]
        self.file = folder / "bundle.tar.gz"
        self.file.write_bytes(self.archive)
        self.out = folder / "out"
        self.out.mkdir()
        self.client: Client

    async def prepare(self) -> None:
        async with Client(self.server.url, self.server.api_key) as client:
            item = await client.content.create(name="item")
            self.guid = item.guid
            self.bundle = (await item.bundles.create(self.archive)).id

    async def start_task(self) -> Any:
        return await self.client.content.handle(self.guid).deploy(self.bundle)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with FakeConnect(SEED) as server:
        server.state.build_script = BuildScript(lines_per_poll=3)
        world = World(server, tmp_path)
        await world.prepare()
        yield world


async def call(world: World) -> object:
    world.server.script(faults.status(503), faults.reset(), on="GET /v1/user")
    return await world.client.me()


async def observed_call(world: World) -> object:
    world.client.subscribe(lambda _: None)
    return await call(world)


async def create(world: World) -> object:
    world.server.script(faults.status(429, retry_after=3), on="POST /v1/groups")
    return await world.client.groups.create(name=f"group{len(world.server.requests)}")


async def stream(world: World) -> object:
    world.server.script(faults.status(503), on="GET */download")
    bundles = world.client.content.handle(world.guid).bundles
    async with world.client.stream(bundles.download, world.bundle) as stream:
        return [chunk async for chunk in stream]


async def failed_stream(world: World) -> object:
    with pytest.raises(errors.NotFoundError) as caught:
        async with world.client.stream(world.client.users.get, "no such"):
            pass
    return caught


def visits(world: World, *, most: int = 500) -> Any:
    """Seed this many visits, in four pages."""
    end = SEED.start + SEED.step * (most - 1)
    return world.client.instrumentation.visits(from_=SEED.start, to=end).page_size(most // 3)


async def rows(world: World) -> object:
    return [row async for row in visits(world)]


async def all_rows(world: World) -> object:
    return await visits(world)


async def prefetched_rows(world: World) -> object:
    return [row async for row in visits(world).prefetch(2)]


async def prefetched_pages(world: World) -> object:
    async with aclosing(visits(world).raw().prefetch(1).pages()) as pages:
        return [page async for page in pages]


async def chunks(world: World) -> object:
    """Stream a list that is not paged."""
    async with aclosing(world.client.instrumentation.hits().chunks()) as parts:
        return [part async for part in parts]


async def prefetched_chunks(world: World) -> object:
    async with aclosing(world.client.instrumentation.hits().raw().prefetch(2).chunks()) as parts:
        return [part async for part in parts]


async def first(world: World) -> object:
    return await visits(world).prefetch(2).first()


async def total(world: World) -> object:
    return await visits(world).total()


async def task_wait(world: World) -> object:
    world.server.script(faults.vanish(), on="GET /v1/tasks/*")
    return await (await world.start_task()).wait()


async def task_result(world: World) -> object:
    return await (await world.start_task())


async def task_output(world: World) -> object:
    return [line async for line in (await world.start_task()).output()]


async def job_follow(world: World) -> object:
    await world.start_task()
    job = (await world.client.content.handle(world.guid).jobs.find())[0]
    return [entry async for entry in job.follow()]


async def job_wait(world: World) -> object:
    task = await world.start_task()
    job = (await world.client.content.handle(world.guid).jobs.find())[0]
    await task.wait()
    return await job.wait()


async def check_wait(world: World) -> object:
    return await (await world.client.system.checks.create()).wait()


async def mapped(world: World) -> object:
    users = [row["guid"] for row in world.server.state.users.values()]
    return await amap(world.client.users.get, users, limit=3)


async def mapped_stream(world: World) -> object:
    users = [row["guid"] for row in world.server.state.users.values()]
    got = amap(world.client.users.get, users, limit=3, ordered=False, errors="collect")
    return [outcome async for outcome in got]


async def mapped_rows(world: World) -> object:
    async def nothing(row: object) -> object:
        await asyncio.sleep(0)
        return row

    return [row async for row in amap(nothing, visits(world, most=50).prefetch(1), limit=2)]


async def upload(world: World) -> object:
    world.server.script(faults.status(503), on="POST */bundles")
    bundles = world.client.content.handle(world.guid).bundles
    return await bundles.create(world.file)


async def upload_from_memory(world: World) -> object:
    bundles = world.client.content.handle(world.guid).bundles
    return await bundles.upload(archive_upload(world.archive))


async def download(world: World) -> object:
    bundles = world.client.content.handle(world.guid).bundles
    return await world.client.download(world.out / "file", bundles.download, world.bundle)


async def crowded(world: World) -> object:
    """One call waits for the permit of another."""
    world.client = Client(
        world.server.url, world.server.api_key, limits=Limits(initial=1, maximum=1)
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(world.client.me())
        await world.client.me()
    return await world.client.me()


async def paced(world: World) -> object:
    """Calls wait for the rate limit."""
    clock, limits = VirtualClock(), Limits(rate=1.0, burst=1)
    world.client = Client(world.server.url, world.server.api_key, limits=limits, clock=clock)
    return [await world.client.me() for _ in range(3)]


async def closing(world: World) -> object:
    async with Client(world.server.url, world.server.api_key) as client:
        return await client.me()


WORKS: list[Work] = [
    *(call, observed_call, create, stream, failed_stream),
    *(rows, all_rows, prefetched_rows, prefetched_pages, first, total),
    *(chunks, prefetched_chunks),
    *(task_wait, task_result, task_output, job_follow, job_wait, check_wait),
    *(mapped, mapped_stream, mapped_rows),
    *(upload, upload_from_memory, download),
    *(crowded, paced, closing),
]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
async def test_cancelled_anywhere(work: Work, world: World) -> None:
    """Cancelled at any suspension, it raises CancelledError and leaves nothing behind."""
    for at in range(1, 1000):
        if not await _cancelled(work, world, at):
            assert at > 1
            return
        gc.collect()
    pytest.fail("it does not end")


async def _cancelled(work: Work, world: World, at: int) -> bool:
    """Cancel one run; return whether it was still running at that suspension."""
    world.client = Client(world.server.url, world.server.api_key, clock=VirtualClock())
    interrupted = Interrupted(work(world), at)
    task = asyncio.ensure_future(interrupted)
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    where = f"cancelled at suspension {at}"
    reached = interrupted.suspensions >= at
    world.server.clear_script()
    try:
        if reached:
            assert isinstance(outcome, asyncio.CancelledError), f"{where}: {outcome!r}"
        elif isinstance(outcome, BaseException):
            raise outcome
        await _settled()
        assert not _left_tasks(), f"{where}: left {_left_tasks()}"
        assert world.client.in_flight == 0, f"{where}: a permit is held"
        left = [path for path in world.out.iterdir() if path.name != "file"]
        assert not left, f"{where}: left {left}"
        for path in world.out.iterdir():
            assert path.read_bytes() == world.archive, f"{where}: {path} is not whole"
            path.unlink()
        assert (await world.client.me()).username == "admin", where
    finally:
        await world.client.aclose()
    return reached


async def _settled() -> None:
    """Let threads and tasks end that are about to."""
    for turn in range(500):
        await asyncio.sleep(0.001)
        if turn > 4 and not _left_tasks():
            return


def _left_tasks() -> list[asyncio.Task[Any]]:
    """The tasks that run code of the library, except for the simulated server's."""
    return [
        task
        for task in asyncio.all_tasks() - {asyncio.current_task()}
        if "/aconnect/" in (name := _file_of(task)) and "/testing/" not in name
    ]


def _file_of(task: asyncio.Task[Any]) -> str:
    code = getattr(task.get_coro(), "cr_code", None)
    return code.co_filename if code is not None else ""


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("errors_", ["raise", "collect"])
async def test_an_item_that_is_cancelled_is_not_lost(ordered: bool, errors_: Any) -> None:
    """An item that is cancelled is reported, not omitted from the results."""

    async def work(number: int) -> int:
        if number == 2:
            inner = asyncio.ensure_future(asyncio.sleep(60))
            inner.cancel()
            await inner
        return number

    async with asyncio.timeout(5):
        if errors_ == "raise":
            with pytest.raises(asyncio.CancelledError):
                await amap(work, range(6), limit=2, ordered=ordered)
        else:
            outcomes = await amap(work, range(6), limit=2, ordered=ordered, errors="collect")
            assert sorted(outcome.item for outcome in outcomes) == list(range(6))
            assert [outcome.item for outcome in outcomes if not outcome.ok] == [2]
    assert not _left_tasks()


class Rows:
    """Endless rows whose source takes some turns of the event loop to close."""

    def __init__(self) -> None:
        self.is_closed = False

    async def _rows(self) -> AsyncGenerator[int, None]:
        try:
            for number in count():
                await asyncio.sleep(0)
                yield number
        finally:
            for _ in range(20):
                await asyncio.sleep(0)
            self.is_closed = True

    def ahead(self) -> AsyncGenerator[int, None]:
        """Return the rows, fetched ahead."""
        return fetch_ahead(self._rows(), 2)


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("mapped_", [True, False])
async def test_cancelled_again_while_closing(mapped_: bool, turns: int) -> None:
    """However often it is cancelled, it ends after its source, and leaves no task behind."""
    rows = Rows()

    async def consume() -> None:
        if mapped_:
            await amap(asyncio.sleep, _zeros(rows.ahead()), limit=2, ordered=False)
        else:
            async with aclosing(rows.ahead()) as ahead:
                async for _ in ahead:
                    pass

    caller = asyncio.ensure_future(consume())
    for _ in range(10):
        await asyncio.sleep(0)
    while not caller.done():
        caller.cancel()
        for _ in range(1 + turns):
            await asyncio.sleep(0)
    assert caller.cancelled()
    assert rows.is_closed
    assert not _left_tasks()


async def _zeros(rows: AsyncGenerator[int, None]) -> AsyncGenerator[int, None]:
    async with aclosing(rows):
        async for _ in rows:
            yield 0


@pytest.mark.parametrize("mapped_", [True, False])
async def test_a_cancel_scope_around_it(mapped_: bool) -> None:
    """A scope of anyio, which cancels what is inside at every await, leaves no task behind."""
    rows = Rows()
    with anyio.move_on_after(0.01):
        async for _ in amap(asyncio.sleep, _zeros(rows.ahead())) if mapped_ else rows.ahead():
            await asyncio.sleep(0)
    gc.collect()
    await _settled()
    assert rows.is_closed
    assert not _left_tasks()


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
async def test_the_task_that_fetches_ahead_is_cancelled(turns: int) -> None:
    """If somebody cancels the task that fetches ahead, its consumer does not wait for ever."""
    rows = Rows()

    async def consume() -> None:
        async for _ in rows.ahead():
            await asyncio.sleep(0)

    consumer = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    (worker,) = (task for task in asyncio.all_tasks() if task.get_name() == "aconnect prefetch")
    for _ in range(turns):
        await asyncio.sleep(0)
    worker.cancel()
    await asyncio.wait([consumer], timeout=5)
    assert consumer.cancelled()
    assert not _left_tasks()
