"""Network failures become one typed error that says what to do and shows no secret."""

import asyncio
import socket
import time
import traceback
from typing import Any

import pytest

from aconnect import Client, Limits, RetryPolicy, Timeout, errors
from aconnect._core.message import CallOptions, Request
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.testing import FakeConnect, faults

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
def full_socket():
    """A loopback port that accepts no connection, because its queue is full."""
    with socket.socket() as listening, socket.socket() as one, socket.socket() as two:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in (one, two):
            filler.setblocking(False)  # noqa: FBT003  the name says it
            filler.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_connect_timeout(connect, full_socket):
    """A connection that is not established in time raises a timeout."""
    client = await connect(full_socket, timeout=Timeout(connect=0.1), retry=ONCE)
    with pytest.raises(errors.ConnectTimeoutError, match=r"could not connect in time"):
        await client.me()


async def test_read_timeout(connect, server):
    """A response that does not begin in time raises a timeout."""
    client = await connect(timeout=Timeout(read=0.1), retry=ONCE)
    server.script(faults.slow_headers(60))
    with pytest.raises(
        errors.ReadTimeoutError, match=r"GET .*/v1/user: waited too long for a response"
    ):
        await client.me()


async def test_read_timeout_in_the_middle(connect, server):
    """A response that stops in the middle is reported as such."""
    client = await connect(timeout=Timeout(read=0.1), retry=ONCE)
    server.script(faults.stalled_body(60))
    with pytest.raises(errors.ReadTimeoutError, match="rest of the response"):
        await client.me()


@pytest.mark.parametrize("timeout", [Timeout(total=0.1), 0.1])
async def test_total_timeout(connect, server, timeout):
    """The total time of an attempt can be limited; a plain number means that."""
    client = await connect(timeout=timeout, retry=ONCE)
    server.script(faults.slow_headers(60))
    with pytest.raises(errors.ReadTimeoutError):
        await client.me()


async def test_slow_connection_is_no_lost_answer(connect, full_socket):
    """Without a connection, even a very short read timeout reports that nothing was sent."""
    timeout = Timeout(connect=1, read=0.5)
    client = await connect(full_socket, timeout=timeout, retry=ONCE)
    with pytest.raises(errors.ConnectTimeoutError):
        await client.me()


