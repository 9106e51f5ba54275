"""A server that counts and discards what it is sent, and sends as many zeros as asked for.

A small C server if there is a compiler, else the same in Python. The less CPU time the server
takes, the more of a ratio is due to the client.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = bytes(256 * 1024)


@contextmanager
def transfer_server() -> Iterator[str]:
    """Run the server for the block, and return its address; it ends with this process as well."""
    with tempfile.TemporaryDirectory(prefix="aconnect-bench-") as folder:
        command = [sys.executable, __file__]
        if compiler := shutil.which("cc"):
            binary, source = Path(folder, "transfer"), Path(__file__).with_name("transfer.c")
            subprocess.run([compiler, "-O2", "-o", binary, source], check=True)
            command = [str(binary)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            try:
                yield f"http://127.0.0.1:{int(process.stdout.readline())}"
            finally:
                process.terminate()


async def _respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        rest = int(length[1]) if length else 0
        while rest:
            rest -= len(await reader.read(min(rest, len(_BLOCK))))
        asked = re.match(rb"GET \S*/(\d+)/download ", head)
        size = int(asked[1]) if asked else 10
        kind = b"application/gzip" if asked else b"application/json"
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, size)
        )
        if not asked:
            writer.write(b'{"id":"1"}')
        for _ in range(size // len(_BLOCK) if asked else 0):
            writer.write(_BLOCK)
            await writer.drain()


async def _serve() -> None:
    server = await asyncio.start_server(_respond, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
