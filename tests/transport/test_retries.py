"""Calls are retried as the policy says, counted at the server."""

import asyncio

import pytest

from aconnect import NO_RETRY, RetryPolicy, errors
from aconnect.testing import faults

LOST = [faults.reset(), faults.reset_mid_body(), faults.garbage()]


@pytest.mark.parametrize("fault", [*LOST, faults.status(500), faults.status(502)], ids=str)
async def test_idempotent_calls_are_repeated(client, server, fault):
    """A GET whose response was lost is retried and succeeds."""
    server.script(fault, fault)
    with_response = await client.with_response(client.users.me)
    assert with_response.value.username == "admin"
    assert with_response.attempts == len(server.requests) == 3


@pytest.mark.parametrize("fault", [*LOST, faults.status(500), faults.status(502)], ids=str)
async def test_others_are_not(client, server, fault):
    """A POST that may have reached the server is sent once."""
    server.script(fault)
    with pytest.raises((errors.ConnectionLostError, errors.ServerError)):
        await client.groups.create(name="x")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_not_now(client, server, status):
    """A POST that was refused with 429 or 503 is retried."""
    server.script(faults.status(status), faults.status(status))
    assert (await client.groups.create(name="x")).name == "x"
    assert server.count("POST", "/v1/groups") == 3


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_dead_pooled_connection(connect, raw_server, method):
    """A request on a dead pooled connection is not silently retried by aiohttp."""
    requests = 0

    async def handler(reader, writer):
        nonlocal requests
        while True:
            head = await raw.head(reader)
            requests += 1
            if requests > 1:
                # The second request on the connection finds it closed.
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            assert head

    raw = await raw_server(handler)
    client = await connect(raw.url, retry=NO_RETRY)
    await client.request("GET", "/v1/user")
    with pytest.raises(errors.ConnectionLostError):
        await client.request(method, "/v1/user")
    assert requests == 2
    assert raw.connections == 1


async def test_attempts_on_the_error(client, server):
    """The final error lists the attempts before it, oldest first."""
    server.script(faults.reset(), faults.status(503), *[faults.error(500, 1, "broken")] * 4)
    with pytest.raises(errors.ServerError, match="after 6 attempts") as caught:
        await client.me()
    attempts = caught.value.attempts
    assert [a.number for a in attempts] == [1, 2, 3, 4, 5]
    assert "ConnectionLostError" in attempts[0].failure
    assert "503" in attempts[1].failure
    assert [a.elapsed for a in attempts] == sorted(a.elapsed for a in attempts)
    assert attempts[3].elapsed > 0


async def test_no_retry(connect, server):
    """`NO_RETRY` sends once, and its error has no earlier attempts."""
    client = await connect(retry=NO_RETRY)
    server.script(faults.status(503))
    with pytest.raises(errors.ServerError) as caught:
        await client.me()
    assert caught.value.attempts == ()
    assert len(server.requests) == 1


async def test_with_options(client, server):
    """The options of `with_options` apply to retries, and leave the client unchanged."""
    server.script(faults.status(500), faults.status(500))
    with pytest.raises(errors.ServerError):
        await client.with_options(retry=RetryPolicy(attempts=2)).me()
    assert len(server.requests) == 2
    server.script(*[faults.status(500)] * 4)
    assert (await client.me()).username == "admin"


@pytest.mark.parametrize("http_date", [False, True])
async def test_retry_after(client, server, clock, http_date):
    """`Retry-After` is honoured in both formats."""
    server.script(faults.status(429, retry_after=30, http_date=http_date))
    await client.me()
    (delay,) = clock.slept
    assert 29 <= delay <= 31.5


@pytest.mark.parametrize("text", ["soon", "-1", "", "1e9"])
async def test_retry_after_garbage(client, server, clock, text):
    """An invalid `Retry-After` is ignored."""
    server.script(faults.status(503, retry_after=text))
    await client.me()
    assert all(delay <= 0.25 for delay in clock.slept)


@pytest.mark.parametrize("seconds", [121.0, 86400.0, "99999999999999"])
async def test_retry_after_too_long(client, server, clock, seconds):
    """If the server asks for too long a wait, its error is raised without a retry."""
    server.script(faults.status(429, retry_after=seconds))
    with pytest.raises(errors.RateLimitedError):
        await client.me()
    assert not clock.slept
    assert len(server.requests) == 1


async def test_retry_after_zero(client, server, clock):
    """`Retry-After: 0` does not cause a busy loop: the usual backoff applies."""
    server.script(*[faults.status(503, retry_after=0)] * 4)
    await client.me()
    assert sum(clock.slept) > 0


