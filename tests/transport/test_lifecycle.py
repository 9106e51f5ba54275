"""Opening, closing and sharing clients."""

import asyncio
import gc
import socket

import anyio
import pytest

from aconnect import Client, Limits, RetryPolicy, Timeout, errors
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.testing import FakeConnect, VirtualClock, faults
from aconnect.testing.connect.routes.users import ADMIN_KEY

ONCE = RetryPolicy(attempts=1)


async def test_nothing_before_the_first_call(server):
    """Creating and closing a client sends nothing."""
    async with Client(server.url, server.api_key):
        pass
    assert not server.requests


async def test_closed(client):
    """A closed client raises a clear error; closing it again is harmless."""
    await client.me()
    await client.aclose()
    await client.aclose()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await client.me()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        async with client.stream(client.users.me):
            pass


async def test_closed_before_use(server):
    """A client that was closed before its first call stays closed."""
    client = Client(server.url, server.api_key)
    await client.aclose()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await client.me()


async def test_closing_one_closes_all_options(client):
    """Clients made by `with_options` share the connections, so they are closed together."""
    other = client.with_options(max_body=10_000)
    await client.aclose()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await other.me()


async def test_calls_in_flight_when_closed(client, server, until):
    """Calls in flight fail at once when the client is closed, and the error says so."""
    server.script(*[faults.slow_headers(60)] * 3)
    calls = [asyncio.create_task(client.me()) for _ in range(3)]
    await until(lambda: len(server.requests) == 3)
    await client.aclose()
    for outcome in await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5):
        assert isinstance(outcome, errors.ClientClosedError)
        assert "closed" in str(outcome)
    assert len(server.requests) == 3


@pytest.mark.parametrize("how", ["post", "upload", "stream", "body", "body of a stream"])
async def test_any_call_in_flight_when_closed(client, server, until, how):
    """The same for calls that are not retried, and for bodies that are being received."""
    server.script(*[faults.stalled_body(60) if "body" in how else faults.slow_headers(60)] * 2)

    async def call():
        match how:
            case "post":
                await client.request("POST", "/v1/groups", json={})
            case "upload":
                await client.content.handle("x").bundles.create(b"archive")
            case "body":
                await client.me()
            case _:
                async with client.stream(client.users.me) as stream:
                    async for _ in stream:
                        pass

    task = asyncio.create_task(call())
    await until(lambda: server.requests)
    for _ in range(20):
        await asyncio.sleep(0.001)
    await client.aclose()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await asyncio.wait_for(task, 5)
    assert len(server.requests) == 1
    assert client.in_flight == 0


async def test_closed_while_backing_off(server):
    """A call that waits for a retry when the client is closed is not sent again."""
    waits, go_on = asyncio.Event(), asyncio.Event()

    class Held(VirtualClock):
        """A clock that sleeps until it is released."""

        async def sleep(self, seconds):
            waits.set()
            await go_on.wait()

    client = Client(server.url, server.api_key, clock=Held())
    server.script(faults.reset())
    call = asyncio.create_task(client.me())
    await waits.wait()
    await client.aclose()
    go_on.set()
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await call
    assert len(server.requests) == 1


async def test_closed_while_waiting_in_line(server):
    """Calls that wait for their turn when the client is closed end at once, and are not sent."""
    client = Client(server.url, server.api_key, limits=Limits(initial=1, maximum=1))
    server.script(faults.status(503, retry_after=60))
    calls = [asyncio.create_task(client.me()) for _ in range(3)]
    while client.in_flight or not server.requests:  # noqa: ASYNC110  until it is refused
        await asyncio.sleep(0)
    await client.aclose()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {errors.ClientClosedError}
    with pytest.raises(errors.ClientClosedError):
        await client.me()
    assert len(server.requests) == 1


async def test_without_async_with(server):
    """A client that is not closed works, and causes a ResourceWarning when it is collected."""
    client = Client(server.url, server.api_key)
    await client.me()
    with pytest.warns(ResourceWarning, match="Unclosed"):  # noqa: PT031  collecting is the point
        del client
        gc.collect()
        await asyncio.sleep(0)


