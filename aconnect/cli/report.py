"""`aconnect report`: a page with charts of collected data."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from aconnect.cli.options import TIME
from aconnect.cli.output import echo, echo_error
from aconnect.cli.running import Command, Failure, Stopped


@click.command(cls=Command)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default="report.html",
    show_default=True,
    help="The page; an existing one is replaced.",
)
@click.option("--title", help="The title of the page.")
@click.option(
    "--from",
    "from_",
    type=TIME,
    metavar="TIME",
    help="Leave out what happened before: a date (midnight UTC), a time in RFC 3339, `today`, "
    "`yesterday`, or days or full hours ago, such as 7d or 12h.",
)
@click.option(
    "--to",
    type=TIME,
    metavar="TIME",
    help="Leave out what happened at this time or later, in the same form.",
)
def report(
    source: Path, output: Path, title: str | None, from_: datetime | None, to: datetime | None
) -> None:
    """Write a page with charts of collected data.

    SOURCE is a folder with the files of `aconnect collect`, or a DuckDB file with its tables. No
    server is asked. The page is one HTML file that can be opened, sent and printed without a
    network. It shows the names of content and users if these were collected too, so treat it like
    the data.

    \b
    aconnect collect visits shiny_usage content users --out usage
    aconnect report usage -o usage.html
    """  # noqa: D301  click's mark for lines that are not wrapped
    from aconnect.errors import AconnectError, InvalidArgumentError
    from aconnect.report import write_report

    try:
        written = write_report(source, output, title=title, from_=from_, to=to)
    except InvalidArgumentError:
        raise  # handled by `Command`
    except AconnectError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt as error:
        raise Stopped("Stopped.") from error
    for note in written.notes:
        echo_error(note)
    echo(str(written.path))
