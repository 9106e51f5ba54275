"""The portal: calls from synchronous code, what it holds, how it ends.

The simulated server runs in the portal's own loop. Processes that end or fork are children, with a
limit on their time, because what they must not do is hang.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, nullcontext
from typing import Any, Self

import pytest

from aconnect import Client, Portal, errors
from aconnect.connect import ContentItem
from aconnect.testing import FakeConnect, Seed

NAME = contextvars.ContextVar("NAME", default="nobody")

BLOCKING: list[Callable[[Portal], object]] = [
    lambda portal: portal.call(asyncio.sleep, 0),
    lambda portal: list(portal.iterate(several())),
    lambda portal: portal.context(Recorded([])).__enter__(),
    lambda portal: portal.enter_context(Recorded([])),
    lambda portal: portal.close(),
]
"""All ways to wait for a portal."""


class BrokenError(Exception):
    """The failure of a call."""


async def several(count: int = 3) -> AsyncIterator[int]:
    for number in range(count):
        await asyncio.sleep(0)
        yield number


class Recorded:
    """A context manager that records what happens, and the task in which it does."""

    def __init__(self, events: list[Any], name: str = "it", *, suppress: bool = False) -> None:
        self.events = events
        self.name = name
        self.suppress = suppress
        self.tasks: list[object] = []

    async def __aenter__(self) -> Self:
        await asyncio.sleep(0)
        self.tasks.append(asyncio.current_task())
        self.events.append(f"enter {self.name}")
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        self.events.append(f"exit {self.name}" if error is None else (f"exit {self.name}", error))
        return self.suppress


@pytest.fixture
def portal() -> Iterator[Portal]:
    with Portal() as portal:
        yield portal


@pytest.fixture
def fake(portal: Portal, seed: Seed) -> FakeConnect:
    """A server in the portal's loop."""
    return portal.enter_context(FakeConnect(seed))


@pytest.fixture
def client(portal: Portal, fake: FakeConnect) -> Client:
    return portal.enter_context(Client(fake.url, fake.api_key))


def child(code: str) -> str:
    """Run a program that must end by itself, and print nothing to standard error."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_calls(portal: Portal, client: Client) -> None:
    """What a function returns is awaited: a coroutine, a query, or nothing if it is a value."""
    item: ContentItem = portal.call(client.content.create, name="item", title="Item")
    assert portal.call(client.content.get, item.guid).title == "Item"
    found: list[ContentItem] = portal.call(client.content.find, owner_guid=item.owner_guid)
    assert item.guid in {one.guid for one in found}
    plain: Any = int
    assert portal.call(plain, "3") == 3


def test_the_thread_is_started_by_the_first_call() -> None:
    """A portal that was not used has no thread; all calls run in one."""

    def names() -> list[str]:
        return [one.name for one in threading.enumerate() if one.name == "aconnect portal"]

    async def thread() -> threading.Thread:
        return threading.current_thread()

    before = len(names())
    with Portal() as portal:
        assert len(names()) == before
        assert portal.call(thread) is portal.call(thread) is not threading.current_thread()
        assert len(names()) == before + 1
    assert len(names()) == before


@pytest.mark.parametrize("installed", [True, False])
def test_the_loop_is_that_of_run(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """The loop is that of uvloop if it is installed, else that of asyncio."""
    if installed:
        pytest.importorskip("uvloop")
    else:
        monkeypatch.setattr("aconnect.concurrency.find_spec", lambda _: None)

    async def module() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    with Portal() as portal:
        assert portal.call(module) == ("uvloop" if installed else "asyncio")


def test_many_threads(portal: Portal) -> None:
    """Calls of several threads run at the same time: each waits for all others."""
    barrier = asyncio.Barrier(8)

    async def meet(number: int) -> int:
        await barrier.wait()
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: portal.call(meet, number), range(64))) == [*range(64)]


def test_many_threads_start_one_loop() -> None:
    """If several threads make the first call, they share one loop."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    with Portal() as portal, ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: portal.call(loop), range(32)))) == 1


