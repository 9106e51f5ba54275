"""A simulated server in a process of its own, so that it shares no CPU time with the tests.

    with running(source, items=500, latency=0.025) as server:
        client = Client(server.url, server.api_key)
        ...
        assert server.count("POST", "/v1/content") == 500
        assert server.ask(described) == ...

Functions of a module, such as `source` and `described` above, run in the process of the server; the
module is imported there, so it is not the one that is run as a program. Questions are asked over
pipes, so they are not among the requests. The process ends with this one.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Any

from aconnect.testing import FakeConnect, Recorded

_ROOT = Path(__file__).resolve().parents[1]


class ServerProcess:
    """A server in another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url, self.api_key = self._receive()

    def ask(self, function: Callable[..., Any], **arguments: object) -> Any:
        """Call a function with the server and these arguments; its result must be a JSON value."""
        return self._send(_name(function), arguments)

    def count(self, method: str = "*", path: str = "*") -> int:
        """Return the number of requests; both may contain wildcards."""
        return int(self._send("count", {"method": method, "path": path}))

    def clear_counts(self) -> None:
        """Forget the requests."""
        self._send("clear", {})

    def _send(self, name: str, arguments: dict[str, object]) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated server has ended; its error is above")
        return json.loads(line)


@contextmanager
def running(make: Callable[..., FakeConnect], **arguments: object) -> Generator[ServerProcess]:
    """Run the server that a function returns for these arguments, until the block ends."""
    command = [sys.executable, "-m", "tests.serving", _name(make), json.dumps(arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - this module
        command, stdin=pipe, stdout=pipe, text=True, cwd=_ROOT
    ) as process:
        try:
            yield ServerProcess(process)
        finally:
            process.terminate()


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


class _Counts(list[Recorded]):
    """Counts requests instead of keeping them, each with up to 1 MiB of its body."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: Counter[tuple[str, str]] = Counter()

    def append(self, record: Recorded, /) -> None:
        self.numbers[record.method, record.path] += 1

    def count_of(self, method: str, path: str) -> int:
        return sum(
            number
            for (one, other), number in self.numbers.items()
            if fnmatchcase(one, method) and fnmatchcase(other, path)
        )


async def _serve(make: str, arguments: dict[str, object]) -> None:
    counts = _Counts()
    server: FakeConnect = _function(make)(**arguments)
    server.requests = counts
    async with server:
        _reply([server.url, server.api_key])
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, given = json.loads(line)
            if name == "count":
                _reply(counts.count_of(**given))
            elif name == "clear":
                counts.numbers.clear()
                _reply(None)
            else:
                _reply(_function(name)(server, **given))


def _reply(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], json.loads(sys.argv[2])))
