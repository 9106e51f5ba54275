"""`aconnect tasks`: tasks that run on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aconnect.cli.options import with_client
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, report_retries, run

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def tasks() -> None:
    """Deployments, builds and renderings that run on the server."""


@tasks.command(cls=Command)
@click.argument("id_", metavar="ID")
@with_client
def follow(client: Client, id_: str) -> None:
    """Print the output of a task as it arrives, until it ends; fail if it fails.

    ID is the id of a task, or the token that `aconnect deploy` prints when it is interrupted; in a
    cluster, the token also contains the node to ask.
    """
    from aconnect import CallFinished, Event
    from aconnect.connect import Task

    warned = False

    def report_missing(event: Event) -> None:
        nonlocal warned
        if isinstance(event, CallFinished) and event.status == 404 and not warned:
            warned = True
            echo_error("The server does not know this task (perhaps another node does); retrying")

    async def work() -> None:
        async with client:
            report_retries(client)
            client.subscribe(report_missing)
            task: Task[Any] = (
                Task.from_token(client, id_) if id_.startswith("{") else client.tasks.handle(id_)
            )
            async for line in task.output():
                echo(line)
            await task

    run(work)
