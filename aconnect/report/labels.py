"""Names and times as text, and the units of time that a period is divided into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from aconnect._core.text import one_line

_MOST_BUCKETS: Final = 400
"""Above this number of bars, the next longer unit of time is taken."""
_LONGEST_NAME: Final = 80
_UNITS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
"""About how many days they have."""


def unique_names(items: Sequence[tuple[str, str | None]]) -> list[str]:
    """Return a label for each GUID: its name, with the GUID's beginning if it is not unique."""
    names = [short(name) if name else guid[:8] for guid, name in items]
    labels = [
        name if names.count(name) == 1 else f"{name} ({guid[:8]})"
        for name, (guid, _) in zip(names, items, strict=True)
    ]
    # GUIDs that are not GUIDs can have the same beginning.
    return labels if len(set(labels)) == len(labels) else [guid for guid, _ in items]


def label_of(start: datetime, unit: str) -> str:
    """Return the name of a unit of time that begins at `start`."""
    return {
        "day": f"{start:%Y-%m-%d}",
        "week": f"the week from {start:%Y-%m-%d}",
        "month": f"{start:%Y-%m}",
        "year": f"{start:%Y}",
    }[unit]


def next_start(start: datetime, unit: str) -> datetime:
    """Return the beginning of the next unit of time."""
    days = {"day": 1, "week": 7, "month": 31, "year": 366}[unit]
    following = start + timedelta(days=days)
    if unit in {"day", "week"}:
        return following
    return following.replace(day=1) if unit == "month" else following.replace(month=1, day=1)


def duration(seconds: float) -> str:
    """Return a length of time in readable units."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def unit_for(first: datetime, last: datetime, shortest: str) -> str:
    """Return the shortest unit, `shortest` or longer, that does not need too many bars."""
    days = (last - first) / timedelta(days=1)
    units = list(_UNITS)[list(_UNITS).index(shortest) :]
    return next((unit for unit in units if days / _UNITS[unit] < _MOST_BUCKETS), "year")


def starts_of(first: datetime, last: datetime, unit: str) -> list[datetime]:
    """Return the beginnings of all units of time of a period, also of those without rows."""
    start = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    elif unit != "day":
        start = start.replace(day=1, month=start.month if unit == "month" else 1)
    starts = [start]
    while (start := next_start(start, unit)) <= last:
        starts.append(start)
    return starts


def short(text: object) -> str:
    """Return a text on one line, shortened if it is very long."""
    line = one_line(str(text))
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def capital(text: str) -> str:
    """Return a text that begins with a capital letter."""
    return text[:1].upper() + text[1:]
