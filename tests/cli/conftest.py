"""Run commands: in this process, or in a process of their own to test signals."""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aconnect.cli.app import app
from aconnect.testing import FakeConnect, Seed

ROOT = Path(__file__).parents[2]

MANIFEST = '{"metadata": {"appmode": "static"}, "files": {}}'
"""That of a bundle without files."""


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(visits=2200, shiny_usage=50, audit_logs=50, hits=50)) as running:
        yield running


class Shell:
    """Runs commands with the settings of a server."""

    def __init__(self, server: FakeConnect, folder: Path) -> None:
        self.server = server
        self.settings = {"CONNECT_SERVER": server.url, "CONNECT_API_KEY": server.api_key}
        self.folder = folder

    async def __call__(
        self, *arguments: str, key: str | None = None, text: str | bytes = ""
    ) -> Result:
        """Run a command in a thread; its folder is passed as `--out`."""
        settings = dict(self.settings)
        if key is not None:
            settings["CONNECT_API_KEY"] = key
        if arguments[0] == "collect" and "--out" not in arguments:
            arguments = (*arguments, "--out", str(self.folder))
        result = await asyncio.to_thread(
            lambda: CliRunner().invoke(app, arguments, env=settings, input=text)
        )
        # click ends with SystemExit; any other exception would be shown as a traceback.
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert self.server.api_key not in result.output
        assert "\x1b" not in result.output
        return result

    async def on_terminal(self, *arguments: str, columns: int = 80) -> tuple[bytes, bytes]:
        """Return what a command writes to a terminal, and its standard error."""
        terminal, end = os.openpty()
        tty.setraw(end)
        termios.tcsetwinsize(end, (24, columns))
        process = await self.start(*arguments, stdout=end)
        os.close(end)
        written = asyncio.create_task(asyncio.to_thread(_read_all, terminal))
        _, err = await process.communicate()
        return await written, err

    async def errors_on_terminal(self, *arguments: str, columns: int = 80) -> str:
        """Return what a command writes to standard error if that is a terminal."""
        terminal, end = os.openpty()
        tty.setraw(end)
        termios.tcsetwinsize(end, (24, columns))
        process = await self.start(*arguments, stderr=end)
        os.close(end)
        written = asyncio.create_task(asyncio.to_thread(_read_all, terminal))
        await process.communicate()
        return (await written).decode()

    async def run(
        self, *arguments: str, stdout: int = asyncio.subprocess.PIPE
    ) -> tuple[int | None, bytes, bytes]:
        """Run a command in a process of its own; return its exit code and what it writes."""
        process = await self.start(*arguments, stdout=stdout)
        out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        assert b"Exception ignored" not in err, err.decode()
        return process.returncode, out or b"", err

    async def start(
        self,
        *arguments: str,
        stdout: int = asyncio.subprocess.PIPE,
        stderr: int = asyncio.subprocess.PIPE,
    ) -> asyncio.subprocess.Process:
        """Start a command in a process of its own.

        It ignores SIGINT only if this process does.
        """
        # A killed command leaves its temporary files behind, so they go into pytest's folder.
        places = {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder.parent)}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "aconnect",
            *arguments,
            # The test runner says how wide its own terminal is.
            env={**os.environ, **self.settings, **places, "COLUMNS": "", "LINES": ""},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=self.folder,
        )


def _read_all(terminal: int) -> bytes:
    """Read what is written to a terminal until its other end is closed."""
    chunks: list[bytes] = []
    with os.fdopen(terminal, "rb", 0) as file, suppress(OSError):
        while chunk := file.read(65536):
            chunks.append(chunk)
    return b"".join(chunks)


@pytest.fixture
def shell(server: FakeConnect, tmp_path: Path) -> Iterator[Shell]:
    # If the tests run in the background, they and their child processes ignore SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Shell(server, tmp_path)
    signal.signal(signal.SIGINT, before)
