"""`aconnect collect`: usage and audit data into files."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from aconnect._core.arguments import canonical_guid
from aconnect.cli.connection import with_client
from aconnect.cli.lookup import guid_in
from aconnect.cli.options import FORMAT, KIND, TIME, folder
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, Stopped, report_retries, run

if TYPE_CHECKING:
    from aconnect import Client
    from aconnect.export import Collected, Format, Kind


@click.command(cls=Command)
@click.argument("kind", type=KIND)
@click.option(
    "--from",
    "from_",
    type=TIME,
    metavar="TIME",
    help="Start (inclusive): a date (midnight UTC), a time in RFC 3339, `today`, `yesterday`, or "
    "days or full hours ago, such as 7d or 12h.",
)
@click.option(
    "--to",
    type=TIME,
    metavar="TIME",
    help="End (exclusive), in the same form.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    help="The folder of the file, created if necessary; by default the current one.",
)
@click.option(
    "--format",
    "format_",
    type=FORMAT,
    default="jsonl",
    show_default=True,
    help="JSON lines contain the rows as received; CSV has fixed columns.",
)
@click.option(
    "--content",
    multiple=True,
    metavar="GUID",
    help="Only for content with this GUID or address; can be repeated (not for audit logs).",
)
@click.option(
    "--restart",
    is_flag=True,
    help="Start again: discard a partial file, replace a complete one.",
)
@with_client
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

    The time window includes --from and excludes --to, so that adjoining windows contain each event
    once. The file is named after its content, such as visits-2026-01-01--2026-02-01.jsonl, and is
    written atomically. Until it is complete, the rows are in a file that ends in .part: after
    Ctrl-C, a failure or a crash, the same command resumes. The name of the complete file is
    printed.

    If the window is not over, a message says up to when the file is complete, and the same command
    collects it again. The file of a window that was over is kept, and the command succeeds without
    fetching anything, so that a nightly job can be repeated.

    Cells of CSV files are data: open files from unknown sources as text, not as formulas.
    """
    from aconnect.export import Window

    window = Window(from_=from_, to=to)
    if kind != "audit-logs":  # refused by `select`
        content = tuple(map(_guid, content))
    path = folder(out) / file_name(kind, window.from_, window.to, content, format_)
    is_over = _was_over(path, window.to)
    if is_over and not restart and path.exists():
        echo_error("The file is complete, so nothing was fetched; --restart collects it again.")
        echo(str(path))
        return
    done = collect_into(
        client,
        cast("Kind", kind),
        path,
        window=window,
        content_guid=content or None,
        format=cast("Format", format_),
        restart=restart,
        overwrite=restart or not is_over,
    )
    if window.to is None or done.until < window.to:
        until = done.until.replace(microsecond=0, tzinfo=None).isoformat()
        again = " with --restart" if _was_over(path, window.to) else ""
        echo_error(
            f"The window was not over: the file is complete up to {until}Z. Repeat the command"
            f"{again} to collect it again."
        )
    echo(str(done.path))


def _guid(text: str) -> str:
    """Return the GUID that `--content` names."""
    found = guid_in(text)
    if found is None:
        raise click.UsageError(
            f"--content takes a GUID, not {text!r}; to look it up: "
            f"aconnect content get {shlex.quote(text)} --json guid"
        )
    return found


def collect_into(
    client: Client,
    kind: Kind,
    path: Path,
    *,
    total: int | None = None,
    restart: bool = False,
    overwrite: bool = False,
    **more: Any,
) -> Collected:
    """Collect a series into a file and print the progress."""
    from aconnect.cli.progress import rows_progress, share_of
    from aconnect.export import collect as collect_rows, select
    from aconnect.export.collecting import resume_hints
    from aconnect.export.parts import refuse_existing

    refuse_existing(path, overwrite=overwrite)  # `select` may make a request
    with rows_progress(kind) as progress:

        async def work() -> Collected:
            async with client:
                report_retries(client)
                selected = await select(
                    client, kind, more.get("window"), content_guid=more.get("content_guid")
                )
                progress.share = share_of(selected.keep, total)
                return await collect_rows(
                    selected.paged,
                    path,
                    keep=selected.keep,
                    format=more.get("format", "jsonl"),
                    progress=progress,
                    restart=restart,
                    overwrite=overwrite,
                )

        try:
            done = run(work)
        except Stopped as stopped:
            stopped.hints = resume_hints(path)
            raise
    echo_error(progress.result(done))
    return done


def _was_over(path: Path, to: datetime | None) -> bool:
    """Return False if a file was written before the end of its window, and lacks rows."""
    try:
        written = path.stat().st_mtime
    except OSError:
        return True  # there is no such file
    return to is not None and written >= to.timestamp()


def file_name(
    kind: str,
    from_: datetime | None,
    to: datetime | None,
    content: Sequence[str],
    format_: str,
) -> str:
    """Return the name of a file for this content, the same in every run."""
    parts = [kind]
    if from_ is not None and to is not None:
        parts.append(f"{_stamp(from_)}--{_stamp(to)}")
    elif from_ is not None:
        parts.append(f"from-{_stamp(from_)}")
    elif to is not None:
        parts.append(f"until-{_stamp(to)}")
    if content:
        joined = " ".join(sorted({canonical_guid("content", guid) for guid in content}))
        parts.append(f"content-{hashlib.sha256(joined.encode()).hexdigest()[:8]}")
    return "-".join(parts) + f".{format_}"


def _stamp(moment: datetime) -> str:
    """Return a time in UTC without colons, which some file systems refuse."""
    moment = moment.astimezone(UTC)
    if moment.timetz() == time(tzinfo=UTC):
        return moment.strftime("%Y-%m-%d")
    fraction = f".{moment.microsecond:06}" if moment.microsecond else ""
    return moment.strftime("%Y-%m-%dT%H%M%S") + fraction + "Z"