@pytest.mark.parametrize("use", BLOCKING, ids=["call", "iterate", "context", "enter", "close"])
def test_in_its_own_loop(portal: Portal, use: Callable[[Portal], object]) -> None:
    """In its own loop, where it would wait for itself, a portal raises an error that says so."""

    async def inside() -> None:
        use(portal)

    with pytest.raises(errors.EventLoopError, match=r"own event loop.*`await`"):
        portal.call(inside)
    assert portal.call(asyncio.sleep, 0, "still there") == "still there"


@pytest.mark.parametrize(
    ("use", "said"),
    [
        (lambda portal, client: portal.call(client.me()), "call(client.me), not coroutine"),
        (lambda portal, client: portal.call(client.users.find()), ", not Paged"),
        (lambda portal, client: list(portal.iterate(client.users.find)), ", not method"),
        (lambda portal, client: list(portal.iterate(client.me())), ", not coroutine"),
        (lambda portal, _: portal.enter_context(Client), ", not the class Client"),
        (lambda portal, client: portal.enter_context(client.me()), ", not coroutine"),
        (lambda portal, client: portal.context(client.stream).__enter__(), ", not method"),
    ],
    ids=["coroutine", "query", "find", "item", "class", "context", "function"],
)
def test_what_is_called_or_is_not(
    portal: Portal, client: Client, use: Callable[[Portal, Client], object], said: str
) -> None:
    """A function where a portal takes what it returns, or the reverse, is refused with an example.

    A coroutine that was passed is closed, without a warning that it was never awaited.
    """
    with pytest.raises(errors.InvalidArgumentError) as caught:
        use(portal, client)
    assert said in str(caught.value)
    gc.collect()


def test_what_a_portal_shows() -> None:
    """Its `repr` says whether it can be used."""
    with Portal() as portal:
        assert repr(portal) == "<aconnect.Portal not started>"
        portal.call(asyncio.sleep, 0)
        assert repr(portal) == "<aconnect.Portal open>"
    assert repr(portal) == "<aconnect.Portal closed>"


def test_in_a_thread_of_its_own_loop(portal: Portal) -> None:
    """A function that its loop runs in a thread may use it, as callbacks of other libraries do."""

    async def inside() -> int:
        return await asyncio.to_thread(lambda: portal.call(asyncio.sleep, 0, 5))

    assert portal.call(inside) == 5


async def test_in_another_loop(portal: Portal) -> None:
    """In the thread of another running loop, as in a notebook, calls block that loop and work."""
    assert portal.call(asyncio.sleep, 0, 5) == 5
    assert list(portal.iterate(several())) == [0, 1, 2]


def test_errors_keep_their_traceback(portal: Portal) -> None:
    """An error arrives as it was raised, with the lines of the loop's side."""

    async def fail() -> None:
        raise BrokenError("it")

    with pytest.raises(BrokenError, match="it") as caught:
        portal.call(fail)
    assert "fail" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program(portal: Portal, kind: type[BaseException]) -> None:
    """A call that ends the program raises that in the caller, and does not end the loop."""

    async def leave() -> None:
        raise kind

    with pytest.raises(kind):
        portal.call(leave)
    with pytest.raises(kind), portal.context(Recorded([])):
        raise kind
    assert portal.call(asyncio.sleep, 0, 5) == 5


