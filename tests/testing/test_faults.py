"""The effect of each fault on the request and on the state of the server."""

import asyncio
import zlib
from email.utils import parsedate_to_datetime
from time import time

import aiohttp
import pytest

from aconnect.testing import faults

CREATE = ("POST", "/v1/groups")
BODY = {"json": {"name": "new"}}


def is_created(call):
    """Return True if the operation `CREATE` was performed."""
    return any(row["name"] == "new" for row in call.server.state.groups.values())


async def test_status_before(call):
    """A scripted status is returned, and the operation is not performed."""
    call.server.script(faults.status(503, retry_after=2))
    reply = await call(*CREATE, **BODY)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert not is_created(call)
    assert call.server.requests[0].body == b'{"name": "new"}'
    assert call.server.requests[0].fault == "Status"


async def test_status_after(call):
    """With `after`, the operation is performed and only its response is lost."""
    call.server.script(faults.after(faults.status(502)))
    assert (await call(*CREATE, **BODY)).status == 502
    assert is_created(call)


async def test_retry_after_formats(call):
    """Retry-After is sent as a number of seconds, as a date, or as any text."""
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
    """The connection is reset before any header, and the operation is not performed."""
    call.server.script(faults.reset())
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await call(*CREATE, **BODY)
    assert not is_created(call)


async def test_reset_after(call):
    """If the connection is reset after the operation, its response is lost."""
    call.server.script(faults.after(faults.reset()))
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await call(*CREATE, **BODY)
    assert is_created(call)


async def test_reset_mid_body(call):
    """The headers and half of the body are received, then the connection is reset."""
    call.server.script(faults.reset_mid_body())
    headers = {"Authorization": f"Key {call.server.api_key}"}
    url = call.server.url + "/__api__/v1/users"
    async with call.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 100
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
            await response.read()


async def test_truncated_json(call):
    """The HTTP response is complete, but its JSON is truncated."""
    complete = await call("GET", "/v1/users")
    call.server.script(faults.truncated_json())
    truncated = await call("GET", "/v1/users")
    assert truncated.status == 200
    assert complete.body.startswith(truncated.body)
    assert int(truncated.headers["Content-Length"]) == len(truncated.body) < len(complete.body)


async def test_login_page(call):
    """A login page has status 200 and the content type of HTML."""
    call.server.script(faults.login_page())
    reply = await call("GET", "/v1/user")
    assert reply.status == 200
    assert reply.headers["Content-Type"].startswith("text/html")


async def test_slow_headers(call):
    """With slow headers, the response is delayed, but correct."""
    call.server.script(faults.slow_headers(0.02))
    started = asyncio.get_running_loop().time()
    assert (await call.json("GET", "/v1/user"))["username"] == "admin"
    assert asyncio.get_running_loop().time() - started >= 0.019


async def test_slow_headers_with_a_timeout(call):
    """If the client times out while it waits for headers, the operation is not performed."""
    before = asyncio.all_tasks()
    call.server.script(faults.slow_headers(60))
    with pytest.raises(TimeoutError):
        await call(*CREATE, **BODY, timeout=aiohttp.ClientTimeout(total=0.03))
    async with asyncio.timeout(1):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
    assert not is_created(call)


async def test_stalled_body(call):
    """A stalled body is received completely after the pause."""
    call.server.script(faults.stalled_body(0.02))
    assert (await call.json("GET", "/v1/user"))["username"] == "admin"


async def test_stalled_body_with_a_timeout(call):
    """If the client times out while the body is stalled, the server leaves no tasks running."""
    before = asyncio.all_tasks()
    call.server.script(faults.stalled_body(60))
    with pytest.raises(TimeoutError):
        await call("GET", "/v1/user", timeout=aiohttp.ClientTimeout(total=0.03))
    async with asyncio.timeout(1):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


async def test_gzip_bomb(call):
    """A decompression bomb is small when it is sent and large when it is decompressed."""
    call.server.script(faults.gzip_bomb(3_000_000))
    async with call.session.get(call.server.url + "/__ping__", auto_decompress=False) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        compressed = await response.read()
    assert len(compressed) < 10_000
    assert len(zlib.decompress(compressed, wbits=31)) == 3_000_002


async def test_redirect(call):
    """By default, a redirect points to another origin, which records the request."""
    call.server.script(faults.redirect(code=307))
    assert (await call(*CREATE, **BODY)).status == 200
    (record,) = call.server.elsewhere_requests
    assert (record.method, record.path) == ("POST", "/__api__/v1/groups")
    assert record.json() == {"name": "new"}
    assert not is_created(call)
    assert call.server.elsewhere != call.server.url


async def test_redirect_location(call):
    """A custom Location is used unchanged."""
    call.server.script(faults.redirect("/x", 301))
    reply = await call("GET", "/v1/user", allow_redirects=False)
    assert (reply.status, reply.headers["Location"]) == (301, "/x")


@pytest.mark.parametrize("path", ["/v1/audit_logs", "/v1/instrumentation/content/visits"])
async def test_repeated_cursor(call, path):
    """The next cursor of a page leads to the same page, even on page 1."""
    call.server.script(faults.repeated_cursor(), faults.repeated_cursor())
    first = await call.json("GET", path)
    cursor = first["paging"]["cursors"]["next"]
    again = await call.json("GET", path, params={"next": cursor})
    assert again["paging"]["cursors"]["next"] == cursor
    assert again["results"] == first["results"]


async def test_vanish(call):
    """A vanished task returns 404 with code 141."""
    call.server.script(faults.vanish())
    reply = await call("GET", "/v1/tasks/x")
    assert (reply.status, reply.code) == (404, 141)


async def test_garbage(call):
    """Garbage is not a valid HTTP response."""
    call.server.script(faults.garbage())
    with pytest.raises(aiohttp.ClientError):
        await call("GET", "/v1/user")


async def test_script_order(call):
    """Faults are applied to matching requests in order; later requests are served normally."""
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
    """Requests with a fault are recorded, with the name of the fault."""
    call.server.script(faults.status(500), faults.reset())
    await call("GET", "/v1/user")
    with pytest.raises(aiohttp.ClientError):
        await call("GET", "/v1/user")
    assert [r.fault for r in call.server.requests] == ["Status", "Reset"]
