"""Subscribers receive the events of a call in order, without secrets."""

import asyncio

import pytest

from aconnect import (
    AttemptFailed,
    CallFinished,
    CallStarted,
    Event,
    Limits,
    PageFetched,
    RetryPolicy,
    RetryScheduled,
    TaskProgress,
    errors,
)
from aconnect.testing import BuildScript, faults


@pytest.fixture
def events(client):
    """The events that a subscriber of `client` received."""
    seen: list[Event] = []
    client.subscribe(seen.append)
    return seen


async def test_good_call(client, events):
    """A successful call starts and finishes, with its operation and status."""
    await client.users.get((await client.me()).guid)
    assert [type(e) for e in events] == [CallStarted, CallFinished] * 2
    start, end = events[2:]
    assert (start.operation, start.method) == ("users.get", "GET")
    assert start.call == end.call != events[0].call
    assert (end.status, end.failure, end.attempts) == (200, None, 1)
    assert end.elapsed >= 0


async def test_repeated_call(client, events, server, clock):
    """Each failed attempt is an event, followed by the wait before the next one."""
    server.script(faults.status(503), faults.reset())
    await client.me()
    kinds = [CallStarted, AttemptFailed, RetryScheduled, AttemptFailed, RetryScheduled]
    assert [type(e) for e in events] == [*kinds, CallFinished]
    assert [e.attempt for e in events[1:5]] == [1, 2, 2, 3]
    # The first refusal closes no gate, so the call is sent again at once.
    assert [e.delay for e in events if isinstance(e, RetryScheduled)] == [0.0, *clock.slept]
    assert events[-1].attempts == 3
    assert len({e.call for e in events}) == 1


async def test_failed_call(client, events, server):
    """A failed call finishes with its failure and the status of the last response."""
    server.script(faults.error(404, 4, "no such user"))
    with pytest.raises(errors.NotFoundError):
        await client.users.get("x")
    assert [type(e) for e in events] == [CallStarted, AttemptFailed, CallFinished]
    assert events[-1].status == 404
    assert "no such user" in events[-1].failure


async def test_cancelled_call(client, events, server, until):
    """A cancelled call finishes as well."""
    server.script(faults.slow_headers(60))
    call = asyncio.create_task(client.me())
    await until(lambda: server.requests)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert [type(e) for e in events] == [CallStarted, CallFinished]
    assert "CancelledError" in events[-1].failure


async def test_stream(client, events):
    """A stream is a call as well; it finishes when its response has begun."""
    async with client.stream(client.users.me) as stream:
        assert [chunk async for chunk in stream]
    assert [type(e) for e in events] == [CallStarted, CallFinished]
    assert events[-1].status == 200


async def test_pages(client, events):
    """Each page is an event, between its call and the next."""
    await client.users.find().page_size(2)
    pages = [e for e in events if isinstance(e, PageFetched)]
    assert [(e.operation, e.number) for e in pages] == [("users.find", n + 1) for n in range(3)]
    assert sum(e.rows for e in pages) == 5
    assert [type(e) for e in events] == [CallStarted, CallFinished, PageFetched] * 3


async def test_task(client, events, server, archive):
    """Every line of a task and its end are events; there is none while nothing is new."""
    item = await client.content.create(name="item")
    server.state.build_script = BuildScript(quiet_polls=2)
    task = await item.deploy(await item.bundles.create(archive))
    await task.result()
    seen = [e for e in events if isinstance(e, TaskProgress)]
    assert [line for e in seen for line in e.lines] == list(server.state.build_script.lines)
    assert [e.finished for e in seen] == [False] * (len(seen) - 1) + [True]
    assert all(e.lines or e.finished for e in seen)


async def test_nothing_secret(client, events, server):
    """No event contains the key, even if repeated, nor a query value that names people."""
    server.script(faults.error(500, 1, f"bad key {server.api_key}"), faults.garbage())
    await client.users.find(prefix="priv4te")
    server.script(faults.status(400, body=f"Authorization: Key {server.api_key}"))
    with pytest.raises(errors.BadRequestError):
        await client.groups.create(name="priv4te")
    text = repr(events)
    assert server.api_key not in text
    assert "priv4te" not in text
    assert "page_size=500" in text


async def test_events_are_frozen(client, events):
    """No subscriber can change what another one sees."""
    await client.me()
    with pytest.raises(AttributeError):
        events[0].call = 0


async def test_nothing_is_built_without_subscribers(client):
    """Without subscribers, no event is created."""
    made = []
    client.channel.notify(lambda: made.append(1))
    stop = client.subscribe(lambda _: None)
    client.channel.notify(lambda: made.append(2))
    stop()
    client.channel.notify(lambda: made.append(3))
    assert made == [2]


async def test_subscribing_and_stopping(client):
    """Each subscriber receives events until it is stopped; stopping twice is harmless."""
    one: list[Event] = []
    two: list[Event] = []
    stop_one, _ = client.subscribe(one.append), client.subscribe(two.append)
    await client.me()
    stop_one()
    stop_one()
    await client.me()
    assert (len(one), len(two)) == (2, 4)


async def test_one_subscriber_twice(client):
    """A function that subscribes twice is called twice; stopping one leaves the other."""
    seen: list[Event] = []
    stop, _ = client.subscribe(seen.append), client.subscribe(seen.append)
    await client.me()
    stop()
    await client.me()
    assert len(seen) == 6


async def test_subscribers_of_other_options(client):
    """A subscriber also receives the events of clients made by `with_options`, before or after."""
    before: list[Event] = []
    after: list[Event] = []
    client.subscribe(before.append)
    other = client.with_options(max_body=10_000_000)
    stop = client.subscribe(after.append)
    await other.me()
    assert len(before) == len(after) == 2
    stop()
    await other.me()
    assert len(after) == 2


@pytest.mark.parametrize("kind", [CallStarted, AttemptFailed, RetryScheduled, CallFinished])
@pytest.mark.parametrize("way", ["call", "stream"])
async def test_subscriber_that_raises(connect, server, kind, way):
    """An exception of a subscriber is raised to the caller, and no permit is lost."""
    limits = Limits(initial=1, maximum=1)
    client = await connect(limits=limits, retry=RetryPolicy(attempts=2))

    def subscriber(event):
        if isinstance(event, kind):
            raise ZeroDivisionError

    stop = client.subscribe(subscriber)
    server.script(faults.status(503), on="GET /v1/user")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  two ways to call
        if way == "call":
            await client.me()
        else:
            async with client.stream(client.users.me):
                pytest.fail("the subscriber's error was lost")
    stop()
    server.clear_script()
    assert client.in_flight == 0
    assert (await client.me()).username == "admin"
