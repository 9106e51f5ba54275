"""API keys, recorded requests, prefixes, versions and nodes of the simulated server."""

import asyncio
import json
import math
import os
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from aconnect.testing import BuildScript, FakeConnect, Seed, faults


async def test_keys(call):
    """Only valid keys are accepted; the error has code 30."""
    assert (await call("GET", "/v1/user")).status == 200
    for headers in ({}, {"Authorization": "Key wrong"}, {"Authorization": "Bearer x"}):
        reply = await call("GET", "/v1/user", headers=headers)
        assert (reply.status, reply.json()) == (
            401,
            {"code": 30, "error": "The API key is missing or not valid.", "payload": None},
        )


async def test_key_behind_snowflake(call):
    """Behind Snowflake, the key is read from X-RSC-Authorization."""
    headers = {
        "Authorization": 'Snowflake Token="x"',
        "X-RSC-Authorization": f"Key {call.server.api_key}",
    }
    assert (await call("GET", "/v1/user", headers=headers)).status == 200


async def test_public_operations(call):
    """Server settings and ping do not require a key; ping returns 402 without a valid license."""
    assert (await call.json("GET", "/server_settings", headers={}))["version"] == "2026.06.0"
    async with call.session.get(call.server.url + "/__ping__") as ping:
        assert ping.status == 200
    call.server.state.license_expired = True
    async with call.session.get(call.server.url + "/__ping__") as ping:
        assert ping.status == 402


async def test_unknown_path_is_plain_text(call):
    """An unknown path returns 404 as plain text, unlike an object that does not exist."""
    reply = await call("GET", "/v1/nothing")
    assert (reply.status, reply.body) == (404, b"404 page not found\n")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert (await call("GET", "/v1/users/nobody")).code == 4


async def test_prefix(serving):
    """A server with a prefix is only available below it."""
    call = await serving(prefix="/rsc")
    assert call.server.url.endswith("/rsc")
    assert (await call("GET", "/v1/user")).status == 200
    async with call.session.get(call.server.url[:-4] + "/__api__/v1/user") as response:
        assert response.status == 404
    assert call.server.requests[0].path == "/v1/user"


async def test_records(call):
    """Every request is recorded, with its query, cookies, headers and body."""
    await call("POST", "/v1/groups?a=1&a=2", json={"name": "new"}, cookies={"x": "y"})
    record = call.server.requests[0]
    assert (record.number, record.method, record.path) == (1, "POST", "/v1/groups")
    assert record.query == {"a": ["1", "2"]}
    assert record.cookies == {"x": "y"}
    assert record.headers["authorization"].startswith("Key ")
    assert record.json() == {"name": "new"}
    assert record.size == len(record.body)
    assert call.server.count("POST", "/v1/gr*") == 1
    assert call.server.count("GET", "*") == 0


async def test_recording_off(serving):
    """With `record=False`, requests are not recorded."""
    call = await serving(record=False)
    await call("GET", "/v1/user")
    assert call.server.requests == []


async def test_hidden_version(serving):
    """A hidden version is an empty string, and the server behaves like the latest version."""
    call = await serving(version=None)
    assert (await call.json("GET", "/server_settings"))["version"] == ""
    assert (await call("GET", "/v1/audit/actions")).status == 200


def test_wrong_version():
    """An invalid version raises ValueError."""
    with pytest.raises(ValueError, match="not a version of Connect"):
        FakeConnect(version="latest")


async def test_roles(call):
    """Viewers may not call operations for publishers and administrators."""
    user = call.server.state.user_named("viewer")["guid"]
    for method, path in (
        ("GET", "/v1/audit_logs"),
        ("POST", "/v1/users"),
        ("POST", f"/v1/users/{user}/lock"),
        ("POST", "/v1/tags"),
        ("POST", "/v1/content"),
        ("GET", "/v1/instrumentation/content/visits"),
    ):
        assert (await call(method, path, json={}, user="viewer")).status == 403


async def test_locked_account(call):
    """The key of a locked account is rejected."""
    call.server.state.user_named("viewer")["locked"] = True
    assert (await call("GET", "/v1/user", user="viewer")).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/v1/server_settings/nodejs",
        "/v1/server_settings/tensorflow",
        "/v1/server_settings/public",
        "/v1/audit/actions",
        "/v1/search/auditlogs",
    ],
)
async def test_later_operations(call, old, path):
    """Operations that were added later do not exist on an old server."""
    assert (await call("GET", path)).status == 200
    assert (await old("GET", path)).body == b"404 page not found\n"


@pytest.mark.parametrize("language", ["r", "python", "quarto"])
async def test_installations(old, language):
    """The installations of each language are listed."""
    assert (await old.json("GET", f"/v1/server_settings/{language}"))["installations"]


async def test_cluster_cookies(serving):
    """Clients without a cookie are assigned to the nodes in turn; others receive no cookie."""
    call = await serving(nodes=3)
    replies = [await call("GET", "/v1/user") for _ in range(4)]
    cookies = [reply.headers["Set-Cookie"] for reply in replies]
    assert cookies == [f"rscid={n}; Path=/; HttpOnly" for n in (1, 2, 3, 1)]
    assert "Set-Cookie" not in (await call("GET", "/v1/user", cookies={"rscid": "2"})).headers


