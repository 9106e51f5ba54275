"""Every wait for the network has a limit, however little a server sends or reads."""

import asyncio

import pytest

from aconnect import RetryPolicy, Timeout, errors
from aconnect._core.message import Upload
from aconnect._transport import body
from aconnect._transport.body import UploadBody
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect._transport.watchdog import Deadline

HEAD = b"HTTP/1.1 %b\r\nContent-Length: 1000\r\n\r\n"
UPLOAD = b"x" * (64 << 10)


@pytest.fixture
def drip(raw_server, connect):
    """Start a server that reads a request, sends a part, and then one byte at a time."""

    async def start(before, byte, size=0):
        async def handler(reader, writer):
            await server.head(reader)
            await reader.readexactly(size)
            writer.write(before)
            while True:
                await asyncio.sleep(0.01)
                writer.write(byte)
                await writer.drain()

        server = await raw_server(handler)
        return await connect(
            server.url,
            timeout=Timeout(read=0.1),
            retry=RetryPolicy(attempts=1, deadline=0.1),
            clock=SYSTEM_CLOCK,
        )

    return start


async def ended(client, call, part):
    """Await a call that must end by itself, because of this part."""
    async with asyncio.timeout(20):
        with pytest.raises((errors.ReadTimeoutError, errors.DeadlineExceededError), match=part):
            await call
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert client.in_flight == 0


async def read(client):
    async with client.stream(client.users.me) as stream:
        async for _ in stream:
            pass


def upload(client):
    return client.content.handle("x").bundles.create(UPLOAD)


@pytest.mark.parametrize("call", [lambda c: c.me(), read], ids=["call", "stream"])
async def test_dripping_head(drip, call):
    """The head of a response has a limit as a whole, for calls and streams."""
    client = await drip(b"HTTP/1.1 200 OK\r\nX: ", b"x")
    await ended(client, call(client), "a response")


@pytest.mark.parametrize("status", [b"403 Forbidden", b"500 Broken"])
async def test_dripping_error_of_a_stream(drip, status):
    """So has the body of an error, if the call is a stream."""
    client = await drip(HEAD % status, b"x")
    await ended(client, read(client), "the rest of the response")


@pytest.mark.parametrize(
    ("before", "part"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", "read the upload, or for a response"),
        (HEAD % b"200 OK", "the rest of the response"),
        (HEAD % b"500 Broken", "the rest of the response"),
    ],
    ids=["head", "body", "error"],
)
async def test_dripping_response_to_an_upload(drip, before, part):
    """So has the response to an upload, counted from when it was sent."""
    client = await drip(before, b"x", len(UPLOAD))
    await ended(client, upload(client), part)


async def test_upload_that_nobody_reads(raw_server, connect):
    """An upload to a server that stops reading ends, and releases its permit."""

    async def handler(reader, _):
        await server.head(reader)
        await asyncio.sleep(60)

    server = await raw_server(handler, limit=1 << 10)
    client = await connect(server.url, timeout=Timeout(read=0.1))
    call = client.content.handle("x").bundles.create(b"x" * (24 << 20))
    await ended(client, call, "read the upload")
    assert server.connections == 1


@pytest.mark.parametrize(("quick", "largest"), [(60.0, 256 << 10), (0.0, 64 << 10)])
async def test_pieces_of_an_upload(monkeypatch, quick, largest):
    """A quick connection gets larger pieces, a slow one small ones; the first one is small."""
    monkeypatch.setattr(body, "_QUICK", quick)
    data = bytes(range(250)) * 4000
    sent = UploadBody(Upload(data, size=len(data), content_type="x", headers={}), None, None)
    pieces = [bytes(piece) async for piece in sent]
    assert b"".join(pieces) == data
    assert len(pieces[0]) == 64 << 10
    assert max(map(len, pieces)) == largest


async def test_progress_extends_the_limit_of_an_upload():
    """Each piece of an upload that the connection takes extends the limit, to the last one."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    deadline = Deadline(task, 0.0)
    sent = UploadBody(
        Upload(b"x" * 400_000, size=400_000, content_type="x", headers={}), deadline, 7.0
    )
    pieces = 0
    async for _ in sent:
        assert deadline.expires >= loop.time() + 6
        deadline.expires = 0.0
        pieces += 1
    assert pieces > 2
    assert deadline.expires >= loop.time() + 6


@pytest.mark.parametrize("error", [OSError("mine"), ValueError("mine"), RuntimeError("mine")])
async def test_progress_that_fails_in_any_way(client, archive, error):
    """An exception of a progress callback is raised unchanged, whatever its class."""
    item = await client.content.create(name="item")

    def progress(_):
        raise error

    with pytest.raises(type(error), match="mine") as caught:
        await item.bundles.create(archive, progress=progress)
    assert caught.value is error
