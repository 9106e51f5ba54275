"""A server that limits requests makes bulk work slow, and never makes it fail."""

import asyncio
import random
from email.utils import formatdate
from typing import Any

import pytest

from aconnect import (
    NO_RETRY,
    CallsHeldBack,
    Event,
    Limits,
    PollPolicy,
    RetryPolicy,
    RetryScheduled,
    errors,
)
from aconnect.concurrency import amap
from aconnect.testing import ConcurrencyLimit, RateLimit, faults


async def bulk(client, calls, tasks):
    """Make a number of calls, so many at once."""
    outcomes = amap(lambda _: client.me(), range(calls), limit=tasks, errors="collect")
    return [outcome.error async for outcome in outcomes]


@pytest.mark.parametrize("retry_after", [1, None])
@pytest.mark.parametrize("tasks", [16, 64, 300])
async def test_rate_limit(client, server, clock, retry_after, tasks):
    """At a server with a rate limit all calls succeed, with few refusals."""
    server.rate_limit = RateLimit(20, 20, retry_after, monotonic=clock.monotonic)
    assert await bulk(client, 300, tasks) == [None] * 300
    # Virtual time passes faster than responses come, so this is no measure of the pace.
    assert server.refused <= 300 * (0.5 if retry_after else 2)


@pytest.mark.parametrize(("status", "retry_after"), [(429, None), (503, None), (503, 1)])
@pytest.mark.parametrize("tasks", [16, 64, 300])
async def test_concurrency_limit(client, server, status, retry_after, tasks):
    """At a server that performs five requests at once all calls succeed, with few refusals."""
    server.concurrency_limit = ConcurrencyLimit(5, retry_after, status)
    assert await bulk(client, 300, tasks) == [None] * 300
    assert server.refused <= 300


async def test_changing_limit(client, server, clock):
    """A limit that falls and rises while calls are made loses none."""
    limit = server.rate_limit = RateLimit(20, 20, monotonic=clock.monotonic)
    for rate in (20, 5, 50):
        limit.rate = rate
        assert await bulk(client, 100, 64) == [None] * 100


@pytest.mark.parametrize("fault", [faults.status(503), faults.reset(), faults.status(502)], ids=str)
@pytest.mark.parametrize("tasks", [16, 300])
async def test_outage(client, server, clock, fault, tasks):
    """An outage of ten seconds costs few requests and no call."""
    server.outage = fault

    async def end():
        await clock.sleep(10.0)
        server.outage = None

    ended = asyncio.create_task(end())
    assert await bulk(client, 500, tasks) == [None] * 500
    await ended
    assert len(server.requests) <= 1.3 * 500


async def test_long_outage(connect, server, clock):
    """If no call gets a response for half a minute, those that wait are given up together."""
    client = await connect(retry=RetryPolicy(deadline=None))
    server.outage = faults.reset()
    outcomes = await bulk(client, 100, 100)
    assert {type(error) for error in outcomes} <= {errors.OutageError, errors.ConnectionLostError}
    assert 30.0 <= clock.monotonic() < 120.0
    (error, *_) = [error for error in outcomes if isinstance(error, errors.OutageError)]
    assert "has not responded" in str(error)
    assert "ConnectionLostError" in str(error)
    server.outage = None
    assert (await client.me()).username == "admin"


async def test_dead_server(connect, server):
    """A single call to a dead server still ends after the attempts of its policy."""
    client = await connect()
    server.outage = faults.reset()
    with pytest.raises(errors.ConnectionLostError, match="after 5 attempts"):
        await client.me()


async def test_refusals_are_not_counted(client, server):
    """However often a call is refused, it is given up for its deadline only."""
    server.script(*[faults.status(503)] * 40)
    assert (await client.groups.create(name="x")).name == "x"
    assert server.count("POST", "/v1/groups") == 41


async def test_failures_are_counted_between_refusals(client, server):
    """Refusals neither add to the number of failed attempts nor reset it."""
    server.script(*[faults.status(500), faults.status(429)] * 5)
    with pytest.raises(errors.ServerError) as caught:
        await client.me()
    assert caught.value.status == 500
    assert len(server.requests) == 9


async def test_attempts_of_a_call_that_was_refused_often(client, server):
    """The error of a call keeps its first and its last attempts, and counts all."""
    server.script(*[faults.status(503)] * 30, faults.error(400, 3))
    with pytest.raises(errors.BadRequestError, match="after 31 attempts") as caught:
        await client.me()
    assert [attempt.number for attempt in caught.value.attempts] == [1, 2, 3, 4, 5, *range(26, 31)]