async def test_a_blocked_event_loop(connect, raw_server):
    """A response that arrived while other code blocked the loop is read, however late."""

    async def response(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        writer.write(b'Content-Length: 16\r\n\r\n{"username":"a"}')
        time.sleep(0.3)  # noqa: ASYNC251  as programs do that compute

    server = await raw_server(response)
    client = await connect(server.url, timeout=Timeout(read=0.1), retry=ONCE)
    assert (await client.me()).username == "a"


async def test_deadline_without_a_connection(connect, full_socket):
    """A deadline that passes before there is a connection raises a deadline error."""
    retry = RetryPolicy(attempts=1, deadline=0.1)
    client = await connect(full_socket, retry=retry, clock=SYSTEM_CLOCK)
    with pytest.raises(errors.DeadlineExceededError):
        await client.me()


@pytest.mark.parametrize("wrong", [0, -1, float("nan")])
@pytest.mark.parametrize("part", ["connect", "read", "total"])
def test_timeouts_checked(part, wrong):
    """An invalid timeout is refused; no limit is written as None."""
    with pytest.raises(ValueError, match=part):
        Timeout(**{part: wrong})


async def test_hold_extends_the_read_timeout(connect, server, archive):
    """A server that was asked to hold its response back gets the time for that."""
    client = await connect(timeout=Timeout(read=0.05), retry=ONCE, clock=SYSTEM_CLOCK)
    item = await client.content.create(name="item")
    task = await item.deploy(await item.bundles.create(archive))
    server.script(faults.slow_headers(0.2), on="GET /v1/tasks/*")
    assert (await task.wait()).finished
    server.script(faults.slow_headers(5), on="GET /v1/tasks/*")
    with pytest.raises(errors.ReadTimeoutError):
        await task.status()


async def test_unknown_host(connect):
    """A host that does not exist is reported with a hint to check the address."""
    client = await connect("https://no-such-host.invalid", retry=ONCE)
    with pytest.raises(
        errors.ConnectionFailedError, match=r"no-such-host\.invalid.*check the address"
    ):
        await client.me()


async def test_refused_port(connect, free_port):
    """A port without a listener is reported."""
    client = await connect(f"http://127.0.0.1:{free_port}", retry=ONCE)
    with pytest.raises(errors.ConnectionFailedError, match=r"could not connect.*server is running"):
        await client.me()


@pytest.mark.parametrize(
    "host", ["a" * 64 + ".example.com", "a..b", ".", "-.invalid", "ex_.invalid"]
)
async def test_impossible_hosts(connect, host):
    """An impossible host name is a typed error as well, at once or at the first call."""
    with pytest.raises((errors.InvalidArgumentError, errors.ConnectionFailedError)):
        await (await connect(f"https://{host}", retry=ONCE)).me()


@pytest.mark.parametrize(
    "fault",
    [faults.garbage(), faults.reset(), faults.reset_mid_body(), faults.slow_headers(60)],
    ids=lambda fault: type(fault).__name__,
)
async def test_messages_without_the_query(connect, server, fault):
    """No message repeats the query, which may name people, nor the key."""
    client = await connect(timeout=Timeout(read=0.1), retry=ONCE)
    server.script(fault)
    with pytest.raises(errors.TransportError) as caught:
        await client.users.find(prefix="priv4te")
    text = str(caught.value)
    assert "/v1/users" in text
    assert "priv4te" not in text
    assert server.api_key not in text


async def test_key_in_a_foreign_text(connect, server):
    """A key that a proxy repeats with status 200 is redacted."""
    client = await connect()
    server.script(faults.status(200, body=f"not for {server.api_key}"))
    with pytest.raises(errors.DecodeError, match="text/plain") as caught:
        await client.me()
    assert server.api_key not in str(caught.value)


async def test_key_in_a_task_answer(connect, server, archive):
    """The same if the response to the start of a task is something else."""
    client = await connect()
    item = await client.content.create(name="item")
    bundle = await item.bundles.create(archive)
    server.script(faults.status(202, body={"echo": server.api_key}))
    with pytest.raises(errors.AconnectError) as caught:
        await item.deploy(bundle)
    assert server.api_key not in str(caught.value)


@pytest.mark.parametrize(
    "path",
    ["https://other/v1/user", "../x", "/v1/../../x", "/v1/x y", "/v1/x\r\nEvil: 1", "/v1/ü"],
)
async def test_raw_paths_checked(client, server, path):
    """A path passed to `request` that would break the request or leave the API is refused."""
    with pytest.raises(errors.InvalidArgumentError, match="path"):
        await client.request("GET", path)
    assert not server.requests


@pytest.mark.parametrize("method", ["GET\r\nX: y", "G ET", ""])
async def test_raw_methods_checked(client, server, method):
    """An invalid method is refused."""
    with pytest.raises(errors.InvalidArgumentError):
        await client.request(method, "/v1/user")
    assert not server.requests


async def test_raw_path_with_a_query(client, server):
    """Parameters are appended to a query that the path already has."""
    await client.request("GET", "/v1/users?page_size=1", params={"prefix": "a"})
    assert server.requests[0].query == {"page_size": ["1"], "prefix": ["a"]}


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X\0": "b"}, {"X": "\0"}, {"": "x"}, {"X Y": "z"}],
)
def test_headers_checked(headers):
    """Neither the name nor the value of a header can inject another header."""
    with pytest.raises(errors.InvalidArgumentError, match="header"):
        Client("http://localhost", api_key="k", headers=headers)


@pytest.mark.parametrize(
    "name", ["proxy_authorization", "snowflake_token", "api_key", "user_agent"]
)
def test_arguments_that_become_headers_checked(name):
    """The same for arguments that become headers."""
    arguments: dict[str, Any] = {"api_key": "k", name: "a\r\nEvil: b"}
    with pytest.raises(errors.InvalidArgumentError, match="line break"):
        Client("http://localhost", **arguments)


@pytest.mark.parametrize("value", ["a\r\nEvil: b", "a\0b", "a\x7fb"])
@pytest.mark.parametrize("name", ["cookies", "credentials"])
async def test_headers_of_one_call_checked(client, server, name, value):
    """The same for headers of a single call; the value is not repeated, and nothing is sent."""
    call = (
        CallOptions(cookies=value)
        if name == "cookies"
        else CallOptions(credentials={"Authorization": value})
    )
    request = Request(operation="x", method="GET", target="/v1/user")
    with pytest.raises(errors.InvalidArgumentError, match="cannot be sent") as caught:
        await client.channel.send(request, call)
    assert value not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "Accept", "user-agent"])
async def test_one_header_of_a_name(connect, server, name):
    """A custom header is not sent twice, and never replaces the credentials."""
    client = await connect(headers={name: "mine"})
    await client.me()
    values = server.requests[0].headers.getall(name)
    assert len(values) == 1
    assert values == ["mine"] or name.lower() == "authorization"


