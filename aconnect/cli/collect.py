"""`aconnect collect`: usage and audit data into files, tables or a pipe."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from aconnect.cli.collecting import Order, collect_from_servers, collect_once, follow
from aconnect.cli.connection import OPTIONS, Settings, client_of, connection_options
from aconnect.cli.engines import Spread
from aconnect.cli.lookup import guid_in
from aconnect.cli.options import DATASET, DURATION, FORMAT, TIME
from aconnect.cli.running import Command

if TYPE_CHECKING:
    from datetime import timedelta

    from aconnect import Client
    from aconnect.collect.outputs import Format, Output


@click.command(cls=Command)
@click.argument("datasets", type=DATASET, nargs=-1, metavar="DATASET...")
@click.option(
    "--from",
    "from_",
    type=TIME,
    metavar="TIME",
    help="Start (inclusive): a date (midnight UTC), a time in RFC 3339, `today`, `yesterday`, or "
    "days or full hours ago, such as -90d or 12h.",
)
@click.option("--to", type=TIME, metavar="TIME", help="End (exclusive), in the same form.")
@click.option(
    "--since-last",
    is_flag=True,
    help="Add what is new since the last run into the same output; --from is where the first one "
    "begins.",
)
@click.option(
    "--overlap",
    type=DURATION,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How far --since-last reads back, for events that the server has recorded late.",
)
@click.option(
    "--settle",
    type=DURATION,
    default="60s",
    show_default=True,
    metavar="TIME",
    help="The age that events must have; younger ones may be incomplete.",
)
@click.option(
    "--out",
    default=".",
    metavar="DIR|FILE|URL|-",
    help="A folder, by default the current one; a file (.jsonl, .csv, .duckdb); a database, such "
    "as postgresql://host/name; an object store, such as s3://bucket/usage; '-' for standard "
    "output.",
)
@click.option(
    "--format",
    "format_",
    type=FORMAT,
    help="By default that of --out, or JSON lines: rows as received. CSV and tables have fixed "
    "columns.",
)
@click.option(
    "--content",
    multiple=True,
    metavar="GUID",
    help="Only for content with this GUID or address; can be repeated (not for audit logs).",
)
@click.option("--ordered", is_flag=True, help="Write rows in the order of time, which is slower.")
@click.option(
    "--in-flight",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="How many pages are requested at once.",
)
@click.option(
    "--max-rate",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="The most requests per second; by default as many as the server accepts.",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Start again: discard what earlier runs have written to the output.",
)
@click.option("--follow", "follows", is_flag=True, help="Go on for ever with what is new.")
@click.option(
    "--every",
    type=DURATION,
    default="60s",
    show_default=True,
    metavar="TIME",
    help="How often --follow asks for what is new.",
)
@click.option(
    "--servers",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Collect from all servers of this TOML file at once.",
)
@click.option(
    "--engine",
    type=click.Choice(["dask"]),
    help="Read on other machines; needs --scheduler, and --profile for the name of the server.",
)
@click.option("--scheduler", metavar="URL", help="Of --engine, such as tcp://scheduler:8786.")
@click.option(
    "--staging",
    metavar="DIR|URL",
    help="For --engine: a folder or an object store that all machines can write to; by default "
    ".staging in the folder of --out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the reports of the runs as JSON.")
@click.option("--verbose", is_flag=True, help="Print also how the rows were fetched, and why.")
@connection_options
def collect(
    settings: Settings,
    datasets: tuple[str, ...],
    out: str,
    format_: str | None,
    content: tuple[str, ...],
    servers: Path | None,
    follows: bool,
    every: timedelta,
    engine: str | None,
    scheduler: str | None,
    staging: str | None,
    as_json: bool,
    verbose: bool,
    **options: Any,
) -> None:
    r"""Collect usage and audit data into files, tables or a pipe.

    \b
    Datasets of events: visits, shiny-usage, hits, audit-logs
    What the server has now: content, users, groups, permissions, jobs, packages

    A window includes --from and excludes --to, so that adjoining windows contain each event once.
    In a folder, files are named after what they contain, such as
    visits-2026-01-01--2026-02-01.jsonl. After Ctrl-C, a failure or a crash, the same command
    resumes, and no row is lost or written twice. Where something was written is printed.

    If a window is not over, a message says up to when it is complete, and the same command adds
    what is new. A window that was complete is not fetched again, so that a nightly job can be
    repeated.

    With --out -, several datasets are told apart by an object around each row:
    {"dataset": "visits", "row": {...}}. Standard output remembers nothing: --follow begins now,
    unless --from says when.

    A file of --servers has a table for each server: [servers.ALIAS] with address and api_key_env
    (the name of an environment variable) or keyring = true, and optionally in_flight, max_rate,
    cacert, proxy and datasets. The rows of each are in server=ALIAS.

    Cells of CSV files are data: open files from unknown sources as text, not as formulas.
    """
    from aconnect.collect.outputs import Output

    output = Output.parse(out, cast("Format | None", format_))
    order = Order(
        datasets=tuple(dict.fromkeys(datasets)),
        output=output,
        options={**options, "content_guid": tuple(map(_guid, content)) or None},
        as_json=as_json,
        prints_targets=not (as_json or output.is_transient),
        verbose=verbose,
        spread=Spread.parse(engine, scheduler, output, alias=settings.profile, staging=staging),
    )
    _check(order, output, follows=follows)
    if order.spread is not None and (follows or servers is not None):
        raise click.UsageError("--engine is for one server, and for runs that end")
    if servers is not None:
        _check_servers(follows=follows)
        collect_from_servers(servers, order)
        return
    if not order.datasets:
        raise click.UsageError("pass the datasets to collect, such as visits and audit-logs")
    output.check(order.datasets)
    client = cast("Client", client_of(settings))
    if follows:
        follow(client, order, every)
    else:
        collect_once(client, order)


def _check(order: Order, output: Output, *, follows: bool) -> None:
    """Refuse options that contradict each other, before any request."""
    from aconnect.collect.datasets import check_content_filter, dataset_named
    from aconnect.collect.options import options_of

    options = {key: value for key, value in order.options.items() if key != "content_guid"}
    options_of(cast("Any", options))
    if output.is_transient and options["since_last"] and not follows:
        raise click.UsageError(
            "standard output remembers no last run: pass --from instead of --since-last, or write "
            "to a file"
        )
    if order.as_json and output.is_transient:
        raise click.UsageError("--json and --out - would both write to standard output")
    if order.as_json and follows:
        raise click.UsageError("--follow does not end, so there is no report to print as JSON")
    for name in order.datasets:
        if order.options["content_guid"] is not None:
            check_content_filter(name)
    is_about_time = options["from_"] or options["to"] or options["since_last"]
    if (
        order.datasets
        and is_about_time
        and all(dataset_named(name).is_snapshot for name in order.datasets)
    ):
        raise click.UsageError(
            f"{', '.join(order.datasets)} is what the server has now; leave --from, --to and "
            "--since-last out"
        )


def _check_servers(*, follows: bool) -> None:
    """Refuse options that a file of servers leaves no room for."""
    context = click.get_current_context()
    if follows:
        raise click.UsageError("--follow is for one server: run one process for each")
    for option in OPTIONS:
        given = context.get_parameter_source(option.name or "")
        if given is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{option.opts[0]} is for one server; each server of --servers has its own "
                "settings in the file"
            )


def _guid(text: str) -> str:
    """Return the GUID that `--content` names."""
    found = guid_in(text)
    if found is None:
        raise click.UsageError(
            f"--content takes a GUID, not {text!r}; to look it up: "
            f"aconnect content get {shlex.quote(text)} --json guid"
        )
    return found
