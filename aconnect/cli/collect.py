"""`aconnect collect`: usage and audit data into files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from aconnect.cli.common import (
    Failure,
    Stopped,
    connecting,
    echo,
    folder,
    parse_datetime,
    report_retries,
    run,
    say,
)

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.export import Collected, Format, Kind


@click.command()
@click.argument("kind", type=click.Choice(["visits", "shiny-usage", "hits", "audit-logs"]))
@click.option(
    "--from",
    "from_",
    callback=parse_datetime,
    metavar="TIME",
    help="First moment: a date (midnight UTC) or a time in RFC 3339.",
)
@click.option(
    "--to",
    callback=parse_datetime,
    metavar="TIME",
    help="First moment that is no longer wanted, written alike.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="Folder for the file; made where there is none. By default this one.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="JSON lines hold the rows as the server gave them; CSV has fixed columns.",
)
@click.option(
    "--content",
    multiple=True,
    metavar="GUID",
    help="Only what is about this content; may be given several times (not for audit logs).",
)
@click.option("--restart", is_flag=True, help="Begin anew: drop or replace what is there already.")
@connecting
def collect(
    client: Client,
    kind: str,
    from_: datetime | None,
    to: datetime | None,
    out: Path,
    format_: str,
    content: tuple[str, ...],
    restart: bool,
) -> None:
    """Collect usage or audit data into a file.

    The window begins at --from and ends just before --to, so that adjoining windows give every
    event once. Its file is named after what is in it, such as
    visits-2026-01-01--2026-02-01.jsonl, and is there when it is complete. Until then the rows are
    in a file with .part at the end: after Ctrl-C, a failure or a crash, the same command goes on
    from there. The file's name is printed when it is complete.

    Cells of CSV files are data: open files from unknown sources as text, not as formulas.
    """
    from aconnect.errors import InvalidArgumentError
    from aconnect.export import Window

    if content and kind == "audit-logs":
        raise click.UsageError("audit logs are not kept by content; leave --content out")
    try:
        window = Window(from_=from_, to=to)
    except InvalidArgumentError as error:
        raise click.UsageError(str(error)) from error
    path = folder(out) / file_name(kind, from_, to, content, format_)
    if path.exists() and not restart:
        raise Failure(
            f"{path} exists already and is complete; nothing was fetched. --restart collects anew "
            "and replaces it"
        )
    done = collect_into(
        client,
        cast("Kind", kind),
        path,
        window=window,
        content_guid=content,
        format=cast("Format", format_),
        restart=restart,
    )
    echo(str(done.path))


def collect_into(
    client: Client,
    kind: Kind,
    path: Path,
    *,
    total: int | None = None,
    restart: bool = False,
    **more: Any,
) -> Collected:
    """Collect a series into a file, telling how it goes; `restart` replaces what is there."""
    from aconnect.cli.progress import rows_progress
    from aconnect.export import collect as collect_rows, select
    from aconnect.export.collecting import going_on

    with rows_progress(path.stem, total) as progress:

        async def work() -> Collected:
            async with client:
                report_retries(client)
                selected = await select(
                    client, kind, more.get("window"), content_guid=more.get("content_guid", ())
                )
                return await collect_rows(
                    selected.paged,
                    path,
                    keep=selected.keep,
                    format=more.get("format", "jsonl"),
                    progress=progress,
                    restart=restart,
                    overwrite=restart,
                )

        try:
            done = run(work)
        except Stopped as stopped:
            if progress.last is not None:
                stopped.hints = (going_on(progress.last),)
            raise
    say(progress.text(done))
    return done


def file_name(
    kind: str,
    from_: datetime | None,
    to: datetime | None,
    content: Sequence[str],
    format_: str,
) -> str:
    """Name a file after what is in it, the same in every run."""
    parts = [kind]
    if from_ is not None and to is not None:
        parts.append(f"{_stamp(from_)}--{_stamp(to)}")
    elif from_ is not None:
        parts.append(f"from-{_stamp(from_)}")
    elif to is not None:
        parts.append(f"until-{_stamp(to)}")
    if content:
        joined = " ".join(sorted(set(content)))
        parts.append(f"content-{hashlib.sha256(joined.encode()).hexdigest()[:8]}")
    return "-".join(parts) + f".{format_}"


def _stamp(moment: datetime) -> str:
    """Write a time in UTC without the colons that some file systems refuse."""
    moment = moment.astimezone(UTC)
    if moment.timetz() == time(tzinfo=UTC):
        return moment.strftime("%Y-%m-%d")
    fraction = f".{moment.microsecond:06}" if moment.microsecond else ""
    return moment.strftime("%Y-%m-%dT%H%M%S") + fraction + "Z"
