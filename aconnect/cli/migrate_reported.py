"""What became of a migration, as text: what needs attention comes last, where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aconnect._core.text import size_text, some_of
from aconnect.cli.migrate_texts import doing, for_command_line
from aconnect.cli.output import echo_error, echo_json, is_terminal
from aconnect.cli.table import Column, rows_printer

if TYPE_CHECKING:
    from aconnect.migrate import Report, ReportItem
    from aconnect.migrate.running.reports.counting import State

_FEW: Final = 20
"""Up to this many items are all listed on a terminal."""
_MOST: Final = 20
"""How many failures, differences or notes are printed; the report has all."""
_WORDS: Final[dict[State, str]] = {
    "done": "migrated as planned",
    "differs": "different from the plan",
    "failed": "failed",
    "pending": "not done",
    "skipped": "left out by the plan",
}
_LOG_LINES: Final = 3
_NAMES: Final = 3


def _state(item: ReportItem) -> str:
    from aconnect.migrate.running.reports.counting import state

    return state(item)


def _step(item: ReportItem) -> str:
    """Return where an item failed or was left; steps that have ended may have had nothing to do."""
    return "" if item.outcome in {"done", "skipped"} else item.step


_COLUMNS: Final = (
    Column("State", _state, is_whole=True),
    Column("Nr", "number", is_whole=True),
    Column("Name", "name"),
    Column("New address", "target_url", is_whole=True),
    Column("Step", _step, is_whole=True),
    Column("Old address", "source_url", is_whole=True),
    Column("Error", "error"),
)


def echo_report(report: Report, files: Sequence[Path], *, as_json: bool) -> None:
    """Print the items to standard output, and what needs attention to standard error."""
    if as_json:
        import msgspec

        text = msgspec.json.encode({"kind": "report", **msgspec.to_builtins(report)})
        echo_json(text.decode())
    else:
        _echo_items(report)
        _echo_attention(report)
    for path in files:
        echo_error(f"Report: {path}")


def _echo_items(report: Report) -> None:
    """Print the items; on a terminal only a few: what needs attention is printed below."""
    if not report.items or (is_terminal("stdout") and len(report.items) > _FEW):
        return
    printer = rows_printer(_COLUMNS, None)
    for item in report.items:
        printer.add(item)
    printer.close()


def _echo_attention(report: Report) -> None:
    from aconnect.migrate.running.reports.counting import counts, notes

    numbers = counts(report)
    words = [f"{numbers[name]:,} {word}" for name, word in _WORDS.items() if numbers[name]]
    size = size_text(sum(item.bytes for item in report.items))
    echo_error(f"{', '.join(words) or 'No items'}; {size} sent")
    _echo_list("Failed:", [_failure(item) for item in report.items if item.outcome == "failed"])
    _echo_list(
        "Different from the plan:",
        [[f"{one.name}: {'; '.join(one.differences)}"] for one in report.items if one.differences],
    )
    _echo_list(
        "To know, or to do by hand:",
        [
            *([f"{some_of(names, _NAMES)}: {text}"] for text, names in notes(report)),
            *([note] for note in report.notes),
        ],
    )


def _failure(item: ReportItem) -> list[str]:
    log = (f"| {line}" for line in item.log[-_LOG_LINES:])
    return [f"{item.name}, {doing(item.step)}: {item.error or item.error_type}", *log]


def _echo_list(title: str, entries: Sequence[Sequence[str]]) -> None:
    """Print entries of some lines each, not too many of them."""
    if not entries:
        return
    echo_error(title)
    for lines in entries[:_MOST]:
        for line in lines:
            echo_error(f"  {for_command_line(line)}")
    if len(entries) > _MOST:
        echo_error(f"  … and {len(entries) - _MOST:,} more, which are in the report")
