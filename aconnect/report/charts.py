"""How figures are drawn: specifications of Vega-Lite, made with Altair.

Decides marks, scales and labels. What is counted is decided by `figures`, and the colors of text
and lines by the page, which is light or dark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import altair as alt

from aconnect.report.figures import DAYS, Figure
from aconnect.report.labels import label_of, next_start

MOST_MARKS: Final = 2000
"""No chart has more."""
# Readable on white and on black, and told apart by everyone (Okabe and Ito, the blue lighter).
BLUE, ORANGE = "#2f81c4", "#d55e00"
_ROW: Final = 24
"""Pixels of a bar with a name."""
_WIDEST: Final = 72
"""Pixels of a bar on an axis of time, at most."""
_TICKS: Final = {"day": "%d %b %Y", "week": "%d %b %Y", "month": "%b %Y", "year": "%Y"}
_NUMBER: Final = 64
"""Pixels of a number beside a bar."""
_BEFORE_NUMBER: Final[Any] = {"expr": f"width - {_NUMBER}"}
# The types of Altair's methods are too wide to be of use.
_Chart: TypeAlias = Any
# Names take less of a narrow page. Altair has no type for this expression.
_NAMES: Final[Any] = {"expr": "windowSize()[0] < 700 ? 120 : 300"}


def specification(figure: Figure) -> dict[str, Any] | None:
    """Return the specification of a figure; None if it is only a table."""
    draw = _KINDS.get(figure.kind)
    if draw is None or not figure.rows:
        return None
    chart = draw(figure).properties(width="container", description=f"{figure.title}. {figure.note}")
    specification: dict[str, Any] = chart.to_dict()
    return specification


def _over_time(figure: Figure) -> _Chart:
    """Bars on an axis of time, one on the other."""
    series = figure.columns[1:]
    values: list[dict[str, Any]] = []
    for start, *counts in figure.rows:
        end, below = next_start(start, figure.unit), 0
        for name, count in zip(series, counts, strict=True):
            values.append(
                {
                    "start": _epoch(start),
                    "end": _epoch(end),
                    "below": below,
                    "above": below + count,
                    "series": name,
                    "label": f"{label_of(start, figure.unit)}, {name}: {count:,}",
                }
            )
            below += count
    most = max(each["above"] for each in values)
    # A few bars do not fill the page.
    widest: Any = {"expr": f"min(width, {_WIDEST * len(figure.rows)})"}
    scale = alt.Scale(type="utc", range=[0, widest])
    gap = 0.5 if len(figure.rows) <= 120 else 0
    colors = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(series), range=[BLUE, ORANGE][: len(series)]),
        legend=alt.Legend(title=None, orient="top") if len(series) > 1 else None,
    )
    return (
        _chart(values)
        .mark_bar(xOffset=gap, x2Offset=-gap)
        .encode(
            x=alt.X("start:T", title=None, scale=scale, axis=_time_axis(figure)),
            x2="end:T",
            y=alt.Y("above:Q", title=None, axis=_count_axis(most)),
            y2="below:Q",
            color=colors,
            tooltip=alt.Tooltip("label:N"),
            description=alt.Description("label:N"),
        )
        .properties(height=240)
    )


def _ranking(figure: Figure) -> _Chart:
    """Horizontal bars with their numbers, the longest first."""
    position = next(i for i, name in enumerate(figure.columns) if i and name != "GUID")
    values: list[dict[str, Any]] = [
        {
            "name": row[0],
            "count": row[position],
            "text": f"{row[position]:,}",
            "label": f"{row[0]}: {row[position]:,} {figure.unit}",
        }
        for row in figure.rows
    ]
    most = max(each["count"] for each in values)
    base = _chart(values).encode(
        y=alt.Y("name:N", title=None, sort=None, axis=_name_axis()),
        x=alt.X(
            "count:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=[0, most], range=[0, _BEFORE_NUMBER], nice=False),
        ),
        tooltip=alt.Tooltip("label:N"),
    )
    bars = base.mark_bar(color=BLUE).encode(description=alt.Description("label:N"))
    return alt.layer(bars, _numbers(base)).properties(height=_ROW * len(values))


def _hours(figure: Figure) -> _Chart:
    """A row for each day and a column for each hour; the more, the stronger the color."""
    values: list[dict[str, Any]] = [
        {
            "day": day,
            "hour": f"{hour}"[:2],
            "count": count,
            "label": f"{day}, {hour} UTC: {count:,} {figure.unit}",
        }
        for hour, *counts in figure.rows
        for day, count in zip(DAYS, counts, strict=True)
    ]
    most = max(each["count"] for each in values)
    return (
        _chart(values)
        .mark_rect(color=BLUE)
        .encode(
            x=alt.X(
                "hour:O",
                title="Hour of the day, UTC",
                axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=4),
            ),
            y=alt.Y("day:O", title=None, sort=list(DAYS)),
            opacity=alt.Opacity(
                "count:Q",
                scale=alt.Scale(domain=[0, most], range=[0.04, 1]),
                legend=alt.Legend(
                    title=None,
                    orient="top",
                    format=_count_format(most),
                    tickCount=5,
                    values=_ticks(most),
                ),
            ),
            tooltip=alt.Tooltip("label:N"),
            description=alt.Description("label:N"),
        )
        .properties(height=7 * 28)
    )


def _classes(figure: Figure) -> _Chart:
    """Upright bars, in the order of their classes."""
    values: list[dict[str, Any]] = [
        {"name": name, "count": count, "label": f"{name}: {count:,} {figure.unit}"}
        for name, count in figure.rows
    ]
    most = max(each["count"] for each in values)
    base = _chart(values).encode(
        x=alt.X("name:O", title=None, sort=None, axis=alt.Axis(labelAngle=-35, labelOverlap=False)),
        y=alt.Y("count:Q", title=None, axis=_count_axis(most)),
        tooltip=alt.Tooltip("label:N"),
    )
    bars = base.mark_bar(color=BLUE).encode(description=alt.Description("label:N"))
    return bars.properties(height=240)


def _changes(figure: Figure) -> _Chart:
    """Bars to the right for what grew, and to the left for what fell."""
    values: list[dict[str, Any]] = [
        {
            "name": row[0],
            "change": row[-1],
            "text": f"{row[-1]:+,}",
            "label": f"{row[0]}: {row[-1]:+,} {figure.unit}, from {row[-3]:,} to {row[-2]:,}",
            "way": "grew" if row[-1] > 0 else "fell",
        }
        for row in figure.rows
    ]
    changes = [each["change"] for each in values]
    domain = [min(0, *changes), max(0, *changes)]
    base = _chart(values).encode(
        y=alt.Y("name:N", title=None, sort=None, axis=_name_axis()),
        x=alt.X(
            "change:Q",
            title=None,
            axis=None,
            scale=alt.Scale(domain=domain, range=[_NUMBER, _BEFORE_NUMBER], nice=False),
        ),
        tooltip=alt.Tooltip("label:N"),
    )
    colors = alt.Color(
        "way:N", scale=alt.Scale(domain=["grew", "fell"], range=[BLUE, ORANGE]), legend=None
    )
    bars = base.mark_bar().encode(color=colors, description=alt.Description("label:N"))
    falling, growing = (alt.datum.change < 0), (alt.datum.change > 0)
    return alt.layer(
        bars,
        _numbers(base.transform_filter(growing)),
        _numbers(base.transform_filter(falling), before=True),
    ).properties(height=_ROW * len(values))


_KINDS: Final[Mapping[str, Callable[[Figure], _Chart]]] = {
    "over_time": _over_time,
    "ranking": _ranking,
    "hours": _hours,
    "classes": _classes,
    "changes": _changes,
}


def _chart(values: Sequence[Mapping[str, Any]]) -> _Chart:
    return alt.Chart(alt.InlineData(values=list(values)))


def _numbers(base: _Chart, *, before: bool = False) -> _Chart:
    """Return the numbers at the ends of bars; the bars themselves have them for screen readers."""
    return base.mark_text(
        align="right" if before else "left", dx=-4 if before else 4, aria=False
    ).encode(text="text:N")


def _name_axis() -> alt.Axis:
    return alt.Axis(labelLimit=_NAMES, ticks=False, domain=False, labelPadding=6)


def _count_axis(most: int) -> alt.Axis:
    return alt.Axis(format=_count_format(most), tickCount=5, values=_ticks(most), domain=False)


def _ticks(most: int) -> Any:
    """Return whole numbers for a short axis, which would have fractions otherwise."""
    return list(range(most + 1)) if most <= 5 else alt.Undefined


def _count_format(most: int) -> str:
    return "~s" if most >= 100_000 else ",d"


def _time_axis(figure: Figure) -> alt.Axis:
    """Return an axis with ticks where units begin."""
    starts = [row[0] for row in figure.rows]
    months = [start for start in starts if start.day == 1]
    is_long = figure.unit == "day" and len(starts) > 62
    format_ = "%b %Y" if is_long else _TICKS[figure.unit]
    values = months if is_long else starts
    return alt.Axis(
        # As an expression: the interpreter takes the number of a time in `values` for a year.
        values=alt.ExprRef(expr=f"[{', '.join(str(_epoch(start)) for start in values)}]"),
        format=format_,
        labelOverlap=True,
        labelSeparation=12,
        labelBound=True,
        labelFlush=True,
        grid=False,
        ticks=False,
    )


def _epoch(time: datetime) -> int:
    """Return a time in UTC in milliseconds since 1970."""
    return int(time.replace(tzinfo=UTC).timestamp()) * 1000
