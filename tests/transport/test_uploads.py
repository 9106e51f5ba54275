"""Uploads from functions and files: sent as announced, or not completely."""

import asyncio
import base64
import hashlib
import os
from contextlib import aclosing

import pytest
from hypothesis import given, strategies as st

from aconnect import Limits, RetryPolicy, Timeout, errors
from aconnect._core.message import Upload
from aconnect._transport.body import UploadBody
from aconnect.connect import archive_upload
from aconnect.testing import faults

DATA = os.urandom(700_000)
MD5 = hashlib.md5(DATA).hexdigest()  # noqa: S324  the API has it so
LENGTH = len(DATA)


class Source:
    """Returns iterators over the same chunks; counts those that are open."""

    def __init__(self, *chunks, size=50_000, end=None, gate=None):
        self.chunks = chunks or [DATA[i : i + size] for i in range(0, LENGTH, size)]
        self.end = end
        self.gate = gate
        self.opened = self.closed = 0

    async def __call__(self):
        self.opened += 1
        try:
            for chunk in self.chunks:
                await asyncio.sleep(0)
                yield chunk
            if self.gate is not None:
                await self.gate.wait()
            if self.end is not None:
                raise self.end
        finally:
            await asyncio.sleep(0)
            self.closed += 1


class Recorder:
    """Reads one request after the other, and responds to those that are complete."""

    def __init__(
        self, response=b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"1"}', after=None
    ):
        self.response = response
        self.after = after
        """How much of a body is read before the response; None for all."""
        self.bodies = []
        self.complete = 0

    async def __call__(self, reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = bytearray()
            self.bodies.append(body)
            length = int(head.lower().partition(b"\r\ncontent-length: ")[2].split(b"\r\n")[0] or 0)
            wanted = length if self.after is None else self.after
            while len(body) < wanted:
                if not (more := await reader.read(wanted - len(body))):
                    return
                body += more
            self.complete += length == len(body)
            writer.write(self.response)
            await writer.drain()


@pytest.mark.parametrize("size", [1, 50, 1000])
@pytest.mark.parametrize("written", [None, str.lower, str.upper], ids=["none", "lower", "upper"])
async def test_upload_from_a_function(item, server, archive, size, written):
    """The bytes of a function arrive as they are, with the announced length and checksum."""
    digest, seen = hashlib.md5(archive), list[int]()  # noqa: S324  the API has it so
    md5 = None if written is None else written(digest.hexdigest())
    source = Source(*[archive[i : i + size] for i in range(0, len(archive), size)])
    bundle = await item.bundles.create(source, size=len(archive), md5=md5, progress=seen.append)
    request = server.requests[-1]
    assert request.body == archive
    assert request.headers.getall("Content-Length") == [str(len(archive))]
    assert "Transfer-Encoding" not in request.headers
    checksum = None if md5 is None else base64.b64encode(digest.digest()).decode()
    assert request.headers.get("X-Content-Checksum") == checksum
    assert (bundle.size, sum(seen)) == (len(archive), len(archive))
    assert (source.opened, source.closed) == (1, 1)


async def test_large_upload_from_a_function(connect, raw_server):
    """Many chunks of any size arrive in their order."""
    recorder = Recorder()
    client = await connect((await raw_server(recorder)).url)
    for size in (999, 65536, 200_000, LENGTH):
        source = Source(size=size)
        await client.content.handle("x").bundles.create(source, size=LENGTH, md5=MD5)
        assert recorder.bodies.pop() == DATA
        assert source.closed == 1


async def test_each_attempt_opens_the_source_again(item, server, archive):
    """A retried upload begins its source again, and closes it after each attempt."""
    source = Source(archive[:50], archive[50:])
    server.script(faults.status(503), faults.status(429), on="POST *bundles")
    await item.bundles.create(source, size=len(archive))
    assert (source.opened, source.closed) == (3, 3)
    assert [r.body for r in server.requests if r.path.endswith("/bundles")] == [archive] * 3


async def test_a_redirect_opens_the_source_again(item, server, archive):
    """A redirect that keeps the body sends it from its beginning."""
    source = Source(archive[:50], archive[50:])
    path = f"/__api__/v1/content/{item.guid}/bundles"
    server.script(faults.redirect(path, 307), on="POST *bundles")
    await item.bundles.create(source, size=len(archive))
    assert (source.opened, source.closed) == (2, 2)
    assert server.requests[-1].body == archive


OURS = KeyError("mine")
BROKEN = {
    "raises at once": (Source(b"", end=OURS), LENGTH, None),
    "raises later": (Source(DATA[:300_000], end=OURS), LENGTH, None),
    "raises at its end": (Source(DATA, end=OURS), LENGTH, None),
    "raises OSError": (Source(DATA[:300_000], end=OSError("mine")), LENGTH, None),
    "raises TimeoutError": (Source(DATA[:300_000], end=TimeoutError("mine")), LENGTH, None),
    "lost its connection": (
        Source(DATA[:300_000], end=errors.ConnectionLostError("mine")),
        LENGTH,
        None,
    ),
    "was cancelled": (Source(DATA[:300_000], end=asyncio.CancelledError("mine")), LENGTH, None),
    "no bytes": (Source("text"), LENGTH, None),
    "empty": (Source(b""), LENGTH, None),
    "too short": (Source(), LENGTH + 1, None),
    "too long": (Source(), LENGTH - 1, None),
    "much too long": (Source(DATA, DATA, DATA), LENGTH, None),
    "another MD5": (Source(), LENGTH, "0" * 32),
    "another MD5 of one chunk": (Source(DATA), LENGTH, "0" * 32),
    "no iterator": (lambda: None, LENGTH, None),
}


@pytest.mark.parametrize(("source", "size", "md5"), BROKEN.values(), ids=BROKEN)
async def test_broken_source(connect, raw_server, source, size, md5):
    """A source that fails or returns something else is an error of its own.

    The server gets no complete request, nothing is retried, the cause is kept, the source is
    closed, and the failure does not count as one of the server.
    """
    recorder = Recorder()
    client = await connect((await raw_server(recorder)).url, limits=Limits(initial=4, maximum=4))
    item = client.content.handle("x")
    opened = getattr(source, "opened", 0)
    for _ in range(6):
        with pytest.raises(errors.UploadSourceError, match="no complete request") as caught:
            await item.bundles.create(source, size=size, md5=md5)
    end = getattr(source, "end", None)
    if end is not None:
        assert caught.value.__cause__ is end
        assert "mine" in str(caught.value)
    assert caught.value.attempts == ()
    assert recorder.complete == 0
    assert client.max_in_flight == 4
    assert (client.in_flight, client.seconds_held_back) == (0, 0.0)
    if isinstance(source, Source):
        assert source.opened - opened == 6
        assert source.opened == source.closed
    await item.bundles.create(Source(), size=LENGTH, md5=MD5)
    assert recorder.complete == 1


@given(
    chunks=st.lists(st.binary(max_size=200_000), max_size=5),
    difference=st.integers(-3, 3),
    is_right=st.booleans(),
)
def test_complete_or_an_error(chunks, difference, is_right):
    """What is sent is the announced body, or an error after fewer bytes than announced."""
    data = b"".join(chunks)
    md5 = hashlib.md5(data).hexdigest() if is_right else "0" * 32  # noqa: S324  the API has it so
    size = max(0, len(data) + difference)
    source = Source(*chunks, b"")
    body = UploadBody(Upload(source, size=size, content_type="x", headers={}, md5=md5), None, None)
    sent = bytearray()

    async def send():
        async for piece in body:
            sent.extend(piece)

    if size == len(data) and is_right:
        asyncio.run(send())
        assert sent == data
    else:
        with pytest.raises(errors.UploadSourceError):
            asyncio.run(send())
        assert len(sent) < size or size == 0
        assert data.startswith(sent)
    assert source.opened == source.closed == 1


@pytest.mark.parametrize("when", ["the source waits", "the server does not read"])
async def test_cancelled_upload(connect, raw_server, until, when):
    """A cancelled upload closes its source before the cancellation is over."""
    reading = asyncio.Event()

    async def handler(reader, _):
        await reader.readuntil(b"\r\n\r\n")
        reading.set()
        await asyncio.sleep(60)

    client = await connect((await raw_server(handler, limit=1 << 10)).url)
    waits = when == "the source waits"
    source = Source(gate=asyncio.Event()) if waits else Source(*[DATA] * 40)
    call = client.content.handle("x").bundles.create(source, size=LENGTH * 40)
    task = asyncio.create_task(call)
    await reading.wait()
    await until(lambda: source.opened)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (source.opened, source.closed, client.in_flight) == (1, 1, 0)


async def test_response_before_the_end(connect, raw_server):
    """A response that comes before the end of an upload ends it, and closes the source."""
    refused = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    client = await connect((await raw_server(Recorder(refused, after=1000), limit=1 << 10)).url)
    source = Source(*[DATA] * 40)
    with pytest.raises(errors.AconnectError) as caught:
        await client.content.handle("x").bundles.create(source, size=LENGTH * 40)
    assert not isinstance(caught.value, errors.UploadSourceError)
    assert source.opened == source.closed


async def test_stalled_source(connect, raw_server):
    """A source that returns nothing for too long is not mistaken for a slow server."""
    client = await connect((await raw_server(Recorder())).url, timeout=Timeout(read=0.1))
    source = Source(DATA[:1000], gate=asyncio.Event())
    with pytest.raises(errors.UploadSourceError, match=r"nothing for 0\.1 s"):
        await client.content.handle("x").bundles.create(source, size=LENGTH)
    assert source.closed == 1


async def test_source_that_fails_while_it_is_closed(connect, raw_server):
    """What a source raises while it is closed does not replace the error of the call."""

    async def source():
        try:
            while True:
                yield DATA
        finally:
            raise KeyError("mine")

    client = await connect((await raw_server(Recorder())).url)
    with pytest.raises(errors.UploadSourceError, match="more than the announced"):
        await client.content.handle("x").bundles.create(source, size=LENGTH)


async def test_a_source_without_coroutines(connect, raw_server):
    """The iterator of a source may end itself outside a coroutine."""

    class Nothing:
        def __aiter__(self):
            return self

        def __anext__(self):
            raise StopAsyncIteration

    client = await connect((await raw_server(Recorder())).url)
    # Python 3.11 can crash here.
    with pytest.raises(errors.UploadSourceError, match="0 instead of"):
        await client.content.handle("x").bundles.create(Nothing, size=LENGTH)


async def test_chunks_that_are_reused(connect, raw_server):
    """A source may return one buffer again and again."""
    recorder = Recorder()

    async def source():
        buffer = bytearray(50_000)
        for start in range(0, LENGTH, len(buffer)):
            buffer[:] = DATA[start : start + len(buffer)]
            yield memoryview(buffer) if start % 100_000 else buffer

    client = await connect((await raw_server(recorder)).url)
    await client.content.handle("x").bundles.create(source, size=LENGTH, md5=MD5)
    assert recorder.bodies == [DATA]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.status(503), errors.ServerError),
        (faults.status(429), errors.RateLimitedError),
        (faults.redirect("/__api__/v1/content/x/bundles", 307), errors.RedirectRefusedError),
        (faults.redirect("/__api__/v1/content/x/bundles", 308), errors.RedirectRefusedError),
    ],
    ids=repr,
)
async def test_source_that_can_be_read_once(item, server, archive, fault, kind):
    """A source that cannot be opened again is sent once, and the error says why."""
    source = Source(archive)
    server.script(fault, on="POST *bundles")
    with pytest.raises(kind) as caught:
        await item.bundles.create(source, size=len(archive), reopenable=False)
    assert source.opened == source.closed == 1
    assert server.count("POST", "*/bundles") == 1
    assert "read only once" in str(caught.value) + "".join(getattr(caught.value, "__notes__", []))