def test_a_call_that_cancels_itself(portal: Portal) -> None:
    """If what a call waits for is cancelled, its caller gets an error, and not that of closing."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledError):
        portal.call(cancelled)


def test_context_variables(portal: Portal) -> None:
    """Calls, contexts and iterators see the context variables of their caller."""
    seen: list[str] = []

    @asynccontextmanager
    async def context() -> AsyncIterator[None]:
        seen.append(NAME.get())
        yield

    async def names() -> AsyncIterator[str]:
        yield NAME.get()

    async def name() -> str:
        return NAME.get()

    portal.call(name)
    token = NAME.set("somebody")
    try:
        assert portal.call(name) == "somebody"
        assert list(portal.iterate(names())) == ["somebody"]
        with portal.context(context()):
            pass
    finally:
        NAME.reset(token)
    assert seen == ["somebody"]
    assert portal.call(name) == "nobody"


# -- iterators ---------------------------------------------------------------------------------


def test_a_query(portal: Portal, fake: FakeConnect, client: Client) -> None:
    """The items of a query come page by page: the next one is requested when it is needed."""
    for number in range(5):
        portal.call(client.groups.create, name=f"group-{number}")
    seeded = [group.name for group in portal.call(client.groups.find)[5:]]
    before = len(fake.requests)
    with closing(portal.iterate(client.groups.find().page_size(2))) as groups:
        assert len(fake.requests) == before
        assert [next(groups).name for _ in range(2)] == ["group-0", "group-1"]
        assert len(fake.requests) == before + 1
        assert [group.name for group in groups] == ["group-2", "group-3", "group-4", *seeded]
    assert len(list(portal.iterate(client.groups.find().take(4)))) == 4


def test_an_iterator_that_is_left_early(portal: Portal) -> None:
    """The generator of a loop that is left early is closed, in the task in which it began."""
    tasks: list[object] = []

    async def rows() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        token = NAME.set("rows")
        try:
            async with asyncio.timeout(60):
                for number in range(10):
                    yield number
        finally:
            await asyncio.sleep(0)
            NAME.reset(token)  # raises in another context
            tasks.append(asyncio.current_task())

    for number in portal.iterate(rows()):
        if number == 2:
            break
    gc.collect()
    portal.call(asyncio.sleep, 0)
    assert len(tasks) == 2
    assert tasks[0] is tasks[1]


def test_an_iterator_that_fails(portal: Portal) -> None:
    """The error of a generator follows the items before it."""

    async def rows() -> AsyncIterator[int]:
        yield 1
        raise BrokenError

    items = portal.iterate(rows())
    assert next(items) == 1
    with pytest.raises(BrokenError):
        next(items)


def test_an_iterator_that_is_no_generator(portal: Portal) -> None:
    """What cannot be closed is iterated, too."""

    class Rows:
        def __init__(self) -> None:
            self.rows = iter("ab")

        def __aiter__(self) -> Rows:
            return self

        async def __anext__(self) -> str:
            for row in self.rows:
                return row
            raise StopAsyncIteration

    assert list(portal.iterate(Rows())) == ["a", "b"]


def test_an_iterator_without_coroutines() -> None:
    """An iterator whose `__anext__` is no coroutine function may end itself."""
    code = """
from aconnect import Portal


class Nothing:
    def __aiter__(self):
        return self

    def __anext__(self):
        raise StopAsyncIteration


with Portal() as portal:
    print(list(portal.iterate(Nothing())))