async def test_single_node_sets_no_cookie(call):
    """A server with a single node does not set cookies."""
    assert "Set-Cookie" not in (await call("GET", "/v1/user")).headers


@pytest.mark.parametrize(("version", "code"), [("2026.03.0", 141), ("2023.09.0", 4)])
async def test_task_on_another_node(serving, version, code):
    """A task is only available on the node that started it."""
    call = await serving(nodes=2, version=version)
    guid = next(iter(call.server.state.content))
    started = await call("POST", f"/v1/content/{guid}/deploy", json={})
    cookie = started.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    path = f"/v1/tasks/{started.json()['task_id']}"
    assert (await call("GET", path, cookies={"rscid": cookie})).status == 200
    assert (await call("GET", path)).code == code
    other = {"1": "2", "2": "1"}[cookie]
    reply = await call("GET", path, cookies={"rscid": other})
    assert (reply.status, reply.code) == (404, code)


async def test_stop_ends_waiting_requests():
    """Stopping the server does not wait for pending faults."""
    server = FakeConnect()
    await server.start()
    server.script(faults.slow_headers(60))
    async with aiohttp.ClientSession() as session:
        session._retry_connection = False
        request = asyncio.ensure_future(session.get(server.url + "/__ping__"))
        while not server.requests:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)
        async with asyncio.timeout(2):
            await server.stop()
        with pytest.raises(aiohttp.ClientError):
            await request


async def test_latency(serving):
    """Responses are delayed at the same time, those of errors and faults as well."""
    call = await serving(latency=60)
    call.server.script(faults.status(503), on="GET /v1/users")
    paths = ["/v1/user", "/v1/users", "/v1/none", "/../../__ping__"]
    timeout = aiohttp.ClientTimeout(total=0.05)
    replies = await asyncio.gather(
        *(call("GET", path, timeout=timeout) for path in paths), return_exceptions=True
    )
    assert {type(reply) for reply in replies} == {asyncio.TimeoutError}
    assert len(call.server.requests) == len(paths)
    call.server.latency = 0
    assert (await call("GET", "/v1/user")).status == 200
    call.server.latency = 60
    pending = asyncio.ensure_future(call("GET", "/v1/user"))
    while len(call.server.requests) < len(paths) + 2:  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.001)
    async with asyncio.timeout(2):
        await call.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await pending


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FakeConnect(port=80000), "port must be between 0 and 65535; got 80000"),
        (lambda: FakeConnect(port=-1), "port must be between 0 and 65535"),
        (lambda: FakeConnect(latency=-1), "latency must be at least 0; got -1"),
        (lambda: FakeConnect(nodes=0), "nodes must be at least 1; got 0"),
        (lambda: FakeConnect(page_cache=-1), "page_cache must be at least 0"),
        (lambda: Seed(visits=-5), "visits must be at least 0; got -5"),
        (lambda: Seed(users=-1), "users must be at least 0"),
        (lambda: Seed(burst=0), "burst must be at least 1"),
        (lambda: BuildScript(seconds_per_line=-1), "seconds_per_line must be at least 0"),
        (lambda: BuildScript(seconds_per_line=math.nan), "seconds_per_line must be at least 0"),
        (lambda: BuildScript(lines_per_poll=0), "lines_per_poll must be at least 1"),
    ],
)
def test_arguments_out_of_range(make, message):
    """An argument that is out of its range raises ValueError with the range."""
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


async def test_concurrent_requests(serving):
    """The server responds to all concurrent requests."""
    call = await serving(Seed(users=50))
    replies = await asyncio.gather(*(call("GET", "/v1/user") for _ in range(50)))
    assert {reply.status for reply in replies} == {200}
    assert len(call.server.requests) == 50


async def test_module_serves():
    """`python -m aconnect.testing` prints its URL and key, serves, and stops on SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "aconnect.testing", "--visits", "7", "--version", "2024.06.0"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    info = json.loads(await process.stdout.readline())
    headers = {"Authorization": f"Key {info['api_key']}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(info["url"] + "/__api__/v1/instrumentation/content/visits") as response,
    ):
        assert len((await response.json())["results"]) == 7
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


async def test_module_refuses_wrong_arguments():
    """`python -m aconnect.testing` reports an argument that is out of its range as wrong usage."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aconnect.testing", "--nodes", "0"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    _, err = await process.communicate()
    assert process.returncode == 2
    assert b"nodes must be at least 1; got 0" in err
    assert b"Traceback" not in err


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.1", "example.com"])  # noqa: S104
def test_a_server_that_others_can_reach(host):
    """A server that others may reach warns, because its key is publicly known."""
    with pytest.warns(UserWarning, match="its key is publicly known"):
        FakeConnect(host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", ""])  # noqa: S104  the point
async def test_the_address_of_a_server_that_others_can_reach(host):
    """A server that listens on all addresses has one that this machine can connect to."""
    with pytest.warns(UserWarning, match="publicly known"):
        server = FakeConnect(host=host)
    async with server, aiohttp.ClientSession() as session:
        assert server.url.startswith(("http://127.0.0.1:", "http://[::1]:"))
        async with session.get(server.url + "/__ping__") as ping:
            assert ping.status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "x.localhost"])
def test_a_server_of_this_machine(host):
    """A server that only this machine can reach does not warn."""
    FakeConnect(host=host)