async def test_source_that_was_not_read_yet(connect, archive):
    """An attempt that never connected is repeated, although the source can be read only once."""
    client = await connect("http://127.0.0.1:9", retry=RetryPolicy(attempts=3))
    source = Source(archive)
    with pytest.raises(errors.ConnectionFailedError) as caught:
        await client.content.handle("x").bundles.create(source, size=len(archive), reopenable=False)
    assert len(caught.value.attempts) == 2
    assert source.opened == 0


async def test_one_download_is_another_upload(client, item, server, archive):
    """A response can be the source of an upload, without being in memory as a whole."""
    bundle = await item.bundles.create(archive)
    other = await client.content.create(name="other")

    async def source():
        async with client.stream(item.bundles.download, bundle.id) as response:
            async for chunk in response:
                yield chunk

    copy = await other.bundles.create(source, size=bundle.size)
    assert copy.size == bundle.size
    assert server.requests[-1].body == archive
    server.script(faults.reset_mid_body(), on="GET *download")
    with pytest.raises(errors.UploadSourceError) as caught:
        await other.bundles.create(source, size=bundle.size)
    assert isinstance(caught.value.__cause__, errors.TransportError)
    assert client.in_flight == 0


class Folder:
    """A path by protocol, like the archive of a project."""

    def __init__(self, path):
        self._path = str(path)

    def __fspath__(self):
        return self._path


