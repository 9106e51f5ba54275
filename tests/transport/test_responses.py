"""Responses that are cut, damaged, in an unknown coding, or that nobody asked for."""

import asyncio
import gzip
import random
import zlib

import aiohttp
import pytest

from aconnect import RetryPolicy, Timeout, errors

BODY = b'{"username":"a"}'
LONG = random.Random(1).randbytes(500_000)
FAST = RetryPolicy(base=0.0, cap=0.0)


def response(body=BODY, *headers, status=b"200 OK", length=True):
    """Return the bytes of a response."""
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", *headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def coded(coding, body):
    return response(body, b"Content-Encoding: " + coding)


def chunked(body):
    return response(body, b"Transfer-Encoding: chunked", length=False)


@pytest.fixture(params=["zlib", "isal.isal_zlib"])
def zlib_backend(request):
    """The implementation that decodes bodies: the usual one, and that of the command line."""
    aiohttp.set_zlib_backend(pytest.importorskip(request.param))
    yield
    aiohttp.set_zlib_backend(zlib)


@pytest.fixture
def serve(raw_server, connect):
    """Start a server that sends these bytes, in pieces, and return it with its client."""

    async def start(raw, *, pieces=1, close=False, **options):
        async def handler(reader, writer):
            while True:
                await server.head(reader)
                step = -(-len(raw) // pieces)
                for start in range(0, len(raw), step):
                    writer.write(raw[start : start + step])
                    await writer.drain()
                    await asyncio.sleep(0.005 if pieces > 1 else 0)
                if close:
                    return

        server = await raw_server(handler)
        # A body whose end is not noticed would take a minute, and the test with it.
        options = {"timeout": Timeout(read=60), "retry": FAST, **options}
        return server, await connect(server.url, **options)

    return start


async def download(client, path):
    return await client.download(path, client.content.handle("x").bundles.download, "1")


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize(
    ("raw", "close"),
    [
        pytest.param(coded(b"gzip", gzip.compress(LONG)[:-9]), False, id="gzip"),
        pytest.param(coded(b"gzip", gzip.compress(LONG)[:250_000]), False, id="half of gzip"),
        pytest.param(coded(b"deflate", zlib.compress(LONG)[:-9]), False, id="deflate"),
        pytest.param(chunked(b'5\r\n{"use\r\nZZ\r\nabc\r\n0\r\n\r\n'), False, id="bad size"),
        pytest.param(chunked(b'5\r\n{"useXX\r\n0\r\n\r\n'), False, id="bad chunk"),
        pytest.param(chunked(b'5\r\n{"use\r\n'), True, id="chunks"),
        pytest.param(response()[:-3], True, id="length"),
    ],
)
@pytest.mark.parametrize("how", ["call", "download", "stream"])
@pytest.mark.usefixtures("zlib_backend")
async def test_cut_bodies(serve, tmp_path, raw, close, pieces, how):
    """A body that ends too early is reported at once, and never taken for the whole."""
    _, client = await serve(raw, pieces=pieces, close=close)
    with pytest.raises(errors.ConnectionLostError) as caught:  # noqa: PT012  ways to read
        async with asyncio.timeout(30):
            match how:
                case "call":
                    await client.request("GET", "/v1/user")
                case "download":
                    await download(client, tmp_path / "out")
                case "stream":
                    async with client.stream(client.users.me) as stream:
                        async for _ in stream:
                            pass
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert client.in_flight == 0


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(coded(b"br", b"\x0b\x07\x80"), "'br'", id="brotli"),
        pytest.param(coded(b"zstd", BODY), "'zstd'", id="zstd"),
        pytest.param(coded(b"compress", BODY), "'compress'", id="compress"),
        pytest.param(coded(b"gzip", BODY), "'gzip'.*(header|wrapper)", id="gzip, but plain"),
        pytest.param(
            coded(b"gzip", gzip.compress(BODY)[:-8] + bytes(8)),
            "'gzip'.*(data check|checksum)",
            id="damaged",
        ),
        pytest.param(
            coded(b"gzip, gzip", gzip.compress(gzip.compress(BODY))), "'gzip, gzip'", id="double"
        ),
        pytest.param(response(BODY, b"X: " + b"x" * 70_000), "too large.*65536", id="long header"),
        pytest.param(
            response(BODY, *[b"X%d: y" % i for i in range(1100)]), "too large.*many", id="headers"
        ),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
            "returned 101, but no other protocol",
            id="101",
        ),
    ],
)
@pytest.mark.parametrize("how", ["call", "download"])
@pytest.mark.usefixtures("zlib_backend")
async def test_unreadable(serve, tmp_path, raw, reason, how):
    """What cannot be read is one error that names the reason, and is not retried."""
    server, client = await serve(raw)
    with pytest.raises(errors.DecodeError, match=reason):  # noqa: PT012  ways to read
        if how == "call":
            await client.request("GET", "/v1/user")
        else:
            await download(client, tmp_path / "out")
    assert len(server.heads) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(coded(b"gzip", gzip.compress(LONG)), id="gzip"),
        pytest.param(coded(b"GZIP", gzip.compress(LONG)), id="upper case"),
        pytest.param(coded(b"x-gzip", gzip.compress(LONG)), id="x-gzip"),
        pytest.param(
            coded(b"gzip", gzip.compress(LONG[:9]) + gzip.compress(LONG[9:])), id="two members"
        ),
        pytest.param(coded(b"gzip", gzip.compress(LONG) + bytes(99)), id="padded"),
        pytest.param(coded(b"deflate", zlib.compress(LONG)), id="deflate"),
        pytest.param(coded(b"deflate", zlib.compress(LONG)[2:-4]), id="raw deflate"),
        pytest.param(coded(b"identity", LONG), id="identity"),
        pytest.param(coded(b"", LONG), id="empty coding"),
        pytest.param(response(LONG, b"X: " + b"x" * 60_000), id="long header"),
        pytest.param(response(LONG, *[b"X%d: y" % i for i in range(900)]), id="many headers"),
    ],
)
@pytest.mark.usefixtures("zlib_backend")
async def test_readable(serve, tmp_path, raw, pieces):
    """Codings that were asked for, under all their names, and large headers are read."""
    server, client = await serve(raw, pieces=pieces)
    assert (await client.request("GET", "/v1/user")).body == LONG
    assert (await download(client, tmp_path / "out")).read_bytes() == LONG
    assert b"accept-encoding: gzip, deflate\r\n" in server.heads[0].lower()


