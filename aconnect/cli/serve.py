"""`aconnect serve`: the simulated server."""

from __future__ import annotations

from typing import Any

import click

from aconnect.cli.common import echo, run, say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3939, show_default=True, help="0 takes a free one.")
@click.option("--server-version", default="2026.06.0", show_default=True, help="What it acts as.")
@click.option("--nodes", default=1, show_default=True, help="Size of its cluster.")
@click.option("--visits", default=10_000, show_default=True)
@click.option("--audit-logs", default=2_000, show_default=True)
@click.option("--shiny-usage", default=1_000, show_default=True)
@click.option("--hits", default=1_000, show_default=True)
@click.option("--users", default=20, show_default=True)
@click.option("--groups", default=5, show_default=True)
@click.option("--content", default=10, show_default=True)
@click.option("--jobs", default=10, show_default=True)
@click.option(
    "--seconds-per-line", default=0.5, show_default=True, help="How fast builds write their log."
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

    It keeps everything in memory and prints the settings that lead to it.
    """
    from aconnect.testing import FakeConnect, Seed, serve as serve_until_told

    def ready(server: FakeConnect) -> None:
        echo(f"export CONNECT_SERVER={server.url}")
        echo(f"export CONNECT_API_KEY={server.api_key}")
        say("Serving made-up data; stop with Ctrl-C. In another terminal, set the above and try:")
        say("  aconnect content list")
        say("  aconnect collect visits --out .")

    async def work() -> None:
        await serve_until_told(
            Seed(**volumes),
            version=server_version,
            nodes=nodes,
            host=host,
            port=port,
            seconds_per_line=seconds_per_line,
            ready=ready,
        )

    run(work)
