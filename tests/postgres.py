"""A PostgreSQL server of the tests' own, in a temporary folder and on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

USER = "collector"
PASSWORD = "s3cret/w@rd:%"
"""Has every character that means something in an address."""


def binaries() -> Path:
    """Return the folder with `initdb`; skip the test where PostgreSQL is missing, fail it in CI."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    # Debian does not put it on the path.
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    reason = "PostgreSQL is not installed: initdb is neither on the path nor in /usr/lib/postgresql"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server; yield the address of its database, with the password in it."""
    folder = Path(tempfile.mkdtemp(prefix="aconnect-postgres-"))
    # PostgreSQL does not run as root.
    user = {"user": _other_user(folder), "extra_groups": ()} if _is_root() else {}
    try:
        _init(folder, user)
        port = _free_port()
        with _server(folder, port, user):
            yield f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _other_user(folder: Path) -> str:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    name = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, name)
    return name


def _init(folder: Path, user: dict[str, Any]) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    options = ["-U", USER, "-A", "scram-sha-256", "--pwfile", str(password)]
    subprocess.run(  # noqa: S603
        [binaries() / "initdb", "-D", folder / "data", "-E", "UTF8", "--no-locale", "-N", *options],
        check=True,
        capture_output=True,
        cwd=folder,
        **user,
    )


@contextmanager
def _server(folder: Path, port: int, user: dict[str, Any]) -> Iterator[None]:
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        # The tests kill clients, not the server.
        "fsync": "off",
        "max_connections": 20,
        "shared_buffers": "16MB",
    }
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603
            [binaries() / "postgres", "-D", folder / "data", *options],
            stdout=output,
            stderr=output,
            cwd=folder,
            **user,
        )
    try:
        while not _is_ready(folder):
            if server.poll() is not None:
                pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
            time.sleep(0.02)
        yield
    finally:
        server.send_signal(signal.SIGINT)  # stop without waiting for clients
        server.wait()


def _is_ready(folder: Path) -> bool:
    status = folder / "data" / "postmaster.pid"
    lines = status.read_text().splitlines() if status.exists() else []
    return len(lines) > 7 and lines[7].strip() == "ready"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