@pytest.mark.parametrize("fill", [0, 1])
@pytest.mark.parametrize("size", [1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3 << 20])
@pytest.mark.usefixtures("zlib_backend")
async def test_sizes_of_decoded_bodies(serve, size, fill):
    """A decoded body is complete, however its size relates to that of the decoded pieces."""
    body = bytes(size) if fill == 0 else (LONG * 7)[:size]
    _, client = await serve(coded(b"gzip", gzip.compress(body)))
    assert (await client.request("GET", "/v1/user")).body == body


async def test_empty_body_with_a_coding(serve):
    """No body is a complete one, whatever its coding is called."""
    _, client = await serve(coded(b"br", b""))
    assert (await client.request("GET", "/v1/user")).body == b""


STRAY = response(b'{"username":"mallory"}')


@pytest.mark.parametrize("stray", [STRAY, b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
@pytest.mark.parametrize("when", ["together", "idle", "blocked"])
async def test_response_nobody_asked_for(connect, raw_server, stray, when):
    """A connection with unread bytes is closed and never gives them to the next call."""
    writers = []

    async def handler(reader, writer):
        writers.append(writer)
        while True:
            await server.head(reader)
            first = when == "together" and len(server.heads) == 1
            writer.write(response() + (stray if first else b""))

    server = await raw_server(handler)
    client = await connect(server.url, retry=RetryPolicy(attempts=1))
    assert (await client.me()).username == "a"
    if when != "together":
        # Sent at once; what follows does not let the event loop read it before the next call.
        writers[0].write(stray)
    if when == "idle":
        for _ in range(20):
            await asyncio.sleep(0.001)
    assert (await client.me()).username == "a"
    assert server.connections == 2


async def test_connection_closed_while_the_loop_was_blocked(connect, raw_server):
    """A connection that the server has closed in the meantime is not used for the next call."""
    writers = []

    async def handler(reader, writer):
        writers.append(writer)
        while True:
            await server.head(reader)
            writer.write(response())

    server = await raw_server(handler)
    client = await connect(server.url, retry=RetryPolicy(attempts=1))
    await client.me()
    writers[0].write_eof()
    assert (await client.request("POST", "/v1/groups")).status == 200
    assert server.connections == 2


async def test_json_of_a_response(serve):
    """`Response.json` returns what the body says, of whatever type."""
    for body, value in ((b'{"a": [1, null]}', {"a": [1, None]}), (b'"text"', "text")):
        _, client = await serve(response(body))
        assert (await client.request("GET", "/v1/x")).json() == value


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"", b"application/json", "the body is empty"),
        (b"<html>sign in</html>", b"text/html", "an HTML page"),
        (b'{"a": 1', b"application/json", r"truncated \(received 7 bytes\)"),
        (b"the-secret", b"text/plain", r"text/plain \(received 10 bytes\)"),
        (b"\xff\xfe", b"application/json", r"application/json \(received 2 bytes\)"),
        (b"[" * 100_000, b"application/json", "damaged or truncated"),
    ],
)
async def test_json_of_what_is_none(serve, body, content_type, told):
    """A body that is not JSON raises DecodeError, which has it but does not quote it."""
    raw = response(body).replace(b"application/json", content_type, 1)
    _, client = await serve(raw)
    received = await client.request("GET", "/v1/x", params={"q": "in-the-query"})
    with pytest.raises(errors.DecodeError, match=told) as caught:
        received.json()
    assert caught.value.body == body
    assert "/v1/x returned 200 without JSON" in str(caught.value)
    assert "the-secret" not in str(caught.value)
    assert "in-the-query" not in str(caught.value)