"""
    # Python 3.11 can crash here.
    assert child(code) == "[]\n"


# -- contexts ----------------------------------------------------------------------------------


def test_a_context(portal: Portal) -> None:
    """A context manager is entered and exited in one task, around the block."""
    events: list[Any] = []
    manager = Recorded(events)
    with portal.context(manager) as value:
        assert value is manager
        events.append("block")
    assert events == ["enter it", "block", "exit it"]
    assert manager.tasks[0] is manager.tasks[1]


@pytest.mark.parametrize("suppress", [True, False])
def test_an_error_in_a_context(portal: Portal, suppress: bool) -> None:
    """The error of the block reaches the context manager, which may suppress it."""
    events: list[Any] = []
    error = BrokenError()
    expected = nullcontext() if suppress else pytest.raises(BrokenError)
    with expected, portal.context(Recorded(events, suppress=suppress)):
        raise error
    assert events == ["enter it", ("exit it", error)]


@pytest.mark.parametrize("how", ["context", "enter_context"])
def test_a_context_that_cannot_be_entered(portal: Portal, how: str) -> None:
    """A context manager that fails to be entered is not exited, and leaves no task behind."""

    class Failing(Recorded):
        async def __aenter__(self) -> Self:
            raise BrokenError

    events: list[Any] = []
    enter = portal.enter_context
    if how == "context":
        enter = lambda manager: portal.context(manager).__enter__()  # noqa: E731
    with pytest.raises(BrokenError):
        enter(Failing(events))

    async def tasks() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()}

    assert "aconnect portal context" not in portal.call(tasks)
    portal.close()
    assert events == []


def test_a_response_is_streamed(portal: Portal, client: Client) -> None:
    """A context manager of the client and its iterator, both from synchronous code."""
    with portal.context(client.stream(client.users.me)) as stream:
        assert b'"admin"' in b"".join(portal.iterate(stream))


# -- the end -----------------------------------------------------------------------------------


def test_what_was_entered_is_exited() -> None:
    """Closing exits what was entered, the last one first, whatever the others raise."""
    events: list[Any] = []

    class Failing(Recorded):
        async def __aexit__(self, *_: object) -> bool:
            await super().__aexit__(None, None, None)
            raise BrokenError(self.name)

    portal = Portal()
    portal.enter_context(Recorded(events, "a"))
    portal.enter_context(Failing(events, "b"))
    portal.enter_context(Recorded(events, "c"))
    with pytest.raises(BrokenError, match="b"):
        portal.close()
    assert events[3:] == ["exit c", "exit b", "exit a"]
    portal.close()


@pytest.mark.parametrize("used", [True, False])
def test_a_closed_portal(used: bool) -> None:
    """A closed portal can be closed again, and raises an error that says so when it is used."""
    portal = Portal()
    if used:
        portal.call(asyncio.sleep, 0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: portal.close(), range(8)))
    for use in BLOCKING[:-1]:
        with pytest.raises(errors.ClientClosedError, match="portal is closed; create another"):
            use(portal)


def test_calls_in_flight_when_it_is_closed() -> None:
    """A call is cancelled once and may clean up before contexts are exited; its caller is told."""
    events: list[Any] = []
    portal = Portal()
    portal.enter_context(Recorded(events))
    begun = threading.Event()

    async def long() -> None:
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            events.append("cleaned up")

    with ThreadPoolExecutor() as pool:
        call = pool.submit(portal.call, long)
        begun.wait()
        portal.close()
        with pytest.raises(errors.ClientClosedError, match="closed during the call"):
            call.result()
    assert events == ["enter it", "cleaned up", "exit it"]


def test_contexts_in_use_when_it_is_closed() -> None:
    """A context and an iterator that another thread still uses are exited, and that only once."""
    events: list[Any] = []

    async def rows() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(1000)
        finally:
            events.append("closed")

    portal = Portal()
    items = portal.iterate(rows())
    assert next(items) == 1
    with portal.context(Recorded(events)):
        portal.close()
        assert events == ["enter it", "exit it", "closed"]
    with pytest.raises(errors.ClientClosedError):
        next(items)
    assert events == ["enter it", "exit it", "closed"]


def test_threads_that_call_while_it_is_closed() -> None:
    """Each call ends while the portal is closed: with its result, or with an error that says so."""
    for _ in range(20):
        portal, results = Portal(), list[object]()
        portal.call(asyncio.sleep, 0)

        def work(portal: Portal = portal, results: list[object] = results) -> None:
            try:
                while True:
                    portal.call(asyncio.sleep, 0)
            except errors.ClientClosedError as error:
                results.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        portal.close()
        for thread in threads:
            thread.join(30)
        assert len(results) == 4


def test_a_client_that_nobody_closes(seed: Seed) -> None:
    """Connections of a client that was only used through the portal are closed with it."""
    portal = Portal()
    fake = portal.enter_context(FakeConnect(seed))
    client = Client(fake.url, fake.api_key)
    portal.call(client.me)
    session = client._pipeline.session._aiohttp
    portal.close()
    assert session is not None
    assert session.closed


def test_a_portal_that_nobody_refers_to() -> None:
    """A portal that is collected ends its thread, after it has exited what was entered."""
    events: list[Any] = []
    portal = Portal()
    portal.enter_context(Recorded(events))
    thread = portal._thread._thread
    del portal
    gc.collect()
    assert thread is not None
    thread.join(30)
    assert events == ["enter it", "exit it"]


def test_an_iterator_that_is_collected_in_the_loop(portal: Portal) -> None:
    """An abandoned iterator may be collected anywhere, even in the loop: it is closed later."""
    events: list[str] = []

    async def rows() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            events.append("closed")

    abandoned = [portal.iterate(rows())]
    next(abandoned[0])

    async def collect() -> None:
        abandoned.clear()
        gc.collect()

    portal.call(collect)
    portal.close()
    assert events == ["closed"]


INTERRUPTED = """
import asyncio, os, signal
from aconnect import Portal

portal = Portal()

async def long():
    await asyncio.sleep(0.1)  # a signal between two instructions would not wake the main thread up
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        for _ in range(5):
            await asyncio.sleep(0)
        print("cancelled once", flush=True)
        raise

async def rows():
    yield 1
    await long()

try:
    portal.call(long)
