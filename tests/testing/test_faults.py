"""Every fault does what its name says, and nothing else."""

import asyncio
import zlib
from email.utils import parsedate_to_datetime
from time import time

import aiohttp
import pytest

from aconnect.testing import faults

CREATE = ("POST", "/v1/groups")
BODY = {"json": {"name": "made"}}


def made(call):
    return any(row["name"] == "made" for row in call.server.state.groups.values())


async def test_status_before(call):
    """A scripted status is returned instead of performing the operation."""
    call.server.script(faults.status(503, retry_after=2))
    reply = await call(*CREATE, **BODY)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert not made(call)
    assert call.server.requests[0].body == b'{"name": "made"}'
    assert call.server.requests[0].fault == "Status"


async def test_status_after(call):
    """After the operation, only its response is lost."""
    call.server.script(faults.after(faults.status(502)))
    assert (await call(*CREATE, **BODY)).status == 502
    assert made(call)


async def test_retry_after_spellings(call):
    """Retry-After is sent as seconds, as a date, or as any text."""
    call.server.script(
        faults.status(429, retry_after=0.5),
        faults.status(429, retry_after=30, http_date=True),
        faults.status(429, retry_after="soon", body={"a": 1}),
        faults.error(400, 100, "being processed"),
    )
    assert (await call("GET", "/v1/user")).headers["Retry-After"] == "0.5"
    date = parsedate_to_datetime((await call("GET", "/v1/user")).headers["Retry-After"])
    assert 28 < date.timestamp() - time() < 32
    reply = await call("GET", "/v1/user")
    assert (reply.headers["Retry-After"], reply.json()) == ("soon", {"a": 1})
    reply = await call("GET", "/v1/user")
    assert (reply.status, reply.code) == (400, 100)


async def test_reset(call):
    """A reset precedes any header, and the operation was not performed."""
    call.server.script(faults.reset())
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await call(*CREATE, **BODY)
    assert not made(call)


async def test_reset_after(call):
    """A reset after the operation loses its response."""
    call.server.script(faults.after(faults.reset()))
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await call(*CREATE, **BODY)
    assert made(call)


async def test_reset_mid_body(call):
    """Headers and half of the body arrive, then the connection is reset."""
    call.server.script(faults.reset_mid_body())
    headers = {"Authorization": f"Key {call.server.api_key}"}
    url = call.server.url + "/__api__/v1/users"
    async with call.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 100
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
            await response.read()


async def test_truncated_json(call):
    """The HTTP response is complete, its JSON is not."""
    whole = await call("GET", "/v1/users")
    call.server.script(faults.truncated_json())
    cut = await call("GET", "/v1/users")
    assert cut.status == 200
    assert whole.body.startswith(cut.body)
    assert int(cut.headers["Content-Length"]) == len(cut.body) < len(whole.body)


async def test_login_page(call):
    """A login page is HTML with status 200."""
    call.server.script(faults.login_page())
    reply = await call("GET", "/v1/user")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")


async def test_slow_headers(call):
    """Slow headers arrive late, but correct."""
    call.server.script(faults.slow_headers(0.02))
    started = asyncio.get_running_loop().time()
    assert (await call.json("GET", "/v1/user"))["username"] == "admin"
    assert asyncio.get_running_loop().time() - started >= 0.019


async def test_slow_headers_given_up(call):
    """If the client stops waiting for headers, the operation is not performed."""
    before = asyncio.all_tasks()
    call.server.script(faults.slow_headers(60))
    with pytest.raises(TimeoutError):
        await call(*CREATE, **BODY, timeout=aiohttp.ClientTimeout(total=0.03))
    async with asyncio.timeout(1):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - tasks end without telling
            await asyncio.sleep(0.001)
    assert not made(call)


async def test_stalled_body(call):
    """A stalled body arrives in the end."""
    call.server.script(faults.stalled_body(0.02))
    assert (await call.json("GET", "/v1/user"))["username"] == "admin"


async def test_stalled_body_given_up(call):
    """If the client stops waiting during a stall, nothing is left behind."""
    before = asyncio.all_tasks()
    call.server.script(faults.stalled_body(60))
    with pytest.raises(TimeoutError):
        await call("GET", "/v1/user", timeout=aiohttp.ClientTimeout(total=0.03))
    async with asyncio.timeout(1):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - tasks end without telling
            await asyncio.sleep(0.001)


async def test_gzip_bomb(call):
    """A decompression bomb is small when sent and large when decompressed."""
    call.server.script(faults.gzip_bomb(3_000_000))
    async with call.session.get(call.server.url + "/__ping__", auto_decompress=False) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        packed = await response.read()
    assert len(packed) < 10_000
    assert len(zlib.decompress(packed, wbits=31)) == 3_000_002


async def test_redirect(call):
    """A redirect points to another origin, which records the requests with their headers."""
    call.server.script(faults.redirect(code=307))
    assert (await call(*CREATE, **BODY)).status == 200
    (arrived,) = call.server.elsewhere_requests
    assert (arrived.method, arrived.path) == ("POST", "/__api__/v1/groups")
    assert arrived.json() == {"name": "made"}
    assert not made(call)
    assert call.server.elsewhere != call.server.url


async def test_redirect_location(call):
    """A custom Location is used unchanged."""
    call.server.script(faults.redirect("/x", 301))
    reply = await call("GET", "/v1/user", allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (301, "/x")


@pytest.mark.parametrize("path", ["/v1/audit_logs", "/v1/instrumentation/content/visits"])
async def test_repeated_cursor(call, path):
    """The next cursor is the requested one; on page 1, one that leads to page 1 again."""
    call.server.script(faults.repeated_cursor(), faults.repeated_cursor())
    first = await call.json("GET", path)
    cursor = first["paging"]["cursors"]["next"]
    again = await call.json("GET", path, params={"next": cursor})
    assert again["paging"]["cursors"]["next"] == cursor
    assert again["results"] == first["results"]


async def test_vanish(call):
    """A vanished task is 404 with code 141."""
    call.server.script(faults.vanish())
    reply = await call("GET", "/v1/tasks/x")
    assert (reply.status, reply.code) == (404, 141)


async def test_garbage(call):
    """Garbage is not HTTP."""
    call.server.script(faults.garbage())
    with pytest.raises(aiohttp.ClientError):
        await call("GET", "/v1/user")


async def test_script_order(call):
    """Faults apply to matching requests in order; later requests are served."""
    call.server.script(faults.status(500), faults.status(501), on="GET /v1/users*")
    call.server.script(faults.status(502), on="/v1/user")
    assert (await call("GET", "/v1/groups")).status == 200
    statuses = [(await call("GET", "/v1/users")).status for _ in range(3)]
    assert statuses == [500, 501, 200]
    with pytest.raises(AssertionError, match=r"Status\(code=502"):
        call.server.assert_script_used()
    assert (await call("GET", "/v1/user")).status == 502
    call.server.assert_script_used()


async def test_faulted_requests_are_recorded(call):
    """Requests with a fault are recorded like all others."""
    call.server.script(faults.status(500), faults.reset())
    await call("GET", "/v1/user")
    with pytest.raises(aiohttp.ClientError):
        await call("GET", "/v1/user")
    assert [r.fault for r in call.server.requests] == ["Status", "Reset"]
