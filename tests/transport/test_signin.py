"""Many callers and one sign-in: sharing, deadlines, refusals and renewals, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from aconnect import RetryPolicy, errors
from aconnect.concurrency import amap
from aconnect.looker import Client
from aconnect.testing import VirtualClock, faults
from aconnect.testing.looker import FakeLooker

Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def server(clock: VirtualClock) -> AsyncIterator[FakeLooker]:
    async with FakeLooker(clock=clock.monotonic) as server:
        yield server


@pytest.fixture
async def client(server: FakeLooker, clock: VirtualClock) -> AsyncIterator[Client]:
    policy = RetryPolicy(attempts=3)
    async with Client(
        server.url, server.client_id, server.client_secret, clock=clock, retry=policy
    ) as client:
        yield client


@pytest.fixture
async def stranger(server: FakeLooker, clock: VirtualClock) -> AsyncIterator[Client]:
    """A client with the wrong secret."""
    async with Client(server.url, server.client_id, "not-the-secret", clock=clock) as client:
        yield client


def a_set(server: FakeLooker) -> str:
    """Return the id of a model set."""
    return next(iter(server.state.model_sets))


async def failures(client: Client, count: int) -> list[errors.AconnectError]:
    """Return the errors of concurrent calls that all fail."""
    outcomes = await asyncio.gather(
        *(client.permissions.all() for _ in range(count)), return_exceptions=True
    )
    return [error for error in outcomes if isinstance(error, errors.AconnectError)]


async def test_a_deadline_includes_signing_in(client: Client, server: FakeLooker) -> None:
    """A sign-in that hangs ends each waiting call at its own deadline, and is made once."""
    server.script(*[faults.slow_headers(30)] * 9, on="POST /login")
    hasty = client.with_options(retry=RetryPolicy(deadline=0.03))
    found = await failures(hasty, 8)
    assert [type(error) for error in found] == [errors.DeadlineExceededError] * 8
    assert all("not signed in" in str(error) and error.signing_in for error in found)
    assert server.logins == 1


async def test_a_late_sign_in_is_used(client: Client, server: FakeLooker) -> None:
    """A sign-in goes on after the call that began it has given up."""
    server.script(faults.slow_headers(0.05), on="POST /login")
    with pytest.raises(errors.DeadlineExceededError):
        await client.with_options(retry=RetryPolicy(deadline=0.01)).permissions.all()
    assert await client.permissions.all()
    assert server.logins == 1


async def test_a_cancelled_caller(client: Client, server: FakeLooker, until: Until) -> None:
    """Cancelling the call that began the sign-in does not disturb those that wait for it."""
    server.script(faults.slow_headers(0.03), on="POST /login")
    first = asyncio.create_task(client.model_sets.get(a_set(server)))
    await until(lambda: server.logins)
    second = asyncio.create_task(client.model_sets.get(a_set(server)))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).models
    assert server.logins == 1


async def test_a_refusal_is_shared(stranger: Client, server: FakeLooker) -> None:
    """A refused sign-in fails all calls that waited for it, each with an error of its own."""
    found = await failures(stranger, 50)
    assert {type(error) for error in found} == {errors.AuthenticationError}
    assert len({id(error) for error in found}) == 50
    found[0].add_note("mine")
    assert not hasattr(found[1], "__notes__")
    assert server.logins == 1


async def test_a_refusal_does_not_lock_an_account(
    stranger: Client, server: FakeLooker, clock: VirtualClock
) -> None:
    """A bulk job with the wrong secret signs in once; a call some seconds later tries again."""
    outcomes = [
        outcome
        async for outcome in amap(
            lambda _: stranger.permissions.all(), range(100), limit=4, errors="collect"
        )
    ]
    assert len(outcomes) == 100
    assert server.logins == 1
    clock.advance(5)
    assert len(await failures(stranger, 1)) == 1
    assert server.logins == 2


async def test_retries_do_not_multiply(client: Client, server: FakeLooker) -> None:
    """A sign-in has the attempts of one call, however many calls wait for it."""
    server.script(*[faults.status(500)] * 99, on="POST /login")
    found = await failures(client, 10)
    assert len(found) == 10
    assert server.logins == 3
    assert all(error.signing_in and len(error.attempts) == 2 for error in found)


async def test_a_lost_connection_while_signing_in(client: Client, server: FakeLooker) -> None:
    """What the sign-in's own retries overcome is not seen by the call, whatever it does."""
    server.script(faults.status(502), faults.reset(), on="POST /login")
    assert (await client.model_sets.create(name="new", models=["thelook"])).name == "new"
    assert server.logins == 3
    assert server.count("POST", "/model_sets") == 1


async def test_a_refused_sign_in_deletes_nothing(
    client: Client, server: FakeLooker, clock: VirtualClock
) -> None:
    """A 404 of the login, in the retry of a DELETE, does not mean that the object is gone."""
    made = await client.model_sets.create(name="new", models=["thelook"])
    server.state.tokens.clear()
    server.script(faults.status(503), on="DELETE /model_sets/*")
    server.script(
        faults.status(404, body={"message": "Not found", "documentation_url": "https://docs"}),
        on="POST /login",
    )
    with pytest.raises(errors.AuthenticationError):
        await client.model_sets.delete(made.id)
    clock.advance(5)
    assert (await client.model_sets.get(made.id)).name == "new"


async def test_a_stream_signs_in_again(client: Client, server: FakeLooker) -> None:
    """A stream that is refused with an old token is opened with a new one, once."""
    await client.permissions.all()
    server.invalidate()
    async with client.stream(client.model_sets.get, a_set(server)) as stream:
        assert b"models" in b"".join([chunk async for chunk in stream])
    assert server.logins == 2
    server.script(*[faults.status(401)] * 9, on="GET /model_sets/*")
    with pytest.raises(errors.AuthenticationError):
        async with client.stream(client.model_sets.get, a_set(server)):
            pass
    assert server.logins == 3
    assert client.in_flight == 0


async def test_a_failed_renewal(
    client: Client, server: FakeLooker, clock: VirtualClock, until: Until
) -> None:
    """A token is used to its end if its early renewal fails, and the failure is seen then."""
    await client.permissions.all()
    clock.advance(3550)
    server.script(*[faults.status(400)] * 2, on="POST /login")
    for _ in range(3):
        assert await client.permissions.all()
    await until(lambda: server.logins == 2)
    assert await client.permissions.all()
    assert server.logins == 2
    clock.advance(50)
    with pytest.raises(errors.BadRequestError):
        await client.permissions.all()
    assert await client.permissions.all()


async def test_a_renewal_belongs_to_no_caller(
    client: Client, server: FakeLooker, clock: VirtualClock
) -> None:
    """`with_response` returns the response of the call, also if a token is renewed meanwhile."""
    await client.permissions.all()
    clock.advance(3550)
    server.script(faults.slow_headers(0.03), on="GET /permissions")
    got = await client.with_response(client.permissions.all)
    assert server.logins == 2
    assert b"access_token" not in got.body


async def test_closing_while_signing_in(client: Client, server: FakeLooker, until: Until) -> None:
    """Closing ends a sign-in that is running, and the calls that wait for it."""
    server.script(faults.slow_headers(30), on="POST /login")
    waiting = asyncio.create_task(failures(client, 3))
    await until(lambda: server.logins)
    await client.aclose()
    assert {type(error) for error in await waiting} == {errors.ClientClosedError}
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "aconnect sign-in"]
