"""Reports as one HTML page that needs nothing else: to read, to search, to print, and to keep."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import Final

from aconnect._core.text import size_text
from aconnect.migrate.running.events import DOING, Report, ReportItem
from aconnect.migrate.running.reports.counting import STATES, counts, notes, state
from aconnect.report.markup import Markup, Script, document, heading, table

_FILES: Final = files("aconnect.migrate.running.reports")
_WORDS: Final = {
    "failed": "failed",
    "differs": "differ from the plan",
    "pending": "not migrated yet",
    "done": "migrated as planned",
    "skipped": "left out by the plan",
}
_LINKED: Final = ("https://", "http://")


def render(report: Report) -> str:
    """Return the page."""
    sections = (
        _section("Failures", "failures", _failures(report)),
        _section("Differences", "differences", _differences(report)),
        _section("Notes", "notes", _notes(report)),
        _section("Old and new addresses", "items", _controls() + _items(report)),
    )
    return document(
        _head(report) + "".join(sections),
        title=_title(report),
        scripts=(Script(_FILES.joinpath("page.js").read_text("utf-8")),),
        style=_FILES.joinpath("page.css").read_text("utf-8"),
    )


def _title(report: Report) -> str:
    return f"Migration from {report.source} to {report.destination}"


def _head(report: Report) -> str:
    seconds = round((report.ended - report.started).total_seconds())
    totals = [(f"{number:,}", _WORDS[name]) for name, number in counts(report).items() if number]
    totals.append((size_text(sum(item.bytes for item in report.items)), "of bundles sent"))
    note = (
        f"Plan {report.plan}. The last run began on {report.started:%Y-%m-%d at %H:%M} UTC and "
        f"took {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}."
    )
    return heading(_title(report), note, totals, report.notes)


def _section(title: str, name: str, body: str) -> str:
    if not body:
        return ""
    return f"""<section id="{name}" class="wide" aria-labelledby="{name}-title">
<h2 id="{name}-title">{escape(title)}</h2>
{body}
</section>
"""


def _failures(report: Report) -> str:
    rows = [
        (item.number, item.name, DOING.get(item.step, item.step), _error(item))
        for item in report.items
        if item.outcome == "failed"
    ]
    return table(("Nr", "Name", "Step", "Error"), rows) if rows else ""


def _error(item: ReportItem) -> Markup:
    text = f"{item.error_type or 'Error'}: {item.error or ''}"
    log = "\n".join(item.log)
    return Markup(escape(text) + (f"<pre>{escape(log)}</pre>" if log else ""))


def _differences(report: Report) -> str:
    rows = [
        (item.number, item.name, _address(item.target_url), _list(item.differences))
        for item in report.items
        if item.differences
    ]
    return table(("Nr", "Name", "New address", "Differs from the plan"), rows) if rows else ""


def _notes(report: Report) -> str:
    rows = [(text, len(names), ", ".join(names)) for text, names in notes(report)]
    return table(("To know, or to do by hand", "Items", "Names"), rows) if rows else ""


def _controls() -> str:
    options = "".join(f"<option>{name}</option>" for name in STATES)
    return f"""<div class="controls" id="controls" hidden>
<input id="words" type="search" placeholder="Search" aria-label="Search">
<select id="state" aria-label="State"><option value="">all states</option>{options}</select>
<span id="shown" role="status"></span>
</div>
"""


def _items(report: Report) -> str:
    rows = [
        (
            item.number,
            item.name,
            item.owner,
            _state(item),
            _address(item.source_url),
            _address(item.target_url),
            item.vanity,
        )
        for item in report.items
    ]
    columns = ("Nr", "Name", "Owner", "State", "Old address", "New address", "Vanity URL")
    return table(columns, rows)


def _state(item: ReportItem) -> Markup:
    name = state(item)
    return Markup(f'<span class="state {name}">{name}</span>')


def _address(url: str | None) -> Markup:
    """Return a link; only the text of what is no web address."""
    text = escape(url or "")
    if url is None or not url.startswith(_LINKED):
        return Markup(text)
    return Markup(f'<a href="{text}" rel="noreferrer">{text}</a>')


def _list(texts: Sequence[str]) -> Markup:
    return Markup(f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>")