async def test_closed_by_an_error(server):
    """Leaving the block by an exception closes the client and keeps the exception."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012  leaving the block is the point
        async with Client(server.url, server.api_key) as client:
            await client.me()
            raise ZeroDivisionError
    with pytest.raises(errors.ClientClosedError, match="closed"):
        await client.me()


@pytest.mark.parametrize("how", ["call", "stream"])
def test_second_loop(how):
    """In a second event loop, a client raises an error that says so, and sends nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = Client(f"http://127.0.0.1:{port}", ADMIN_KEY, retry=ONCE)

    async def call():
        async with FakeConnect(port=port) as server:
            try:
                if how == "stream":
                    async with client.stream(client.users.me) as stream:
                        return stream.status
                return await client.me()
            finally:
                sent.append(len(server.requests))

    sent: list[int] = []
    assert asyncio.run(call()) is not None
    with pytest.raises(errors.EventLoopError, match=r"another one; create a client in each"):
        asyncio.run(call())
    assert sent == [1, 0]
    asyncio.run(client.aclose())


def test_errors_of_the_wrong_moment():
    """Errors about a closed client or another event loop can be caught as RuntimeError too."""
    assert issubclass(errors.ClientClosedError, RuntimeError)
    assert issubclass(errors.EventLoopError, RuntimeError)


async def test_repr(client):
    """The repr of a client shows the address without the key."""
    assert repr(client).startswith("<aconnect.connect")
    assert "fake-" not in repr(client) + repr(vars(client)) + repr(client.users)


async def test_detailed(client):
    """`with_response` returns the status, the headers and the raw body of a call."""
    with_response = await client.with_response(client.users.me)
    assert (with_response.status, with_response.attempts) == (200, 1)
    assert with_response.value.username == "admin"
    assert b'"admin"' in with_response.body
    assert with_response.headers["content-type"].startswith("application/json")


async def test_pages_are_not_streamed(client, server):
    """An operation that returns pages cannot be streamed; the error says what to do instead."""
    with pytest.raises(errors.InvalidArgumentError, match="page"):
        async with client.stream(client.users.find):
            pass
    assert not server.requests


async def test_other_cancel_scopes(client, server):
    """Timeouts of the caller, of asyncio or anyio, end a call as they should."""
    task = asyncio.current_task()
    assert task is not None
    server.script(*[faults.slow_headers(60)] * 3)
    with anyio.move_on_after(0.05) as scope:
        await client.me()
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.me()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.me(), 0.05)
    assert task.cancelling() == 0
    assert (await client.me()).username == "admin"


async def test_own_timeouts_leave_no_cancellation(connect, server):
    """A call that timed out leaves no cancellation pending or counted in its task."""
    client = await connect(timeout=Timeout(read=0.05), retry=ONCE, clock=SYSTEM_CLOCK)
    task = asyncio.current_task()
    assert task is not None
    for fault in (faults.slow_headers(60), faults.stalled_body(60)):
        server.script(fault)
        with pytest.raises(errors.ReadTimeoutError):
            await client.me()
        assert task.cancelling() == 0
        await asyncio.sleep(0)
    async with asyncio.TaskGroup() as group:
        server.script(faults.slow_headers(60))
        with pytest.raises(errors.ReadTimeoutError):
            await client.me()
        group.create_task(asyncio.sleep(0))


async def test_cookies_per_task(connect, archive):
    """The polls of a task send the cookies of the response that started it; no other call does."""
    async with FakeConnect(nodes=3) as cluster:
        client = await connect(cluster.url, api_key=cluster.api_key)
        item = await client.content.create(name="item")
        bundle = await item.bundles.create(archive)
        tasks = [await item.deploy(bundle) for _ in range(6)]
        await asyncio.gather(*(task.wait() for task in tasks))
        polls: dict[str, set[str | None]] = {}
        for request in cluster.requests:
            if "/tasks/" in request.path:
                polls.setdefault(request.path, set()).add(request.headers.get("Cookie"))
            else:
                assert "Cookie" not in request.headers
        assert len(polls) == 6
        assert all(len(cookies) == 1 and None not in cookies for cookies in polls.values())
        assert len(set.union(*polls.values())) > 1


async def test_no_cookies_are_kept(client, server):
    """A cookie that a server sets is not sent by other calls."""
    server.nodes = 3
    for _ in range(4):
        await client.me()
    assert all("Cookie" not in request.headers for request in server.requests)
