"""What the page shows: queries over the tables, and their results as figures.

Decides what is counted, and says it in titles and notes. How a figure is drawn is decided by
`charts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct

from aconnect._core.text import counted
from aconnect.report.labels import (
    capital,
    duration,
    label_of,
    short,
    starts_of,
    unique_names,
    unit_for,
)
from aconnect.report.reading import Data

TOP: Final = 20
"""How many of a ranking are shown."""
_MOST_ROWS: Final = 200
"""Rows of a list without a chart."""
NOUNS: Final = {"visits": "visits", "shiny_usage": "Shiny sessions", "hits": "hits"}
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LENGTHS: Final = {
    10: "under 10 s",
    30: "10 to 30 s",
    60: "30 to 60 s",
    120: "1 to 2 min",
    300: "2 to 5 min",
    600: "5 to 10 min",
    1800: "10 to 30 min",
    3600: "30 to 60 min",
    7200: "1 to 2 h",
    14400: "2 to 4 h",
    28800: "4 to 8 h",
}
"""The upper end of each class of session lengths, in seconds."""
_LONGEST: Final = "8 h or longer"
_VISITED_MODES: Final = frozenset({"static", "jupyter-static", "quarto-static", "rmd-static"})
_SHINY_MODES: Final = frozenset({"python-shiny", "quarto-shiny", "rmd-shiny", "shiny"})

Row: TypeAlias = tuple[Any, ...]
"""Texts, numbers and times, as they come from a query."""


class Figure(Struct, frozen=True, kw_only=True):
    """A chart with its table."""

    kind: str
    """How it is drawn: a function of `charts`; `list` is a table only."""
    title: str
    note: str = ""
    columns: tuple[str, ...]
    rows: Sequence[Row]
    unit: str = ""
    """What is counted; of a chart over time, the length of a bar."""


def over_time(data: Data, datasets: Sequence[str]) -> Figure:
    """Count rows by day, or by a longer unit if there are many days."""
    noun = " and ".join(NOUNS[name] for name in datasets)
    listed = ", ".join(f"'{name}'" for name in datasets)
    first, last = extent(data, f"activity WHERE dataset IN ({listed})")
    unit = unit_for(first, last, "day")
    counts = {
        (start, name): n
        for start, name, n in data.query(
            f"SELECT date_trunc('{unit}', time)::TIMESTAMP, dataset, count(*) FROM activity "
            f"WHERE dataset IN ({listed}) GROUP BY ALL"
        )
    }
    rows = [
        (start, *(counts.get((start, name), 0) for name in datasets))
        for start in starts_of(first, last, unit)
    ]
    sums = [sum(row[1:]) for row in rows]
    most = max(range(len(rows)), key=sums.__getitem__)
    return Figure(
        kind="over_time",
        title=f"{capital(noun)} by {unit}",
        note=f"{sum(sums):,} in {counted(len(rows), unit)}, on average "
        f"{sum(sums) / len(rows):,.0f} a {unit}. The busiest {unit} is "
        f"{label_of(rows[most][0], unit)}, with {sums[most]:,}.",
        columns=(capital(unit), *(capital(NOUNS[name]) for name in datasets)),
        rows=rows,
        unit=unit,
    )


def by_content(data: Data, noun: str) -> Figure:
    """Return the content that is used most."""
    rows = data.query(
        "SELECT content_guid, any_value(coalesce(nullif(trim(title), ''), nullif(name, ''))), "
        "count(*) AS n, count(DISTINCT user_guid) "
        "FROM uses LEFT JOIN content ON guid = content_guid "
        f"WHERE content_guid IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
    )
    ((total, all_),) = data.query("SELECT count(DISTINCT content_guid), count(*) FROM uses")
    names = unique_names([(guid, name) for guid, name, *_ in rows])
    return Figure(
        kind="ranking",
        title=f"Content with the most {noun}",
        note=_share(rows, total, all_, 2, "content item", noun),
        columns=("Content", "GUID", capital(noun), "Users"),
        rows=[
            (label, guid, n, users) for label, (guid, _, n, users) in zip(names, rows, strict=True)
        ],
        unit=noun,
    )


def by_user(data: Data, noun: str) -> Figure:
    """Return the users with most use."""
    rows = data.query(
        f"SELECT user_guid, any_value({_USER_NAME}), count(*) AS n, count(DISTINCT content_guid) "
        "FROM uses LEFT JOIN users ON guid = user_guid WHERE user_guid IS NOT NULL "
        f"GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
    )
    ((total, all_, anonymous),) = data.query(
        "SELECT count(DISTINCT user_guid), count(*), count(*) - count(user_guid) FROM uses"
    )
    names = unique_names([(guid, name) for guid, name, *_ in rows])
    note = _share(rows, total, all_, 2, "user", noun)
    if anonymous:
        note += f" {anonymous:,} are of people who were not signed in, and are not shown."
    return Figure(
        kind="ranking",
        title=f"Users with the most {noun}",
        note=note,
        columns=("User", "GUID", capital(noun), "Content items"),
        rows=[
            (label, guid, n, items) for label, (guid, _, n, items) in zip(names, rows, strict=True)
        ],
        unit=noun,
    )


def active_users(data: Data) -> Figure:
    """Count users who used anything in a week."""
    first, last = extent(data, "uses")
    unit = unit_for(first, last, "week")
    counts = dict(
        data.query(
            f"SELECT date_trunc('{unit}', time)::TIMESTAMP, count(DISTINCT user_guid) FROM uses "
            "GROUP BY 1"
        )
    )
    rows = [(start, counts.get(start, 0)) for start in starts_of(first, last, unit)]
    ends = " Weeks begin on Monday." if unit == "week" else ""
    return Figure(
        kind="over_time",
        title=f"Active users by {unit}",
        note="People who were signed in, each counted once a "
        f"{unit}.{ends} The first and the last {unit} may be incomplete.",
        columns=(capital(unit), "Active users"),
        rows=rows,
        unit=unit,
    )


def hours_of_the_week(data: Data, noun: str) -> Figure:
    """Count use by day of the week and hour."""
    counts = {
        (hour, day): n
        for hour, day, n in data.query(
            "SELECT hour(time), isodow(time), count(*) FROM uses GROUP BY ALL"
        )
    }
    rows = [
        (f"{hour:02}:00", *(counts.get((hour, day), 0) for day in range(1, 8)))
        for hour in range(24)
    ]
    (hour, day), most = max(counts.items(), key=lambda item: item[1])
    return Figure(
        kind="hours",
        title=f"{capital(noun)} by hour of the week",
        note=f"Hours are in UTC. The busiest is {DAYS[day - 1]} between {hour:02}:00 and "
        f"{(hour + 1) % 24:02}:00, with {most:,}.",
        columns=("Hour", *DAYS),
        rows=rows,
        unit=noun,
    )


def session_lengths(data: Data) -> Figure | str:
    """Count Shiny sessions by their length."""
    cases = " ".join(f"WHEN seconds < {end} THEN {i}" for i, end in enumerate(_LENGTHS))
    counts = dict(
        data.query(
            f"SELECT CASE {cases} ELSE {len(_LENGTHS)} END, count(*) FROM activity "
            "WHERE dataset = 'shiny_usage' AND seconds >= 0 GROUP BY 1"
        )
    )
    ((ended, unended, median),) = data.query(
        "SELECT count(*) FILTER (seconds >= 0), count(*) FILTER ((seconds >= 0) IS NOT TRUE), "
        "median(seconds) FILTER (seconds >= 0) FROM activity WHERE dataset = 'shiny_usage'"
    )
    if not ended:
        return "Shiny sessions by length are not shown: none has a valid end."
    note = f"{ended:,} sessions; half of them are shorter than {duration(median)}."
    if unended:
        note += f" Sessions without a valid end, which are not shown: {unended:,}."
    names = [*_LENGTHS.values(), _LONGEST]
    return Figure(
        kind="classes",
        title="Shiny sessions by length",
        note=note,
        columns=("Length", "Sessions"),
        rows=[(name, counts.get(i, 0)) for i, name in enumerate(names)],
        unit="sessions",
    )


def audit_actions(data: Data) -> Figure:
    """Return the most frequent audited actions."""
    rows = data.query(
        "SELECT coalesce(action, '(none)'), count(*) AS n, count(DISTINCT user_guid) "
        f"FROM audit_logs GROUP BY 1 ORDER BY n DESC, 1 LIMIT {TOP}"
    )
    ((total, all_),) = data.query(
        "SELECT count(DISTINCT coalesce(action, '(none)')), count(*) FROM audit_logs"
    )
    return Figure(
        kind="ranking",
        title="Most frequent audited actions",
        note=_share(rows, total, all_, 1, "action", "audit log entries"),
        columns=("Action", "Entries", "Users"),
        rows=[(short(action), *rest) for action, *rest in rows],
        unit="entries",
    )


def changes(data: Data, noun: str) -> Figure | str:
    """Compare the use of each content item in the two halves of the period."""
    first, last = extent(data, "uses")
    if last - first < timedelta(days=2):
        return "Growing and falling content is not shown: the period is shorter than two days."
    middle = first + (last - first) / 2
    half = (
        "SELECT content_guid AS guid, count(*) FILTER (time < ?) AS before, "
        "count(*) FILTER (time >= ?) AS after, after - before AS change FROM uses "
        "WHERE content_guid IS NOT NULL GROUP BY 1"
    )
    rows = data.query(
        f"WITH half AS ({half}), chosen AS ("
        f"(FROM half WHERE change > 0 ORDER BY change DESC, guid LIMIT {TOP // 2}) UNION ALL "
        f"(FROM half WHERE change < 0 ORDER BY change, guid LIMIT {TOP // 2})) "
        "SELECT guid, coalesce(nullif(trim(title), ''), nullif(name, '')), before, after, change "
        "FROM chosen LEFT JOIN content USING (guid) ORDER BY change DESC, guid",
        middle,
        middle,
    )
    if not rows:
        return "Growing and falling content is not shown: no content has grown or fallen."
    names = unique_names([(guid, name) for guid, name, *_ in rows])
    return Figure(
        kind="changes",
        title=f"Content whose {noun} grew and fell most",
        note=f"The second half of the period, from {middle:%Y-%m-%d %H:%M}, minus the first half, "
        f"from {first:%Y-%m-%d %H:%M}.",
        columns=("Content", "GUID", "First half", "Second half", "Change"),
        rows=[(label, guid, *rest) for label, (guid, _, *rest) in zip(names, rows, strict=True)],
        unit=noun,
    )


def unused_content(data: Data) -> Figure:
    """Return deployed content that nobody used."""
    modes = None
    if not data.has("hits"):
        modes = frozenset[str]()
        modes |= _VISITED_MODES if data.has("visits") else frozenset()
        modes |= _SHINY_MODES if data.has("shiny_usage") else frozenset()
    listed = ", ".join(f"'{mode}'" for mode in sorted(modes or ()))
    _, last = extent(data, "activity")
    # The content of the oldest files has no bundle_id at all.
    where = (
        "(bundle_id IS NOT NULL OR NOT EXISTS (FROM content WHERE bundle_id IS NOT NULL)) "
        "AND (TRY_CAST(created_time AS TIMESTAMPTZ)::TIMESTAMP > ?) IS NOT TRUE "
        "AND NOT EXISTS (FROM activity WHERE content_guid = content.guid)"
        + (f" AND (app_mode IS NULL OR app_mode IN ({listed}))" if modes else "")
    )
    ((total,),) = data.query(f"SELECT count(*) FROM content WHERE {where}", last)
    rows = data.query(
        "SELECT coalesce(nullif(trim(title), ''), nullif(name, ''), left(content.guid, 8)), "
        f"content.guid, app_mode, coalesce({_USER_NAME}, left(owner_guid, 8)), "
        "left(last_deployed_time, 10) "
        f"FROM content LEFT JOIN users ON users.guid = owner_guid WHERE {where} "
        f"ORDER BY last_deployed_time NULLS FIRST, content.guid LIMIT {_MOST_ROWS}",
        last,
    )
    ((items,),) = data.query("SELECT count(*) FROM content")
    shown = f" The {_MOST_ROWS} that were deployed longest ago are shown." * (total > _MOST_ROWS)
    limits = (
        " Use of APIs and of other applications is only recorded in hits, which were not read, so "
        "such content is left out."
        if modes
        else ""
    )
    return Figure(
        kind="list",
        title="Deployed content that nobody used",
        note=f"{total:,} of {items:,} content items, in the period.{shown}{limits}",
        columns=("Content", "GUID", "Type", "Owner", "Last deployed"),
        rows=[tuple(short(value) if value else value for value in row) for row in rows],
    )


_USER_NAME: Final = (
    "coalesce(nullif(trim(concat_ws(' ', first_name, last_name)), ''), nullif(username, ''))"
)


def extent(data: Data, source: str) -> tuple[datetime, datetime]:
    """Return the times of the first and the last row; there must be one."""
    ((first, last),) = data.query(f"SELECT min(time), max(time) FROM {source}")
    return first, last


def _share(
    rows: Sequence[Sequence[Any]], total: int, all_: int, column: int, thing: str, noun: str
) -> str:
    """Say which part of everything a ranking shows."""
    part = sum(row[column] for row in rows)
    if total <= len(rows):
        return f"{counted(total, thing)}, with {part:,} {noun}."
    first = f"The first {len(rows)} of {counted(total, thing)}"
    return f"{first}, with {part / all_:.0%} of {all_:,} {noun}."
