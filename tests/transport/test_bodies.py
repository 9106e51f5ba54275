"""Bodies of any size: capped in memory, streamed to and from files."""

import asyncio
import base64
import hashlib
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from aconnect import Limits, RetryPolicy, Timeout, errors
from aconnect._transport.clock import SYSTEM_CLOCK
from aconnect.connect.content.bundles import archive_upload
from aconnect.testing import faults

ONCE = RetryPolicy(attempts=1)


@pytest.fixture
async def item(client):
    return await client.content.create(name="item")


async def test_cap(connect, server):
    """A response larger than accepted is refused, and the message says what to do."""
    client = await connect(max_body=100)
    with pytest.raises(errors.BodyTooLargeError, match=r"more than 100 bytes; stream the response"):
        await client.me()
    assert (await client.with_options(max_body=100_000).me()).username == "admin"
    assert len(server.requests) == 2


async def test_bomb_stays_small(connect, server):
    """A small response that decompresses to 100 MiB is refused long before that."""
    client = await connect(max_body=1 << 20, retry=ONCE)
    server.script(faults.gzip_bomb(100 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(errors.BodyTooLargeError):
            await client.me()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20


_BOMB_AS_ERROR = """
import asyncio, resource
from aconnect import Client, errors
from aconnect.testing import FakeConnect, faults

async def main():
    async with FakeConnect() as server, Client(server.url, "k", max_body=1 << 20) as client:
        server.script(faults.status(404))
        try:
            await client.me()
        except errors.ApiError:
            pass
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        server.script(faults.gzip_bomb(300 << 20), faults.gzip_bomb(300 << 20))
        try:
            async with client.stream(client.users.me) as stream:
                async for chunk in stream:
                    assert len(chunk) < 8 << 20, len(chunk)
                    break
            await client.me()
        except errors.BodyTooLargeError:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_bomb_in_a_process():
    """Neither streaming nor refusing a decompression bomb makes the process grow by its size."""
    done = subprocess.run(  # noqa: S603  our own code
        [sys.executable, "-c", _BOMB_AS_ERROR], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60 * 1024


async def test_upload(item, server, archive):
    """An archive arrives complete, with its length and checksum, from memory or a file."""
    seen: list[int] = []
    bundle = await item.bundles.create(archive, progress=seen.append)
    request = server.requests[-1]
    assert request.headers["Content-Length"] == str(len(archive)) == str(bundle.size)
    assert request.headers.getall("Content-Length") == [str(len(archive))]
    assert "Transfer-Encoding" not in request.headers
    assert request.headers["X-Content-Checksum"] == checksum(archive)
    assert request.headers["Content-Type"] == "application/gzip"
    assert sum(seen) == len(archive)


def checksum(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324  the API has it so


async def test_upload_again(item, server, archive, tmp_path):
    """A retried upload reads its file from the beginning, including the checksum."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    server.script(faults.status(503), faults.status(429), on="POST *bundles")
    await item.bundles.create(path)
    sent = [r for r in server.requests if r.path.endswith("/bundles")]
    assert [r.body for r in sent] == [archive] * 3
    assert {r.headers["X-Content-Checksum"] for r in sent} == {checksum(archive)}


async def test_upload_not_repeated_after_a_loss(item, server, archive):
    """An upload whose response was lost is not sent again."""
    server.script(faults.after(faults.reset()), on="POST *bundles")
    with pytest.raises(errors.ConnectionLostError):
        await item.bundles.create(archive)
    assert server.count("POST", "*/bundles") == 1


async def test_upload_of_a_deleted_file(item, archive, tmp_path):
    """A file that was deleted before it is sent is reported as such, and nothing is retried."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    upload = archive_upload(path)
    path.unlink()
    with pytest.raises(errors.UploadSourceError, match=r"bundle\.tar\.gz") as caught:
        await item.bundles.upload(upload)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


async def test_upload_of_a_truncated_file(connect, archive, tmp_path):
    """A file that was truncated after its checksum was computed is reported without waiting."""
    client = await connect(timeout=Timeout(read=1.0), retry=ONCE)
    item = await client.content.create(name="item2")
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    upload = archive_upload(path)
    path.write_bytes(archive[:-10])
    with pytest.raises(errors.UploadSourceError, match=r"bundle\.tar\.gz"):
        await item.bundles.upload(upload)
    assert (await client.me()).username == "admin"


def open_files():
    return {link.resolve() for link in Path("/proc/self/fd").iterdir()}


async def test_file_of_a_failed_upload_is_closed(item, server, tmp_path, until):
    """An upload that fails before it is complete closes its file, with nothing to wait for."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(b"x" * (8 << 20))
    upload = await asyncio.to_thread(archive_upload, path)
    server.script(faults.reset(), on="POST *bundles")
    with pytest.raises(errors.AconnectError):
        await item.bundles.upload(upload)
    # aiohttp cancels its writing task without awaiting it.
    await until(lambda: path not in open_files())


@pytest.mark.parametrize("source", ["missing.tar.gz", ".", b""])
async def test_archives_checked(item, server, tmp_path, source):
    """An archive that is unreadable or empty is refused before anything is sent."""
    before = len(server.requests)
    path = source if isinstance(source, bytes) else tmp_path / source
    with pytest.raises(errors.InvalidArgumentError, match="archive"):
        await item.bundles.create(path)
    assert len(server.requests) == before


async def test_progress_that_fails(item, archive):
    """An exception of a progress callback is raised unchanged."""

    def progress(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await item.bundles.create(archive, progress=progress)


async def test_slow_upload(connect, raw_server):
    """A long upload is limited neither by the read timeout nor by the deadline."""
    size = 24 << 20

    async def handler(reader, writer):
        await raw.head(reader)
        left = size
        while left:
            # Slow enough for the deadline to pass many times during the upload.
            await asyncio.sleep(0.005)
            left -= len(await reader.read(min(left, 256 << 10)))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"1"}')
        await writer.drain()

    raw = await raw_server(handler, limit=256 << 10)
    retry = RetryPolicy(attempts=1, deadline=0.1)
    timeout = Timeout(read=5.0, total=0.1)
    client = await connect(raw.url, timeout=timeout, retry=retry, clock=SYSTEM_CLOCK)
    assert (await client.content.handle("x").bundles.create(b"x" * size)).id == "1"


async def test_download(client, item, archive, tmp_path):
    """A downloaded bundle has the bytes that were sent."""
    bundle = await item.bundles.create(archive)
    path = await bundle.download(tmp_path / "out.tar.gz")
    assert path.read_bytes() == archive
    assert list(tmp_path.iterdir()) == [path]
    async with client.stream(item.bundles.download, bundle.id) as stream:
        assert (stream.status, stream.size) == (200, len(archive))
        assert b"".join([chunk async for chunk in stream]) == archive


@pytest.mark.parametrize(
    "fault", [faults.reset_mid_body(), faults.status(404), faults.login_page()], ids=repr
)
async def test_failed_download(item, server, archive, tmp_path, fault):
    """A failed download leaves the previous file, and nothing else."""
    bundle = await item.bundles.create(archive)
    path = tmp_path / "out.tar.gz"
    path.write_bytes(b"before")
    server.script(fault)
    with pytest.raises(errors.AconnectError):
        await bundle.download(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


async def test_failed_stream_is_repeated_before_it_begins(client, item, server, archive):
    """Until its response begins, a stream is retried like any call."""
    bundle = await item.bundles.create(archive)
    server.script(faults.reset(), faults.status(503), on="GET *download")
    async with client.stream(item.bundles.download, bundle.id) as stream:
        with pytest.raises(TypeError, match="use `async for`"):
            list(stream)
        assert b"".join([chunk async for chunk in stream]) == archive


@pytest.mark.parametrize("how", ["left", "raised", "unread"])
async def test_stream_left_early(connect, item, archive, how):
    """A stream that is closed early releases its permit and leaves no task."""
    client = await connect(limits=Limits(initial=1, maximum=1))
    bundle = await item.bundles.create(archive)
    download = client.content.handle(item.guid).bundles.download
    with suppress(ZeroDivisionError):
        async with client.stream(download, bundle.id) as stream:
            if how != "unread":
                async for _ in stream:
                    break
            if how == "raised":
                raise ZeroDivisionError
    before = asyncio.all_tasks()
    assert client.in_flight == 0
    assert (await client.me()).username == "admin"
    assert {task for task in asyncio.all_tasks() - before if "aconnect" in repr(task)} == set()
