"""What the reports of collections say, as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aconnect._core.text import counted, size_text
from aconnect.cli.output import echo, echo_error, echo_json
from aconnect.cli.progress import pushbacks_text

if TYPE_CHECKING:
    from aconnect.collect import RunReport


def echo_report(label: str, report: RunReport, *, verbose: bool = False) -> None:
    """Print what a run has done."""
    for line in report_lines(report, verbose=verbose):
        echo_error(f"{label}: {line}")


def echo_target(report: RunReport) -> None:
    """Print to standard output where a run has written."""
    if report.written is not None:
        echo(report.written.target)


def report_lines(report: RunReport, *, verbose: bool = False) -> Iterator[str]:
    """Yield what a run has done, the most important first."""
    if report.strategy == "none" and report.is_over:
        yield "complete already, so nothing was fetched; --restart collects it again"
    elif report.strategy == "none":
        yield f"nothing new{'' if report.until is None else f' since {time_text(report.until)}'}"
    else:
        yield ", ".join(_figures(report))
    if report.resumed:
        yield f"{report.resumed:,} of the rows are those of an earlier run, which was resumed"
    if not report.is_over and report.until is not None and report.strategy != "none":
        is_kept = report.written is not None and report.written.target != "-"
        again = "; the same command adds what is new" if is_kept else ""
        yield f"complete up to {time_text(report.until)}{again}"
    if report.pushbacks:
        waited = f"; requests waited {report.seconds_waited:.1f} s" if report.seconds_waited else ""
        yield f"the server {pushbacks_text(report.pushbacks)}{waited}"
    if report.oddities:
        counted = (f"{what} ({number:,})" for what, number in report.oddities.items())
        yield f"values that did not fit: {', '.join(counted)}"
    if report.strategy != "none":
        yield from report.notes
    if verbose:
        parts = f"; {report.units:,} parts, {report.splits:,} of them split off"
        yield f"strategy {report.strategy}: {report.reason}{parts if report.units > 1 else ''}"
        if report.discarded:
            yield f"{report.discarded:,} of the rows fetched were not needed"


def _figures(report: RunReport) -> Iterator[str]:
    yield counted(report.rows, "row")
    if report.seconds > 0:
        yield f"{(report.rows - report.resumed) / report.seconds:,.0f} rows/s"
    yield counted(report.requests, "request")
    written = report.written
    if written is not None and written.files is not None:
        yield counted(written.files, "file")
    if written is not None and written.size is not None:
        yield size_text(written.size)
    yield f"{report.seconds:.1f} s"


def time_text(time: datetime) -> str:
    """Return a time in UTC, in full seconds."""
    return f"{time.replace(microsecond=0, tzinfo=None).isoformat()}Z"


def report_fields(report: RunReport) -> dict[str, Any]:
    """Return a report as JSON has it; its times are in RFC 3339."""
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(report)
    return {"from" if name == "from_" else name: value for name, value in fields.items()}


def echo_document(value: Sequence[Any]) -> None:
    """Print one JSON document."""
    import msgspec

    echo_json(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
