"""A server that sends one canned response, in its own process and on its own core.

nginx if it is installed, else a small C server if there is a compiler, else the same in Python. The
less CPU time the server takes, the more of a ratio is due to the client.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, cast

_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            default_type application/json;
            root {folder};
            try_files /body.json =404;
            open_file_cache max=10 inactive=1h;
        }}
    }}
}}
"""


class CannedServer(NamedTuple):
    """The address and the type of the server."""

    url: str
    kind: str


@contextmanager
def canned_server(body: bytes) -> Iterator[CannedServer]:
    """Run the server for the block; it ends with this process as well."""
    with tempfile.TemporaryDirectory(prefix="aconnect-bench-") as name:
        folder = Path(name)
        (folder / "body.json").write_bytes(body)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        (folder / "response").write_bytes(head.encode() + b"\r\n\r\n" + body)
        kind, command = _command(folder)
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
            try:
                with _on_another_core(process.pid):
                    yield CannedServer(f"http://127.0.0.1:{_port(folder, process)}", kind)
            finally:
                process.terminate()


def _command(folder: Path) -> tuple[str, list[str]]:
    nginx, compiler = shutil.which("nginx"), shutil.which("cc")
    if nginx is not None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (folder / "port").write_text(str(port))
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
        return "nginx", [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    if compiler is not None:
        source = Path(__file__).with_name("canned.c")
        subprocess.run([compiler, "-O2", "-o", folder / "canned", source], check=True)
        return "C", [str(folder / "canned"), str(folder / "response")]
    return "Python", [sys.executable, __file__, str(folder / "response")]


def _port(folder: Path, process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None  # noqa: S101  it is a pipe
    if not (folder / "port").exists():
        return int(process.stdout.readline())
    port = int((folder / "port").read_text())
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.05)
    raise RuntimeError("nginx did not start")


@contextmanager
def _on_another_core(pid: int) -> Iterator[None]:
    """Keep server and client on different cores for the block, if there are two."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(pid, cores[:1])
    os.sched_setaffinity(0, cores[1:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


async def _serve(response: bytes) -> None:
    class Canned(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = cast("asyncio.WriteTransport", transport)

        def data_received(self, data: bytes) -> None:
            self._transport.write(response * data.count(b"\r\n\r\n"))

    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]).read_bytes()))
