"""`aconnect deploy`: deploy a directory with a manifest."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aconnect.cli.connection import with_client
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, Failure, Stopped, report_retries, run
from aconnect.cli.tasks import how_to_follow

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.connect import ContentItem, Task


@click.command(cls=Command)
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--name",
    help="The name of your content, which is created if necessary: 3 to 64 letters, digits, '.' "
    "(on newer servers), '_' and '-'.",
)
@click.option("--guid", help="The GUID of existing content.")
@click.option("--title", help="The title that people see.")
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="BYTES",
    help="The maximum total size of the files, 4 GiB by default.",
)
@with_client
def deploy(
    client: Client,
    directory: Path,
    name: str | None,
    guid: str | None,
    title: str | None,
    max_size: int | None,
) -> None:
    """Deploy a directory and follow its build.

    DIRECTORY has a manifest.json at its top; only the files that the manifest lists are sent. The
    log of the build goes to standard error, the address of the content to standard output.
    """
    if name is not None and guid is not None:
        raise click.UsageError(
            "pass either --name or --guid; aconnect content update renames content"
        )
    deploy_directory(client, directory, name=name, guid=guid, title=title, max_size=max_size)


def deploy_directory(
    client: Client,
    directory: Path,
    *,
    name: str | None = None,
    guid: str | None = None,
    title: str | None = None,
    max_size: int | None = None,
) -> ContentItem:
    """Deploy a directory, follow its build, and print the address."""
    from aconnect.cli.progress import upload_progress
    from aconnect.deploy import DEFAULT_MAX_SIZE, deploy as start
    from aconnect.errors import AconnectError

    task: Task[ContentItem] | None = None
    address: str | None = None

    async def work() -> ContentItem:
        nonlocal task, address
        async with client:
            report_retries(client)
            with upload_progress(str(directory)) as progress:
                task = await start(
                    client,
                    directory,
                    name=name,
                    guid=guid,
                    title=title,
                    max_size=max_size or DEFAULT_MAX_SIZE,
                    progress=progress,
                )
            # Only needed if following fails, so its failure must not end it.
            with suppress(AconnectError):
                address = (await client.content.get(task.scope["guid"])).content_url
            async for line in task.output():
                echo_error(f"  {line}")
            return await task

    try:
        item = run(work)
    except Failure as failure:
        if task is not None:
            content = f"The content is {task.scope['guid']}{f' at {address}' if address else ''}"
            following = how_to_follow(failure, "build", task.id)
            failure.hints = (*failure.hints, content, *following)
        elif isinstance(failure, Stopped):
            failure.hints = ("No deployment was started; run the same command again.",)
        raise
    echo(item.content_url or item.guid)
    return item
