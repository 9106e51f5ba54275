"""`aconnect migrate plan`: what a migration would do, as a table and as a file."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from aconnect._core.text import counted, some_of
from aconnect.cli.connection import network_options
from aconnect.cli.migrate_options import (
    Chosen,
    both_open,
    both_servers,
    choosing_options,
    mapping_option,
    server_options,
)
from aconnect.cli.options import LibraryChoice
from aconnect.cli.output import echo_error, echo_json
from aconnect.cli.running import Command, Failure, run

if TYPE_CHECKING:
    from aconnect.cli.connection import Settings
    from aconnect.migrate import Plan

_MODEL: Final = "aconnect.migrate.planning.model"
_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_POLICIES: Final = {
    "name_taken": ("NameTaken", "If the new owner has content of this name, which is kept"),
    "vanity_taken": (
        "VanityTaken",
        "If other content has the vanity URL, or one above or below it",
    ),
    "principal_unmapped": (
        "PrincipalUnmapped",
        "If a user or group has no counterpart; content goes to the fallback owner of the mapping",
    ),
    "missing": ("Missing", "If an integration, an environment or a runtime is missing"),
    "value_missing": (
        "ValueMissing",
        "If nothing says where the value of an environment variable comes from",
    ),
    "locked": ("Locked", "If content is locked"),
}
"""The choice of the values of each policy, and when it decides."""
_DEFAULTS: Final = {"vanity_taken": "without", "locked": "as-is"}
"""Of the policies whose default is not `stop`."""
_DECIDE: Final = (
    "Decide with a mapping file (--map) or the --on options, and plan again with --overwrite."
)
_OF_NEW_PLANS: Final = frozenset(
    {
        *("guids", "tags", "owners", "search", "mapping", *_POLICIES),
        *("bundles", "run_as", "grant_self", "lock_source", "people", "migrated"),
    }
)
"""The parameters that `--refresh` does not take."""


class _Undecided(Failure):
    """The plan has conflicts."""

    exit_code = 2


def _policy_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each policy."""
    for name, (choice, text) in reversed(_POLICIES.items()):
        default = _DEFAULTS.get(name, "stop")
        command = click.option(
            f"--on-{name.replace('_', '-')}",
            name,
            type=LibraryChoice(_MODEL, choice),
            default=default,
            show_default=True,
            help=f"{text}.",
        )(command)
    return command


