"""What a report says in short: states, numbers, and what is the same for many items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

from aconnect.migrate.running.events import Report, ReportItem

State = Literal["failed", "differs", "pending", "done", "skipped"]

STATES: Final[tuple[State, ...]] = ("failed", "differs", "pending", "done", "skipped")
"""The states of items; what needs attention comes first."""


def state(item: ReportItem) -> State:
    """Return what became of an item; `differs` if it was migrated and is not as planned."""
    return "differs" if item.outcome == "done" and item.differences else item.outcome


def counts(report: Report) -> dict[State, int]:
    """Return the number of items in each state."""
    numbers = Counter(map(state, report.items))
    return {name: numbers[name] for name in STATES}


def by_text(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Group pairs of a text and the name of an item by their texts, the most frequent first."""
    names: dict[str, list[str]] = {}
    for text, name in pairs:
        names.setdefault(text, []).append(name)
    return sorted(names.items(), key=lambda group: -len(group[1]))


def notes(report: Report) -> list[tuple[str, list[str]]]:
    """Return what is to be known or done by hand, and for which items; the most frequent first."""
    return by_text((note, item.name) for item in report.items for note in item.notes)