async def test_deadline_of_refused_calls(connect, server, clock):
    """A server that refuses for ever is given up at the deadline, and not much earlier."""
    client = await connect(retry=RetryPolicy(deadline=60.0))
    server.outage = faults.status(503)
    with pytest.raises((errors.DeadlineExceededError, errors.ServerError)) as caught:
        await client.me()
    assert 50.0 <= clock.monotonic() <= 60.1
    assert caught.value.attempts
    assert len(server.requests) < 50


@pytest.mark.parametrize("way", ["stream", "upload"])
async def test_deadline_of_refused_transfers(connect, server, clock, item, archive, way):
    """A transfer is given up at the deadline as well, if the server refuses to begin it."""
    client = await connect(retry=RetryPolicy(deadline=60.0))
    server.outage = faults.status(503)

    async def transfer():
        if way == "upload":
            return await client.content.handle(item.guid).bundles.create(archive)
        async with client.stream(client.users.me) as stream:
            return stream

    with pytest.raises((errors.DeadlineExceededError, errors.ServerError)):
        await transfer()
    assert 50.0 <= clock.monotonic() <= 60.1
    assert client.in_flight == 0


async def test_all_calls_wait(client, server, clock):
    """While a `Retry-After` runs, no call of the client is sent, whatever makes it."""
    others: list[asyncio.Task[Any]] = []

    async def stream():
        async with client.stream(client.users.me):
            return clock.monotonic()

    def start(event):
        if isinstance(event, CallsHeldBack):
            assert len(server.requests) == 1
            others.extend(
                asyncio.create_task(call)
                for call in (
                    client.with_options(timeout=5.0).me(),
                    client.users.find().prefetch(2).first(),
                    client.request("GET", "/v1/user"),
                    stream(),
                )
            )

    client.subscribe(start)
    server.script(faults.status(429, retry_after=30))
    received: list[float] = []
    make_call = server.make_call

    def record(*args):
        received.append(clock.monotonic())
        return make_call(*args)

    server.make_call = record
    await client.me()
    await asyncio.gather(*others)
    assert len(others) == 4
    assert received[0] == 0.0
    assert len(received) == 6
    assert min(received[1:]) >= 30.0


async def test_deployments_wait_too(connect, server, clock, item, archive):
    """An upload, and the polls of a task, are paced like any call."""
    client = await connect(polling=PollPolicy())
    server.rate_limit = RateLimit(2, 1, monotonic=clock.monotonic)
    bundle = await client.content.handle(item.guid).bundles.create(archive)
    task = await bundle.deploy()
    await task.result()
    assert server.refused
    assert server.refused < len(server.requests) / 2


async def test_event(client, server):
    """One event says for how long calls are held back, and that the server has asked for it."""
    events: list[Event] = []
    client.subscribe(events.append)
    server.script(faults.status(429, retry_after=12))
    await client.me()
    (held_back,) = [event for event in events if isinstance(event, CallsHeldBack)]
    assert 12.0 <= held_back.seconds <= 12.3
    assert held_back.requested
    assert held_back.operation == "users.me"
    (retry,) = [event for event in events if isinstance(event, RetryScheduled)]
    assert 12.0 <= retry.delay <= 12.3


async def test_one_event_for_many_refusals(client, server, clock):
    """Many refusals of calls in flight are one event."""
    events: list[Event] = []
    client.subscribe(events.append)
    server.rate_limit = RateLimit(20, 20, 5, monotonic=clock.monotonic)
    await bulk(client, 60, 60)
    assert 1 <= len([event for event in events if isinstance(event, CallsHeldBack)]) <= 3


async def test_event_of_an_outage(client, server):
    """While nothing gets through, events say so; the server has not asked for it."""
    events: list[Event] = []
    client.subscribe(events.append)
    server.script(*[faults.status(503)] * 6)
    await client.me()
    held_back = [event for event in events if isinstance(event, CallsHeldBack)]
    assert held_back
    assert not any(event.requested for event in held_back)


