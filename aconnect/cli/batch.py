"""`aconnect build`, `redeploy` and `deploy-all`: many items at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from aconnect.cli.batching import BatchOrder, listed, run_batch
from aconnect.cli.commands import confirm
from aconnect.cli.connection import with_client
from aconnect.cli.lookup import find_content, find_tag, find_user
from aconnect.cli.running import Command
from aconnect.cli.variables import read_variables

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.cli.dry_run import PlannedDirectory
    from aconnect.connect import ContentItem
    from aconnect.deploy.batch.running import Batch
    from aconnect.deploy.batch.state import BatchItem

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


_ORDER: Final = (
    click.option(
        "--parallel",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="How many builds run at once.",
    ),
    click.option(
        "--state",
        type=_FILE,
        metavar="FILE",
        help="The file that records what is done, for --retry; removed when everything is done.",
    ),
    click.option(
        "--retry",
        is_flag=True,
        help="Resume an earlier run with the items that failed or were interrupted.",
    ),
    click.option("--dry-run", is_flag=True, help="Only list what would be done."),
    click.option("--json", is_flag=True, help="Print the results as one JSON document."),
)


def _batch(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all these commands have, as one `BatchOrder`."""

    @functools.wraps(command)
    def wrapped(client: Client, **values: Any) -> None:
        names = ("parallel", "state", "retry", "dry_run", "json")
        command(client, BatchOrder(**{name: values.pop(name) for name in names}), **values)

    for option in reversed(_ORDER):
        wrapped = option(wrapped)
    return with_client(wrapped)


class _Selection(Struct, frozen=True):
    """Which content is meant."""

    items: tuple[str, ...]
    tag: str | None
    owner: str | None
    query: str | None
    all_failed: bool = False

    def check(self, order: BatchOrder) -> None:
        """Refuse to select nothing, which would be everything; or something for `--retry`."""
        given = any((self.items, self.tag, self.owner, self.query, self.all_failed))
        if order.retry and given:
            raise click.UsageError(
                "--retry goes on with the items of the earlier run; leave out what selects content"
            )
        if not (order.retry or given):
            raise click.UsageError("no content: pass --tag, --owner, --query, or ITEM")
        if self.items and any((self.tag, self.owner, self.query, self.all_failed)):
            raise click.UsageError("pass either ITEM, or options that select content")

    async def content(self, client: Client) -> list[ContentItem]:
        """List the content."""
        from aconnect.deploy.batch.selection import select_content

        if self.items:
            return [await find_content(client, item) for item in self.items]
        owner = None if self.owner is None else (await find_user(client, self.owner)).guid
        tag = None if self.tag is None else (await find_tag(client, self.tag)).id
        return await select_content(
            client, tag=tag, owner=owner, query=self.query, all_failed=self.all_failed
        )


_SELECTION: Final = (
    click.argument("items", nargs=-1, metavar="[ITEM]..."),
    click.option("--tag", metavar="TAG", help="Content with this tag, a name or a path."),
    click.option("--owner", metavar="USER", help="Content of this user; @me for your own."),
    click.option("--query", metavar="TEXT", help="Content with this text in its name or title."),
)


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select content."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@click.command(cls=Command)
@_selecting
@click.option("--all-failed", is_flag=True, help="Content whose newest build has failed.")
@_batch
def build(client: Client, order: BatchOrder, **selected: Any) -> None:
    """Rebuild content, which installs its packages again.

    ITEM is a GUID, a name, or an address of the content. Content must match all options. The
    results go to standard output, the progress and the failures to standard error.
    """
    from aconnect.deploy.batch.batch import build_all

    selection = _Selection(**selected)
    selection.check(order)
    keywords = order.keywords(Path("aconnect-build.state"))

    async def start(**more: Any) -> Batch:
        items = None if order.retry else await selection.content(client)
        return build_all(client, items, **keywords, **more)

    run_batch(client, order, start, "built")


@click.command(cls=Command)
@_selecting
@click.option(
    "--set-env",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Set an environment variable of each item first. NAME alone takes its value from the "
    "environment of this command, which keeps it out of the process list. Can be repeated.",
)
@click.option("--no-verify", is_flag=True, help="Do not request the content after its build.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@_batch
def redeploy(
    client: Client,
    order: BatchOrder,
    set_env: tuple[str, ...],
    no_verify: bool,
    yes: bool,
    **selected: Any,
) -> None:
    """Deploy the active bundle of content again, perhaps with other variables.

    ITEM is a GUID, a name, or an address of the content. Content must match all options. The
    results go to standard output, the progress and the failures to standard error. Values of
    variables are not kept, so pass them again with --retry.
    """
    from aconnect.deploy.batch.batch import redeploy_all

    selection = _Selection(**selected)
    selection.check(order)
    env = read_variables(set_env, option="--set-env")
    keywords = order.keywords(Path("aconnect-redeploy.state"))

    async def start(**more: Any) -> Batch:
        items = None if order.retry else await selection.content(client)
        return redeploy_all(client, items, env=env, verify=not no_verify, **keywords, **more)

    def ask(items: list[BatchItem]) -> None:
        if env and len(items) > 1:
            confirm(f"Set {', '.join(env)} on {listed(items)}, and redeploy them?", yes=yes)

    run_batch(client, order, start, "deployed", ask=ask)


@click.command("deploy-all", cls=Command)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--transfers",
    type=click.IntRange(min=1),
    default=8,
    show_default=True,
    metavar="N",
    help="How many directories are packed and uploaded at once.",
)
@_batch
def deploy_all(client: Client, order: BatchOrder, file: Path, transfers: int) -> None:
    """Deploy many directories, as a file declares them.

    FILE is in TOML. It has a table [[deploy]] for each directory, with its `path`, and the keys
    that [tool.aconnect.deploy] of a pyproject.toml has; [defaults] has the same keys for all of
    them. The results go to standard output, the progress and the failures to standard error.
    """
    from aconnect.deploy.batch.batch import deploy_all as begin
    from aconnect.deploy.config.specs import read_specs

    specs = read_specs(file)
    keywords = order.keywords(file.with_suffix(".state"))

    async def start(**more: Any) -> Batch:
        return begin(client, specs, transfers=transfers, **keywords, **more)

    async def plan(items: list[BatchItem]) -> list[PlannedDirectory]:
        from aconnect.cli.dry_run import planned_directory
        from aconnect.concurrency import amap

        by_key = {spec.key: spec for spec in specs}
        return await amap(
            lambda item: planned_directory(client, by_key[item.key], item), items, limit=transfers
        )

    run_batch(client, order, start, "deployed", plan=plan)
