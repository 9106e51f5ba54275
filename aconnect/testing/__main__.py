"""Run a simulated server in a separate process: `python -m aconnect.testing`.

Prints a line of JSON with `url` and `api_key` when it is ready, and serves until SIGINT or SIGTERM.
"""

import argparse
import asyncio
import importlib
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from aconnect.testing.connect.progress import BuildScript
from aconnect.testing.connect.server import FakeConnect
from aconnect.testing.connect.state import Seed
from aconnect.testing.serving import serve

_VOLUMES = (
    "visits",
    "shiny-usage",
    "audit-logs",
    "hits",
    "users",
    "groups",
    "content",
    "jobs",
    "processes",
)


def _server() -> FakeConnect:
    """Create the server that the arguments describe."""
    parser = argparse.ArgumentParser(prog="python -m aconnect.testing", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each response")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--version", default="2026.06.0", help="reported version; empty to hide it")
    parser.add_argument("--page-cache", type=int, default=2100, help="number of cached pages")
    parser.add_argument(
        "--seconds-per-line", type=float, default=0.0, help="speed of builds; 0 to advance by poll"
    )
    defaults = Seed()
    for name in _VOLUMES:
        default = getattr(defaults, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    volumes = {name.replace("-", "_") for name in _VOLUMES}
    try:
        server = FakeConnect(
            Seed(**{name: getattr(arguments, name) for name in volumes}),
            version=arguments.version,
            prefix=arguments.prefix,
            nodes=arguments.nodes,
            host=arguments.host,
            port=arguments.port,
            latency=arguments.latency,
            record=False,
            page_cache=arguments.page_cache,
        )
        server.state.build_script = BuildScript(seconds_per_line=arguments.seconds_per_line)
    except ValueError as error:
        parser.error(str(error))
    return server


def _announce(server: FakeConnect) -> None:
    line = json.dumps({"url": server.url, "api_key": server.api_key})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Return `uvloop.run` if uvloop is installed, otherwise `asyncio.run`."""
    try:
        run: Callable[[Coroutine[Any, Any, None]], None] = importlib.import_module("uvloop").run
    except ImportError:
        return asyncio.run
    return run


def main() -> None:
    """Parse the arguments and run the server."""
    _runner()(serve(_server(), ready=_announce))


if __name__ == "__main__":
    main()