async def test_a_wait_beyond_the_deadline(connect, server, clock):
    """A call that could not be sent before its deadline fails at once, and says how long."""
    client = await connect(retry=RetryPolicy(deadline=None))
    server.script(faults.status(429, retry_after=60))
    patient = asyncio.create_task(client.me())
    while not clock.slept:  # noqa: ASYNC110  until the gate is shut
        await asyncio.sleep(0)
    hasty = client.with_options(retry=RetryPolicy(deadline=20.0))
    began = clock.monotonic()
    with pytest.raises(errors.DeadlineExceededError, match=r"held back for another (60|5\d|6)"):
        await hasty.me()
    assert clock.monotonic() == began
    await patient
    assert len(server.requests) == 2


async def test_a_gate_that_moves_beyond_the_deadline(connect, server):
    """A call that waits in line fails as soon as the gate moves beyond its deadline."""
    client = await connect(limits=Limits(initial=1, maximum=1), retry=RetryPolicy(deadline=None))
    server.script(faults.status(429, retry_after=60))
    patient = asyncio.create_task(client.me())
    hasty = asyncio.create_task(client.with_options(retry=RetryPolicy(deadline=20.0)).me())
    with pytest.raises(errors.DeadlineExceededError, match="held back"):
        await hasty
    await patient
    assert len(server.requests) == 2


async def test_too_long_a_wait_says_how_long(client, server):
    """A wait that is refused for being too long says how long the server has asked for."""
    server.script(faults.status(429, retry_after=3600))
    with pytest.raises(errors.RateLimitedError, match="asks to wait 3600 s, longer than") as caught:
        await client.me()
    assert caught.value.retry_after_seconds == 3600


async def test_too_long_a_wait_is_for_all(client, server, clock):
    """Calls that come meanwhile get the same error and are not sent; after a while one is."""
    server.script(faults.status(429, retry_after=3600))
    with pytest.raises(errors.RateLimitedError):
        await client.me()
    with pytest.raises(errors.RateLimitedError, match="3600 s") as caught:
        await client.users.get("x")
    assert "users/x was not sent" in caught.value.__notes__[0]
    assert len(server.requests) == 1
    clock.advance(125)
    assert (await client.me()).username == "admin"


async def test_no_retry_still_learns(connect, server):
    """With `NO_RETRY` a refusal is raised, and the calls after it wait as asked."""
    client = await connect(retry=NO_RETRY)
    server.script(faults.status(429, retry_after=30))
    with pytest.raises(errors.RateLimitedError):
        await client.me()
    assert (await client.me()).username == "admin"
    assert client.clock.monotonic() >= 30.0


@pytest.mark.parametrize("ahead", [-600, 0, 600])
async def test_date_of_another_clock(connect, raw_server, clock, ahead):
    """A `Retry-After` date is compared with the `Date` of the same response."""
    requests = 0

    async def handler(reader, writer):
        nonlocal requests
        while await reader.readuntil(b"\r\n\r\n"):
            requests += 1
            if requests > 1:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                continue
            now = clock.time() + ahead
            head = (
                "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n"
                f"Date: {formatdate(now, usegmt=True)}\r\n"
                f"Retry-After: {formatdate(now + 30, usegmt=True)}\r\n\r\n"
            )
            writer.write(head.encode())

    raw = await raw_server(handler)
    client = await connect(raw.url)
    await client.me()
    assert 29.0 <= clock.monotonic() <= 31.0


@pytest.mark.parametrize("number", range(5))
async def test_cancelled_calls(connect, server, clock, number):
    """Cancelled calls hold nothing, whether they waited, were sent or were being refused."""
    chance = random.Random(number)
    client = await connect()
    server.rate_limit = RateLimit(50, 5, monotonic=clock.monotonic)
    tasks = [asyncio.create_task(client.me()) for _ in range(60)]
    for task in chance.sample(tasks, 25):
        for _ in range(chance.randrange(10)):
            await asyncio.sleep(0)
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(each, Exception) for each in outcomes)
    assert client.in_flight == 0
    assert "aconnect limiter" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_counts(connect, server):
    """The client counts refusals, and for how long they held calls back, with its copies."""
    client = await connect()
    events: list[Any] = []
    client.subscribe(events.append)
    server.script(faults.status(429, retry_after=3), faults.status(503, retry_after=5))
    await client.with_options(timeout=5).me()
    held_back = [event.seconds for event in events if isinstance(event, CallsHeldBack)]
    assert client.refusals == 2
    assert client.seconds_held_back == pytest.approx(sum(held_back))
    assert client.seconds_held_back >= 8