async def test_back_off_has_jitter(client, server, clock):
    """Waits are random, below a bound that doubles."""
    server.script(*[faults.status(500)] * 4)
    await client.me()
    assert len(clock.slept) == 4
    assert all(delay <= 0.25 * 2**n for n, delay in enumerate(clock.slept))
    assert len(set(clock.slept)) == 4


async def test_deadline(connect, server, clock):
    """No attempt starts after the deadline, and no wait that would end after it."""
    client = await connect(retry=RetryPolicy(attempts=1000, deadline=100.0))
    server.script(*[faults.status(429, retry_after=30)] * 10)
    with pytest.raises(errors.RateLimitedError, match="after 4 attempts"):
        await client.me()
    assert clock.monotonic() < 100
    assert len(server.requests) == 4


async def test_deadline_passed_during_an_attempt(connect, raw_server, clock):
    """A call whose deadline passed says so, with the last failure as the cause."""

    async def handler(reader, _):
        await raw.head(reader)
        clock.advance(200)

    raw = await raw_server(handler)
    client = await connect(raw.url, retry=RetryPolicy(deadline=100.0))
    with pytest.raises(errors.DeadlineExceededError, match=r"not done within 100") as caught:
        await client.me()
    assert isinstance(caught.value.__cause__, errors.ConnectionLostError)
    assert raw.connections == 1


async def test_deadline_ends_a_hanging_attempt(connect, server):
    """The deadline ends a hanging attempt, with retries or without."""
    from aconnect._transport.clock import SYSTEM_CLOCK

    client = await connect(retry=RetryPolicy(deadline=0.1), clock=SYSTEM_CLOCK)
    server.script(*[faults.slow_headers(60)] * 5)
    with pytest.raises(errors.DeadlineExceededError):
        await client.me()
    server.clear_script()


async def test_budget_ends_retries(connect, server):
    """In an outage only a fraction of the calls is retried, so that it is not amplified."""
    client = await connect()
    calls = 200
    server.script(*[faults.status(500)] * 2000)
    outcomes = await asyncio.gather(*(client.me() for _ in range(calls)), return_exceptions=True)
    assert all(isinstance(each, errors.ServerError) for each in outcomes)
    extra = len(server.requests) - calls
    # A fifth of the calls, the reserve of ten, and a little for the elapsed time.
    assert 0 < extra <= 0.2 * calls + 10 + 5
    notes = [note for each in outcomes for note in getattr(each, "__notes__", ())]
    assert any("retry budget is exhausted" in note for note in notes)
    server.clear_script()


async def test_budget_is_shared(client, server):
    """Clients made by `with_options` share the retry budget."""
    other = client.with_options(timeout=5.0)
    server.script(*[faults.status(500)] * 2000)
    await asyncio.gather(
        *(c.me() for c in (client, other) for _ in range(100)), return_exceptions=True
    )
    assert len(server.requests) - 200 <= 0.2 * 200 + 10 + 5
    server.clear_script()


async def test_deleting_twice(client, server):
    """A DELETE whose response was lost has happened; a 404 on the retry is success."""
    group = await client.groups.create(name="x")
    server.script(faults.after(faults.reset()), on="DELETE *")
    await group.delete()
    assert server.count("DELETE", "/v1/groups/*") == 2
    with pytest.raises(errors.NotFoundError):
        await group.delete()


@pytest.mark.parametrize("status", [429, 503])
async def test_deleted_by_somebody_else(client, server, status):
    """A DELETE that was refused has deleted nothing, so a 404 on the retry is raised."""
    group = await client.groups.create(name="x")
    await group.delete()
    server.script(faults.status(status), on="DELETE *")
    with pytest.raises(errors.NotFoundError):
        await group.delete()
    server.script(faults.status(status), on="DELETE *")
    assert not await client.ensure_deleted(group.delete)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 413, 422, 501])
async def test_final_responses(client, server, code):
    """A response that waiting cannot change is raised at once."""
    server.script(faults.status(code))
    with pytest.raises(errors.ApiError):
        await client.me()
    assert len(server.requests) == 1


async def test_login_page_is_no_success(client, server, tmp_path):
    """A login page with status 200 is never taken for a result, not even of a DELETE."""
    item = client.content.handle("x")
    for call in (
        client.me,
        lambda: client.groups.delete("x"),
        lambda: client.users.lock("x", locked=True),
        lambda: item.bundles.download("1"),
        lambda: client.download(tmp_path / "bundle", item.bundles.download, "1"),
        lambda: client.download(tmp_path / "log", item.jobs.download, "1"),
    ):
        server.script(faults.login_page())
        with pytest.raises(errors.DecodeError, match="HTML page"):
            await call()
    assert list(tmp_path.iterdir()) == []
