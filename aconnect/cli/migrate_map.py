"""`aconnect migrate map`: a first mapping file."""

from __future__ import annotations

from pathlib import Path

import click

from aconnect.cli.connection import Settings, network_options, server_of
from aconnect.cli.output import echo_error
from aconnect.cli.running import Command, report_retries, run


@click.command("map", cls=Command)
@click.option(
    "--from",
    "source",
    required=True,
    metavar="SERVER",
    help="The server to migrate from: a profile of `aconnect login`, or an address.",
)
@click.option(
    "--to", "destination", required=True, metavar="SERVER", help="The server to migrate to."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    default="mapping.toml",
    show_default=True,
    help="The file to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@network_options
def map_(settings: Settings, source: str, destination: str, output: Path, overwrite: bool) -> None:
    """Write a first mapping file, with guesses and their reasons.

    It has the users and groups that content needs, its integrations and its environments, with
    their matches on the other server, and the names of its environment variables. What has no match
    is commented out, with what may be meant. No server is changed.

    \b
    aconnect migrate map --from old --to new -o mapping.toml
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect._client.threads import in_thread
    from aconnect.migrate.mapping.guessing import check_absent, guess_mapping, save_mapping

    check_absent(output, overwrite=overwrite)
    here, there = server_of(settings, source), server_of(settings, destination)

    async def work() -> None:
        async with here, there:
            report_retries(here, f"{source}: ")
            report_retries(there, f"{destination}: ")
            text = await guess_mapping(here, there)
        await in_thread(lambda: save_mapping(output, text, overwrite=overwrite))

    run(work)
    echo_error(f"Wrote {output}. Check the guesses, and complete the lines that are commented out.")
