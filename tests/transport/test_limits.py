"""The server never receives more than the limits allow, and permits are always released."""

import asyncio
import random
from typing import Any

import pytest

from aconnect import NO_RETRY, Limits, RetryPolicy, Timeout, errors
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect._transport.limiter import Limiter, Patience
from aconnect.testing import VirtualClock, faults


@pytest.fixture
async def gate(raw_server):
    """A server that responds when it is released, and counts waiting requests."""

    class Gate:
        waiting = most = served = 0
        server: Any
        open: asyncio.Event
        limit = 1000

    gate = Gate()
    gate.open = asyncio.Event()

    async def handler(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            if gate.waiting >= gate.limit:
                writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
                continue
            gate.waiting += 1
            gate.most = max(gate.most, gate.waiting)
            await gate.open.wait()
            gate.waiting -= 1
            gate.served += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    gate.server = await raw_server(handler)
    return gate


@pytest.fixture
def arrived(until, gate):
    """Wait until this many requests have arrived, and for any that are not held back."""

    async def wait(count):
        await until(lambda: gate.waiting >= count)
        for _ in range(20):
            await asyncio.sleep(0.001)

    return wait


@pytest.mark.parametrize("most", [1, 3, 8])
async def test_calls_at_once(connect, gate, arrived, most):
    """Never more calls than the limit arrive at once."""
    client = await connect(gate.server.url, limits=Limits(initial=most, maximum=most))
    calls = [asyncio.create_task(client.me()) for _ in range(30)]
    await arrived(most)
    assert gate.waiting == most
    gate.open.set()
    await asyncio.gather(*calls)
    assert (gate.most, gate.served) == (most, 30)


async def test_limit_falls_and_grows(connect, gate, arrived, clock):
    """Refusals lower the limit to what is left in flight; success raises it again."""
    client = await connect(gate.server.url, limits=Limits(initial=10, maximum=12))
    gate.limit = 4
    calls = [asyncio.create_task(client.me()) for _ in range(200)]
    await arrived(4)
    assert gate.waiting == 4
    assert client.max_in_flight == 4
    gate.limit = 1000
    clock.advance(10)
    gate.open.set()
    await asyncio.gather(*calls)
    assert client.max_in_flight > 5
    assert gate.most <= 12


async def test_timeouts_lower_the_limit(connect, gate):
    """A server that does not respond in time is sent fewer calls at once."""
    limits = Limits(initial=10, maximum=12, backoff=0.5)
    client = await connect(gate.server.url, limits=limits, retry=NO_RETRY, timeout=0.05)
    assert client.max_in_flight == 10
    with pytest.raises(errors.ReadTimeoutError):
        await client.me()
    assert client.max_in_flight < 10


async def admit(limiter, place, order, patience=Patience()):  # noqa: B008
    """Wait in line, record the place, and leave."""
    await limiter.enter(place, patience)
    try:
        order.append(place)
        await asyncio.sleep(0)
    finally:
        limiter.left()


async def test_order():
    """Calls are admitted in the order in which they began, not in which they came."""
    limiter = Limiter(Limits(initial=1, maximum=1), VirtualClock())
    first = limiter.try_enter(0.0)
    assert first
    order: list[float] = []
    tasks = [asyncio.create_task(admit(limiter, p, order)) for p in (5.0, 3.0, 9.0, 1.0, 4.0)]
    await asyncio.sleep(0)
    assert order == []
    limiter.left()
    await asyncio.gather(*tasks)
    assert order == [1.0, 3.0, 4.0, 5.0, 9.0]
    assert limiter.in_flight == 0


@pytest.mark.parametrize("seed", range(20))
async def test_cancellations_in_line(seed):
    """Whoever is cancelled in line, the others are admitted, and nothing is left behind."""
    chance = random.Random(seed)
    clock = VirtualClock()
    limiter = Limiter(Limits(initial=3, maximum=3, rate=chance.choice([None, 50.0])), clock)
    before = asyncio.all_tasks()
    order: list[float] = []
    tasks = [asyncio.create_task(admit(limiter, float(p), order)) for p in range(60)]
    for task in chance.sample(tasks, 25):
        for _ in range(chance.randrange(3)):
            await asyncio.sleep(0)
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert len(order) >= sum(outcome is None for outcome in outcomes) >= 35
    assert order == sorted(order)
    assert limiter.in_flight == 0
    assert asyncio.all_tasks() == before


async def test_limit_does_not_grow_without_need(client):
    """Sequential calls leave the limit unchanged."""
    before = client.max_in_flight
    for _ in range(20):
        await client.me()
    assert client.max_in_flight == before


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(404),
        faults.status(500),
        faults.reset(),
        faults.garbage(),
        faults.login_page(),
        faults.truncated_json(),
        faults.redirect(),
        faults.reset_mid_body(),
    ],
    ids=lambda fault: type(fault).__name__,
)
@pytest.mark.parametrize("way", ["call", "stream"])
async def test_permits_after_failures(connect, server, fault, way):
    """A failure of any type releases its permit, streamed or not."""
    limits = Limits(initial=1, maximum=1)
    client = await connect(limits=limits, retry=RetryPolicy(attempts=1))
    for _ in range(3):
        server.script(fault)
        try:
            if way == "call":
                await client.me()
            else:
                async with client.stream(client.users.me) as stream:
                    assert [chunk async for chunk in stream]
        except errors.AconnectError:
            pass
        server.clear_script()
    assert client.in_flight == 0
    assert (await client.me()).username == "admin"


