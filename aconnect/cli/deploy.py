"""`aconnect deploy`: a directory with a manifest to running content."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aconnect.cli.common import (
    Stopped,
    connecting,
    echo,
    report_retries,
    run,
    say,
)

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem


def _name(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    from aconnect.deploy import check_name
    from aconnect.errors import InvalidArgumentError

    try:
        if value is not None:
            check_name(value)
    except InvalidArgumentError as error:
        raise click.BadParameter(str(error), param=param) from error
    return value


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--name",
    callback=_name,
    help="Of your content: 3 to 64 letters, digits, '_' and '-'. Created where there is none.",
)
@click.option("--guid", help="Of existing content. Together with --name, both must fit.")
@click.option("--title", help="What people see.")
@connecting
def deploy(
    client: Client, directory: Path, name: str | None, guid: str | None, title: str | None
) -> None:
    """Deploy a directory and follow its build.

    DIRECTORY has a manifest.json at its top; only the files that the manifest lists are sent. The
    build's log goes to standard error, the content's address to standard output.
    """
    if not name and not guid:
        raise click.UsageError("say where to: pass --name NAME or --guid GUID")
    deploy_directory(client, directory, name=name, guid=guid, title=title)


def deploy_directory(
    client: Client,
    directory: Path,
    *,
    name: str | None = None,
    guid: str | None = None,
    title: str | None = None,
) -> ContentItem:
    """Deploy a directory and follow the build, telling both; print the address at the end."""
    from aconnect.cli.progress import upload_progress
    from aconnect.deploy import deploy as start

    token: str | None = None

    async def work() -> ContentItem:
        nonlocal token
        async with client:
            report_retries(client)
            with upload_progress(str(directory)) as progress:
                task = await start(
                    client, directory, name=name, guid=guid, title=title, progress=progress
                )
            token = task.token
            async for line in task.output():
                say(f"  {line}")
            return await task

    try:
        item = run(work)
    except Stopped as stopped:
        stopped.hints = (
            f"The build goes on; follow it with: aconnect tasks follow {shlex.quote(token)}"
            if token
            else "No deployment was started; the same command begins again.",
        )
        raise
    echo(item.content_url or item.guid)
    return item
