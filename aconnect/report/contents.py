"""All that is on the page: which figures, in which order, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from aconnect._core.text import counted
from aconnect.report import figures
from aconnect.report.figures import NOUNS, Figure
from aconnect.report.reading import Data, Input


class Contents(Struct, frozen=True, kw_only=True):
    """All that is on the page."""

    totals: tuple[tuple[str, str], ...]
    period: str
    inputs: tuple[Input, ...]
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    """What is odd about the data."""
    missing: tuple[str, ...]
    """What is not shown, and how to get it."""


def contents_of(data: Data) -> Contents:
    """Compute everything that the page shows."""
    used = [name for name in ("visits", "shiny_usage") if data.has(name)]
    if not used and data.has("hits"):
        used = ["hits"]
    listed = ", ".join(f"'{name}'" for name in used) or "''"
    data.query(f"CREATE VIEW uses AS SELECT * FROM activity WHERE dataset IN ({listed})")
    noun = " and ".join(NOUNS[name] for name in used)
    results: list[Figure | str] = []
    if used:
        results += [figures.over_time(data, used)]
    if data.has("hits") and used != ["hits"]:
        results += [figures.over_time(data, ["hits"])]
    if used:
        results += [
            figures.by_content(data, noun),
            figures.by_user(data, noun),
            figures.active_users(data),
            figures.hours_of_the_week(data, noun),
            figures.changes(data, noun),
        ]
        if data.has("content"):
            results += [figures.unused_content(data)]
    if data.has("shiny_usage"):
        results += [figures.session_lengths(data)]
    if data.has("audit_logs"):
        results += [figures.audit_actions(data)]
    left_out = [result for result in results if isinstance(result, str)]
    return Contents(
        totals=_totals(data, used),
        period=_period(data),
        inputs=tuple(data.inputs.values()),
        figures=tuple(result for result in results if isinstance(result, Figure)),
        notes=tuple(_notes(data)),
        missing=(*_missing(data), *left_out),
    )


def _totals(data: Data, used: Sequence[str]) -> tuple[tuple[str, str], ...]:
    names = {**NOUNS, "audit_logs": "audit log entries"}
    totals = [
        (f"{data.inputs[name].rows:,}", noun) for name, noun in names.items() if data.has(name)
    ]
    if used:
        ((users, content),) = data.query(
            "SELECT count(DISTINCT user_guid), count(DISTINCT content_guid) FROM uses"
        )
        totals += [(f"{users:,}", "active users"), (f"{content:,}", "content items used")]
    return tuple(totals)


def _period(data: Data) -> str:
    both = "SELECT time FROM activity UNION ALL SELECT time FROM audit_logs"
    ((first, last),) = data.query(f"SELECT min(time), max(time) FROM ({both})")
    if first is None:
        return "No events in the period"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _notes(data: Data) -> list[str]:
    invalid = [
        f"Left out: {counted(read.invalid, 'row')} of {read.dataset} without a valid time."
        for read in data.inputs.values()
        if read.invalid
    ]
    return [*data.notes, *invalid]


def _missing(data: Data) -> list[str]:
    """Say what is not shown, and why."""
    has = data.has
    missing: list[str] = []

    def say(text: str, *datasets: str) -> None:
        command = f": aconnect collect {' '.join(datasets)} --out DIR" if datasets else "."
        missing.append(f"{text}{command}")

    absent = [name for name in ("visits", "shiny_usage") if not has(name)]
    if absent:
        say(f"No {' or '.join(NOUNS[name] for name in absent)}. To collect them", *absent)
    if not has("audit_logs"):
        say("No audited actions. To collect them", "audit_logs")
    names = [name for name in ("content", "users") if not has(name)]
    if names:
        listed = " and of ".join(names)
        say(f"GUIDs are shown instead of the names of {listed}. To get the names", *names)
    if "content" in names:
        say("Content that nobody used is not shown, because the content is not known")
    return missing