async def test_permits_after_failures(connect, free_port):
    """Failed calls release their permits."""
    client = await connect(f"http://127.0.0.1:{free_port}", limits=Limits(initial=1, maximum=1))
    for _ in range(3):
        with pytest.raises(errors.ConnectionFailedError):
            await client.me()
    assert client.in_flight == 0


async def test_prefix_is_sent_quoted(connect, stack):
    """A server below a path with spaces or non-ASCII letters is reached."""
    server = await stack.enter_async_context(FakeConnect(prefix="/my%20r%C3%A4ume"))
    host = server.url.removesuffix("/my%20r%C3%A4ume")
    client = await connect(f"{host}/my räume/", api_key=server.api_key, retry=ONCE)
    assert (await client.me()).username == "admin"


async def test_cancelled_calls_leave_nothing(connect, server, until):
    """Calls that are cancelled while they wait leave neither tasks nor permits behind."""
    client = await connect(limits=Limits(initial=2, maximum=2))
    server.script(*[faults.slow_headers(60)] * 2)
    calls = [asyncio.create_task(client.me()) for _ in range(5)]
    await until(lambda: len(server.requests) == 2)
    for call in calls:
        call.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError)
        for each in await asyncio.gather(*calls, return_exceptions=True)
    )
    assert client.in_flight == 0
    assert (await client.me()).username == "admin"


KEY = "S3CRET-KEY-OF-THE-USER-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\n"
REPEATING = {
    "no HTTP": b"no: %s\r\n\r\n",
    "status line": b"HTTP/1.1 2%s OK\r\n\r\n",
    "header": HEAD + b"bad header %s\r\n\r\n",
    "half a header": HEAD + b"X-Echo: %s",
    "long header": HEAD + b"X-Echo: " + b"x" * 90 + b"%s" + b"x" * 20_000 + b"\r\n\r\n",
    "length": HEAD + b"Content-Length: %s\r\n\r\n",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n%s\r\n",
    "second chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n%s\r\n",
    "compression": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 33\r\n\r\n%s",
    "host": b"HTTP/1.1 302 Found\r\nLocation: https://%s.example.com/\r\n\r\n",
    "not UTF-8": HEAD + b'Content-Length: 50\r\n\r\n{"guid": "%s\xff"}    ',
    "no JSON": HEAD + b"Content-Length: 150\r\n\r\n" + b"x" * 110 + b"%s" + b"x" * 7,
    "error": b"HTTP/1.1 500 %s\r\nRetry-After: %s\r\nContent-Length: 33\r\n\r\n%s",
}


@pytest.mark.parametrize("answer", REPEATING.values(), ids=REPEATING)
@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
async def test_a_key_that_is_repeated_in_no_http(raw_server, connect, answer, streamed):
    """Whatever repeats the key, no part of it is in the error, its causes or a traceback."""

    async def respond(reader, writer):
        await server.head(reader)
        writer.write(answer.replace(b"%s", KEY.encode()))
        await writer.drain()

    server = await raw_server(respond)
    client = await connect(server.url, api_key=KEY, retry=ONCE)
    error: errors.AconnectError | None = None
    try:
        if streamed:
            async with client.stream(client.users.me) as stream:
                _ = [chunk async for chunk in stream]
        else:
            await client.me()
    except errors.AconnectError as raised:
        error = raised
    # A stream is not decoded.
    assert error is not None or streamed
    texts = [] if error is None else traceback.format_exception(error)
    link: BaseException | None = error
    while link is not None:
        texts += [str(link), repr(link)]
        link = link.__cause__
    parts = [KEY[start : start + 8].lower() for start in range(len(KEY) - 8)]
    assert not [text for text in texts for part in parts if part in text.lower()]
    assert getattr(error, "retry_after", None) in {None, "***"}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_control_characters_of_a_server(raw_server, connect, method):
    """A server's text is without control characters, and on one line, in an error's message."""
    hostile = "\x1b[2Jno\r\nERROR \u202eforged \x9b31m"

    async def respond(reader, writer):
        await server.head(reader)
        body = hostile.encode()
        writer.write(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    server = await raw_server(respond)
    client = await connect(server.url, retry=ONCE)
    with pytest.raises(errors.ServerError) as caught:
        await client.request(method, "/v1/x")
    assert caught.value.message == "no ERROR forged 31m"
    assert str(caught.value).isprintable()
