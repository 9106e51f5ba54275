"""`aconnect jobs`: processes of content, and the jobs of collections on several machines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import click

from aconnect.cli.commands import action, listing
from aconnect.cli.content import ITEM, print_log
from aconnect.cli.engines import commit, plan, run_jobs
from aconnect.cli.lookup import find_content, find_job
from aconnect.cli.output import echo_error
from aconnect.cli.table import Column

if TYPE_CHECKING:
    from aconnect import Client


@click.group()
def jobs() -> None:
    """Processes of content, and jobs that collect data on several machines.

    `list`, `follow` and `kill` are about processes that run, build or render content. ITEM is a
    GUID, a name, or an address of content. JOB is the key of one.

    `plan`, `run` and `commit` do what `aconnect collect` does, divided into jobs that any scheduler
    can run on other machines.
    """


jobs.add_command(plan)
jobs.add_command(run_jobs)
jobs.add_command(commit)


@listing(
    jobs,
    "list",
    "aconnect.connect.content.jobs:Job",
    Column("Key", "key"),
    Column("Status", "status"),
    Column("Purpose", "tag"),
    Column("Started", "start_time", is_whole=True),
    Column("Ended", "end_time", is_whole=True),
    Column("Exit", "exit_code"),
    Column("Host", "hostname"),
)
@ITEM
@click.option("--active", is_flag=True, help="Only jobs that are running.")
async def list_jobs(client: Client, item: str, active: bool) -> AsyncGenerator[Any, None]:
    """List the jobs of content, newest first."""
    found = await find_content(client, item)
    async for job in found.jobs.find():
        if job.is_active or not active:
            yield job


@action(jobs, "follow")
@ITEM
@click.argument("job", required=False)
async def follow(client: Client, item: str, job: str | None) -> None:
    """Print the log of a job until it ends.

    By default, that of the newest job.
    """
    await print_log(await find_job(await find_content(client, item), job), follow=True)


@action(jobs, "kill")
@ITEM
@click.argument("job")
async def kill(client: Client, item: str, job: str) -> None:
    """End a job that is running."""
    found = await find_content(client, item)
    await (await find_job(found, job)).kill()
    echo_error(f"The server was asked to end job {job} of {found.name}")