async def test_no_permit_while_backing_off(connect, server, clock):
    """A call that waits for a retry does not prevent others from being sent."""
    client = await connect(limits=Limits(initial=1, maximum=1))
    held = []
    sleep = clock.sleep

    async def sleeping(seconds):
        held.append(client.in_flight)
        await sleep(seconds)

    clock.sleep = sleeping
    server.script(faults.reset(), faults.reset(), on="GET /v1/user")
    await client.me()
    assert held == [0, 0]


async def test_deadline_while_waiting_for_a_permit(connect, gate, arrived):
    """A call that gets no permit before its deadline says so, and was never sent."""
    client = await connect(
        gate.server.url,
        limits=Limits(initial=1, maximum=1),
        retry=RetryPolicy(deadline=0.2, attempts=1),
        clock=SYSTEM_CLOCK,
    )
    first = asyncio.create_task(client.with_options(retry=RetryPolicy(deadline=60)).me())
    await arrived(1)
    with pytest.raises(errors.DeadlineExceededError, match="not sent before the deadline"):
        await client.me()
    gate.open.set()
    await first
    assert gate.served == 1
    assert client.in_flight == 0


async def test_rate(connect, server, clock):
    """Calls are spread out to the rate, after the burst."""
    client = await connect(limits=Limits(rate=10.0, burst=3))
    await asyncio.gather(*(client.me() for _ in range(13)))
    assert len(server.requests) == 13
    assert clock.monotonic() == pytest.approx(1.0)


async def test_rate_counts_retries(connect, server, clock):
    """A retry counts towards the rate like any call."""
    client = await connect(limits=Limits(rate=1.0, burst=1), retry=RetryPolicy(base=0.0, cap=0.0))
    server.script(faults.status(503), faults.status(503))
    await client.me()
    assert clock.monotonic() == pytest.approx(2.0)


async def test_rate_and_deadline(connect, server, clock):
    """A call whose turn would come after its deadline fails without waiting for it."""
    client = await connect(limits=Limits(rate=0.1, burst=1), retry=RetryPolicy(deadline=5.0))
    await client.me()
    with pytest.raises(errors.DeadlineExceededError):
        await client.me()
    assert clock.monotonic() == 0.0
    assert len(server.requests) == 1


async def test_deadline_behind_a_caller_that_waits_long(connect, server, clock):
    """A call that waits behind another one keeps its own deadline."""
    client = await connect(limits=Limits(rate=0.01, burst=1), retry=RetryPolicy(deadline=None))
    await client.me()
    patient = asyncio.create_task(client.me())
    hasty = asyncio.create_task(client.with_options(retry=RetryPolicy(deadline=5.0)).me())
    with pytest.raises(errors.DeadlineExceededError):
        await hasty
    assert clock.monotonic() <= 5.0
    assert (await patient).username == "admin"
    assert len(server.requests) == 2


async def test_rate_after_cancellation(connect, clock):
    """Callers that are cancelled while they wait do not use up their turn."""
    client = await connect(limits=Limits(rate=1.0, burst=1))
    await client.me()
    waiting = [asyncio.create_task(client.me()) for _ in range(50)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await client.me()
    assert clock.monotonic() <= 1.0 + 1e-6


async def test_shared_by_options(client):
    """Clients made by `with_options` share connections, permits and rate."""
    other = client.with_options(timeout=Timeout(read=1.0))
    async with client.stream(client.users.me):
        assert client.in_flight == other.in_flight == 1
    assert client.in_flight == other.in_flight == 0
    assert (await other.me()).client is other
    assert (await client.me()).client is client


async def test_connections_are_shared(connect, raw_server):
    """Calls of both use the same connection."""

    async def handler(reader, writer):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    raw = await raw_server(handler)
    client = await connect(raw.url)
    for each in (client, client.with_options(max_body=10), client):
        await each.me()
    assert raw.connections == 1
