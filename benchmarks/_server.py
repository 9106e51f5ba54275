"""The simulated server in a process of its own, so that it does not share our CPU time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aconnect.testing import FakeConnect

ROOT = Path(__file__).resolve().parent.parent

USERS = 500
CONTENT = 2000
PAGE = 500
_FIRST_VISIT = datetime(2025, 1, 1, tzinfo=UTC)
_BETWEEN_VISITS = timedelta(seconds=7)


@dataclass(frozen=True)
class Server:
    """The address of the simulated server and its key."""

    url: str
    api_key: str


@contextmanager
def simulated_server(visits: int) -> Iterator[Server]:
    """Run a server with this many visits, whose pages stay encoded after the first request."""
    command = [sys.executable, "-m", "aconnect.testing", "--port", "0"]
    command += ["--visits", str(visits), "--users", str(USERS), "--content", str(CONTENT)]
    # Each of two queries requests all pages.
    command += ["--page-cache", str(2 * (visits // PAGE + 2))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError(f"the simulated server did not start: {' '.join(command)}")
            told = json.loads(line)
            yield Server(told["url"], told["api_key"])
        finally:
            process.terminate()


def short_builds(latency: float) -> FakeConnect:
    """Return a server without content whose builds are short, to measure what is around them."""
    from aconnect.testing import BuildScript, FakeConnect, Seed

    server = FakeConnect(Seed(content=0), latency=latency)
    server.state.build_script = BuildScript(lines=("Completed",))
    return server


def with_content(items: int, latency: float) -> FakeConnect:
    """Return a server with so much content."""
    from aconnect.testing import FakeConnect, Seed

    return FakeConnect(Seed(content=items), latency=latency)


def viewer_of_content(server: FakeConnect) -> dict[str, str]:
    """Associate content with the integration with Connect's own API; return it with a token."""
    guid = next(iter(server.state.content))
    server.state.oauth_associations[guid] = dict.fromkeys(
        server.state.oauth_integrations, server.now()
    )
    return {"guid": guid, "token": server.user_session_token("viewer", guid)}


def last_time(rows: int) -> str:
    """Return the time of visit number `rows`, to end a query there."""
    time = _FIRST_VISIT + _BETWEEN_VISITS * (rows - 1)
    return time.isoformat().replace("+00:00", "Z")