@click.command(cls=Command)
@server_options("plan, with --refresh")
@choosing_options
@mapping_option
@click.option(
    "--migrated",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="JOURNAL",
    help="The journal of an earlier migration between these servers: what it has created is "
    "updated, if it has changed since, instead of being created again.",
)
@_policy_options
@click.option(
    "--bundles",
    type=click.Choice(("active", "all")),
    default="active",
    show_default=True,
    help="Which bundles to carry; only the active one is deployed.",
)
@click.option("--run-as", is_flag=True, help="Carry the accounts that content runs as.")
@click.option(
    "--grant-self",
    is_flag=True,
    help="Become a collaborator of source content whose bundles could not be downloaded otherwise; "
    "the run withdraws that.",
)
@click.option(
    "--lock-source",
    metavar="MESSAGE",
    help="Lock the source content with this message, once it is migrated.",
)
@click.option("--people", is_flag=True, help="Create missing users, groups and environments first.")
@click.option(
    "--output",
    "-o",
    type=_FILE,
    default="plan.json",
    show_default=True,
    metavar="FILE",
    help="The file of the plan.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
@click.option(
    "--refresh",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="PLAN",
    help="Plan only those items of this plan again whose sources have changed, with its options, "
    "and replace it, or write it to another --output.",
)
@click.option(
    "--journal",
    type=_FILE,
    metavar="FILE",
    help="With --refresh: the journal of its run; items that were begun stay as they are. By "
    "default beside the plan, with the suffix .db.",
)
@click.option("--verbose", "-v", is_flag=True, help="Print all that was found about each item.")
@click.option("--json", is_flag=True, help="Print the plan as one JSON document.")
@network_options
def plan(
    settings: Settings,
    source: str | None,
    destination: str | None,
    output: Path,
    overwrite: bool,
    refresh: Path | None,
    journal: Path | None,
    verbose: bool,
    json: bool,
    **options: Any,
) -> None:
    """Plan a migration from one server to another; change nothing.

    By default all content is planned; options that choose content can be repeated. The plan is
    written to a file, which has no secrets, and is what `aconnect migrate run` carries out. If the
    sources change meanwhile, the run refuses it, and --refresh plans those items again.

    The signs are `+` created, `~` updated, `=` nothing to do, `-` skipped as was asked for, `!` a
    conflict, `?` a value is missing, and `x` impossible. The exit code is 0, or 2 if there are
    conflicts: such a plan can be read, and not be run.

    \b
    aconnect migrate plan --from old --to new --tag Finance -o plan.json
    aconnect migrate plan --from old --to new --map mapping.toml --on-name-taken rename --overwrite
    aconnect migrate plan --refresh plan.json
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect import migrate
    from aconnect.cli.migrate_planned import echo_plan

    is_given = _source_of("output") is ParameterSource.COMMANDLINE
    path = output if refresh is None or is_given else refresh
    _check_output(path, overwrite=overwrite or path == refresh)
    if refresh is not None:
        _check_refresh(refresh)
        begun = _begun(journal or refresh.with_suffix(".db"))
        made, again = _refreshed(settings, refresh, source, destination, begun)
    elif source is None or destination is None:
        raise click.UsageError("pass --from SERVER and --to SERVER, or --refresh PLAN")
    else:
        again = None
        made = _planned(settings, source, destination, **options)

    async def save() -> None:
        await migrate.save_plan(made, path)

    run(save)
    if json:
        echo_json(path.read_text("utf-8"))
    else:
        echo_plan(made, verbose=verbose)
    if again is not None:
        _echo_again(again, len(made.items))
    _echo_end(made, path)


def _planned(
    settings: Settings,
    source: str,
    destination: str,
    *,
    chosen: Chosen,
    mapping: Path | None,
    migrated: Path | None,
    **options: Any,
) -> Plan:
    """Make a plan."""
    from aconnect import migrate

    policies = migrate.Policies(**{name: options.pop(name) for name in _POLICIES})
    wanted = migrate.Options(policies=policies, **options)
    here, there = both_servers(settings, source, destination)
    saved = None if migrated is None else migrate.read_journal(migrated)
    if saved is not None and (saved.source, saved.destination) != (here.url, there.url):
        raise click.UsageError(
            f"{migrated} is the journal of a migration from {saved.source} to {saved.destination}"
        )

    async def work() -> Plan:
        async with both_open(here, there):
            return await migrate.plan(
                here,
                there,
                guids=chosen.guids,
                tags=chosen.tags,
                owners=chosen.owners,
                search=chosen.search,
                mapping=mapping,
                migrated=None if saved is None else saved.content,
                options=wanted,
            )

    return run(work)


def _check_refresh(path: Path) -> None:
    """Refuse options that a plan has already."""
    for parameter in click.get_current_context().command.params:
        name = parameter.name or ""
        is_given = _source_of(name) is ParameterSource.COMMANDLINE
        if is_given and name in _OF_NEW_PLANS:
            raise click.UsageError(
                f"--refresh keeps what {path} was made with; leave {parameter.opts[0]} out, or "
                "plan anew"
            )


def _begun(journal: Path) -> list[int]:
    """Return the numbers of the items that a run has begun."""
    from aconnect import migrate

    if not journal.exists():
        return []
    return [item.number for item in migrate.read_journal(journal).items]


def _refreshed(
    settings: Settings,
    path: Path,
    source: str | None,
    destination: str | None,
    begun: list[int],
) -> tuple[Plan, list[str]]:
    """Plan the stale items of a plan again; return the names of those that are planned anew."""
    from aconnect import migrate

    old = migrate.read_plan(path)
    here, there = both_servers(
        settings, source or old.source.url, destination or old.destination.url
    )

    async def work() -> Plan:
        async with both_open(here, there):
            return await migrate.refresh(old.bind(here, there), begun=begun)

    made = run(work)
    before = {item.number: item for item in old.items}
    return made, [item.source.name for item in made.items if item != before[item.number]]


def _echo_again(names: list[str], total: int) -> None:
    """Print what a refresh has planned again, among the items that stay as they were."""
    if names:
        echo_error(f"Planned again: {len(names):,} of {counted(total, 'item')} ({some_of(names)})")
    else:
        echo_error("Planned again: nothing, because no item that is left has changed.")


def _source_of(name: str) -> ParameterSource | None:
    return click.get_current_context().get_parameter_source(name)


def _check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that exists: a plan that was run is needed to go on with it."""
    from aconnect._client.files import check_folder

    check_folder(path)
    if path.exists() and not overwrite:
        raise click.UsageError(f"{path} exists; pass --overwrite, or another --output")


def _echo_end(made: Plan, path: Path) -> None:
    """Print where the plan is, and what to do with it; fail if it has conflicts."""
    echo_error(f"Wrote {path}.")
    if not made.has_conflicts:
        echo_error(f"Run it with: {shlex.join(['aconnect', 'migrate', 'run', str(path)])}")
        return
    number = sum(item.sign in {"!", "?"} for item in made.items)
    of = f"{number} of {counted(len(made.items), 'item')}" if number else "the plan"
    raise _Undecided(
        f"{of} cannot be run as planned",
        hints=(_DECIDE,),
    )
