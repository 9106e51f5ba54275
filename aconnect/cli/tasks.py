"""`aconnect tasks`: tasks that run on the server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

import click

from aconnect.cli.connection import with_client
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, Failure, report_retries, run

if TYPE_CHECKING:
    from aconnect import Client


_GRACE: Final = 5.0


@click.group()
def tasks() -> None:
    """Deployments, builds and renderings that run on the server."""


@tasks.command("follow", cls=Command)
@click.argument("id_", metavar="ID")
@with_client
def follow(client: Client, id_: str) -> None:
    """Print the output of a task until it ends.

    If the task fails, so does the command.

    ID is the id of a task, as `aconnect deploy` prints it when following ends early, or the
    `Task.token` of a program. In a cluster, a token leads to the node of the task; with an id
    alone, polls are repeated for five seconds until one reaches that node.
    """
    import msgspec

    from aconnect import CallFinished, Event
    from aconnect.connect import Task
    from aconnect.errors import TaskLostError

    warned = False
    task: Task[Any] | None = None

    def report_missing(event: Event) -> None:
        nonlocal warned
        if isinstance(event, CallFinished) and event.status == 404 and not warned:
            warned = True
            echo_error("The server does not know this task (perhaps another node does); retrying")

    async def work() -> None:
        nonlocal task
        async with client:
            report_retries(client)
            client.subscribe(report_missing)
            if id_.startswith("{"):
                task = Task.from_token(client, id_)
            else:
                # Without cookies, each poll may reach another node; most such ids are mistyped.
                client.polling = msgspec.structs.replace(client.polling, grace=_GRACE)
                task = client.tasks.handle(id_)
            async for line in task.output():
                echo(line)
            await task

    try:
        run(work)
    except Failure as failure:
        if task is not None and not isinstance(failure.__cause__, TaskLostError):
            more = how_to_follow(failure, "task", "tasks", "follow", task.id)
            failure.hints = (*failure.hints, *more)
        raise


def how_to_follow(failure: Failure, what: str, *command: str) -> tuple[str, ...]:
    """Return how to follow a task further after a failure; empty if the task itself failed.

    The command has the id and not the token, whose cookies may be credentials.
    """
    from aconnect.errors import TaskFailedError

    if isinstance(failure.__cause__, TaskFailedError):
        return ()
    text = shlex.join(["aconnect", *command])
    return (f"Unless it has ended, the {what} continues; follow it with: {text}",)
