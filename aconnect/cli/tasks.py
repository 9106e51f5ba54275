"""`aconnect tasks`: work that runs on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aconnect.cli.common import connecting, echo, report_retries, run, say

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def tasks() -> None:
    """Deployments, builds and renderings that run on the server."""


@tasks.command()
@click.argument("id_", metavar="ID")
@connecting
def follow(client: Client, id_: str) -> None:
    """Print the output of a task as it comes, until it ends; fail if it fails.

    ID is the id of a task, or the token that `aconnect deploy` prints when it is stopped: in a
    cluster, the token also says which node to ask.
    """
    from aconnect import CallFinished, Event
    from aconnect.connect import Task

    warned = False

    def hear(event: Event) -> None:
        nonlocal warned
        if isinstance(event, CallFinished) and event.status == 404 and not warned:
            warned = True
            say("The server does not know this task, or not on every node; asking for a while...")

    async def work() -> None:
        async with client:
            report_retries(client)
            client.subscribe(hear)
            task: Task[Any] = (
                Task.from_token(client, id_) if id_.startswith("{") else client.tasks.handle(id_)
            )
            async for line in task.output():
                echo(line)
            await task

    run(work)