except KeyboardInterrupt:
    print("interrupted", flush=True)
try:
    for row in portal.iterate(rows()):
        print(row, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(portal.call(asyncio.sleep, 0, "goes on"))
"""


def test_an_interrupted_caller() -> None:
    """Ctrl-C in a caller that waits cancels the call once, and waits for its clean-up."""
    interrupted = ["cancelled once", "interrupted"]
    assert child(INTERRUPTED).splitlines() == [*interrupted, "1", *interrupted, "goes on"]


@pytest.mark.parametrize("moment", ["before it was submitted", "after it has ended"])
@pytest.mark.parametrize("function", ["enter", "_leave"])
def test_an_interruption_beside_a_call(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, function: str, moment: str
) -> None:
    """Ctrl-C never leaves a context manager behind, not even just before or after the wait."""
    thread: Any = vars(portal)["_thread"]
    submit = thread._submit
    events: list[Any] = []
    interruptions = iter([KeyboardInterrupt()])

    def interrupted(call: Any, func: Any, *args: Any) -> Any:
        error = next(interruptions, None) if func.__name__ == function else None
        if error is None:
            return submit(call, func, *args)
        if moment == "after it has ended":
            submit(call, func, *args).result()
        raise error

    monkeypatch.setattr(thread, "_submit", interrupted)
    with pytest.raises(KeyboardInterrupt), portal.context(Recorded(events)):
        pass
    for _ in range(10):
        portal.call(asyncio.sleep, 0)
    is_entered = function == "_leave" or moment == "after it has ended"
    assert len(events) == 2 * is_entered
    assert not thread._holds


END = """
import asyncio, threading
from contextlib import asynccontextmanager
from aconnect import Client, Portal, errors
from aconnect.testing import FakeConnect

portal = Portal()
fake = portal.enter_context(FakeConnect())
entered = portal.enter_context(Client(fake.url, fake.api_key))
client = Client(fake.url, fake.api_key)

@asynccontextmanager
async def context():
    yield
    await asyncio.sleep(0)
    print("exited")

portal.enter_context(context())
print(portal.call(client.me).username, portal.call(entered.me).username)
portal.call(asyncio.to_thread, print, "in a thread")
items = portal.iterate(client.content.find())
next(items)
begun = threading.Event()

async def long():
    begun.set()
    await asyncio.sleep(1000)

def call():
    try:
        portal.call(long)
    except errors.ClientClosedError:
        pass

threading.Thread(target=call, daemon=True).start()
begun.wait()
"""


def test_the_end_of_a_process() -> None:
    """At its end, a process does not hang, exits what was entered, and prints no warning."""
    assert child(END) == "admin admin\nin a thread\nexited\n"


LATE = """
import threading, time
from aconnect import Portal
import asyncio

portal = Portal()
portal.call(asyncio.sleep, 0)

def late():
    threading.main_thread().join()
    print(portal.call(asyncio.sleep, 0, "late"))

threading.Thread(target=late).start()
"""


def test_a_thread_that_outlives_the_main_thread() -> None:
    """Other threads can use the portal until they have ended as well."""
    assert child(LATE) == "late\n"


FORK = """
import asyncio, os, sys
from aconnect import Client, Portal, errors
from aconnect.testing import FakeConnect

portal, unused = Portal(), Portal()
fake = portal.enter_context(FakeConnect())
client = portal.enter_context(Client(fake.url, fake.api_key))
portal.call(client.me)
items = portal.iterate(client.content.find())
next(items)
with portal.context(Client(fake.url, fake.api_key)):
    pid = os.fork()
if not pid:
    for use in (
        lambda: portal.call(client.me),
        lambda: next(portal.iterate(client.content.find())),
        lambda: portal.enter_context(client),
    ):
        try:
            use()
        except errors.EventLoopError as error:
            assert "after the fork" in str(error)
        else:
            raise AssertionError
    portal.close()
    assert unused.call(asyncio.sleep, 0, 5) == 5
    own = Client(fake.url, fake.api_key)
    print(unused.call(own.me).username, flush=True)
    sys.exit(0)
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status), portal.call(client.me).username)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process() -> None:
    """In a forked process, a portal that was used before raises an error; another one works."""
    assert child(FORK) == "admin\n0 admin\n"