async def test_file_with_a_known_checksum(item, server, archive, tmp_path):
    """A file whose MD5 is passed is not read for it, and is compared with it while it is sent."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    md5 = hashlib.md5(archive).hexdigest()  # noqa: S324  the API has it so
    bundle = await item.bundles.create(Folder(path), md5=md5)
    assert bundle.size == len(archive)
    with pytest.raises(errors.UploadSourceError, match="instead of the announced 0000"):
        await item.bundles.create(path, md5="0" * 32)
    with pytest.raises(errors.UploadSourceError, match="instead of the announced 0000"):
        await item.bundles.create(archive, md5="0" * 32)
    assert len(await item.bundles.find()) == 1
    assert server.requests[-1].method == "GET"


async def test_file_that_is_written_to(item, archive, tmp_path):
    """A file that changes before it is sent, but keeps its size, is not sent completely."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    upload = archive_upload(path)
    path.write_bytes(archive[:-1] + b"?")
    with pytest.raises(errors.UploadSourceError, match="changed while it was sent") as caught:
        await item.bundles.upload(upload)
    assert "when nothing writes to it" in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"archive": Source()},
        {"archive": Source(), "size": 0},
        {"archive": b"x", "size": 1},
        {"archive": b"x", "md5": "x"},
        {"archive": b"x", "md5": "0" * 31},
        {"archive": b"x", "md5": base64.b64encode(bytes(16)).decode()},
    ],
    ids=["no size", "empty", "a size", "no MD5", "a short MD5", "base64"],
)
async def test_arguments_are_checked(item, server, arguments):
    """A function needs a size and nothing else has one; an MD5 has 32 hexadecimal digits."""
    before = len(server.requests)
    with pytest.raises(errors.InvalidArgumentError):
        await item.bundles.create(**arguments)
    assert len(server.requests) == before


async def test_streamed_response_of_an_upload(client, item, archive):
    """The response to an upload can be streamed, and its source is closed as well."""
    source = Source(archive)
    upload = archive_upload(source, size=len(archive))
    async with client.stream(item.bundles.upload, upload) as stream, aclosing(stream.chunks) as it:
        assert b'"id"' in b"".join([chunk async for chunk in it])
    assert source.opened == source.closed == 1
