"""`aconnect serve`: the simulated server."""

from __future__ import annotations

from typing import Any

import click

from aconnect.cli.options import echo_warnings
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, run


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3939, show_default=True, help="0 for any free port.")
@click.option(
    "--server-version",
    default="2026.06.0",
    show_default=True,
    help="The version of Connect to simulate.",
)
@click.option("--nodes", default=1, show_default=True, help="The number of nodes in its cluster.")
@click.option("--visits", default=10_000, show_default=True)
@click.option("--audit-logs", default=2_000, show_default=True)
@click.option("--shiny-usage", default=1_000, show_default=True)
@click.option("--hits", default=1_000, show_default=True)
@click.option("--users", default=20, show_default=True)
@click.option("--groups", default=5, show_default=True)
@click.option("--content", default=10, show_default=True)
@click.option("--jobs", default=10, show_default=True)
@click.option(
    "--seconds-per-line",
    default=0.5,
    show_default=True,
    help="The time that a build takes per line of its log.",
)
def serve(
    host: str,
    port: int,
    server_version: str,
    nodes: int,
    seconds_per_line: float,
    **volumes: Any,
) -> None:
    """Run a simulated Posit Connect server until Ctrl-C.

    It keeps everything in memory, and prints the environment variables to use it. Its key is
    publicly known, so leave --host at this machine.
    """
    from aconnect.testing import FakeConnect, Seed, serve as serve_connect

    def ready(server: FakeConnect) -> None:
        echo(f"export CONNECT_SERVER={server.url}")
        echo(f"export CONNECT_API_KEY={server.api_key}")
        echo_error(
            "Serving generated data until Ctrl-C. In another terminal, set the above and try:"
        )
        echo_error("  aconnect content list")
        echo_error("  aconnect collect visits --out .")

    async def work() -> None:
        await serve_connect(
            Seed(**volumes),
            version=server_version,
            nodes=nodes,
            host=host,
            port=port,
            seconds_per_line=seconds_per_line,
            ready=ready,
        )

    with echo_warnings():
        run(work)
