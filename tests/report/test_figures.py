"""What is counted, compared with counting by hand, and what is said about it."""

from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.report.conftest import HOSTILE, START, as_text, guid

pytest.importorskip("duckdb")
pytest.importorskip("altair")

from aconnect.report.charts import MOST_MARKS, specification
from aconnect.report.contents import contents_of
from aconnect.report.labels import unique_names
from aconnect.report.reading import read


def contents(source, **period):
    with read(source, **period) as data:
        return contents_of(data)


def figure(shown, words):
    """Return the figure whose title has these words."""
    (found,) = [each for each in shown.figures if words in each.title]
    return found


def visit(time, item=1, user=1):
    return {"content_guid": guid(1, item), "user_guid": guid(2, user), "time": as_text(time)}


def test_by_day(folder, rows):
    """Each day has its number of visits and of sessions."""
    shown = contents(folder(rows)).figures[0]
    assert shown.title == "Visits and Shiny sessions by day"
    visits = Counter(row["time"][:10] for row in rows["visits"])
    sessions = Counter(row["started"][:10] for row in rows["shiny_usage"])
    assert [(f"{day:%Y-%m-%d}", *counts) for day, *counts in shown.rows] == [
        (day, visits[day], sessions[day])
        for day in (f"{START + timedelta(days=i):%Y-%m-%d}" for i in range(28))
    ]


def test_days_without_visits(folder):
    """A day without visits is shown as such."""
    shown = contents(folder({"visits": [visit(START), visit(START + timedelta(days=3))]}))
    assert [count for _, count in shown.figures[0].rows] == [1, 0, 0, 1]


def test_rankings(folder, rows):
    """The content and the users with the most use are shown by name, the most used first."""
    used = rows["visits"] + rows["shiny_usage"]
    shown = contents(folder(rows))
    for words, field in (("Content with the most", "content_guid"), ("Users with", "user_guid")):
        counts = Counter(row[field] for row in used if row[field])
        ranking = figure(shown, words)
        assert len(ranking.rows) == 20
        expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]
        assert [(row[1], row[2]) for row in ranking.rows] == expected
    assert all(row[0].startswith("Ana Silva") for row in ranking.rows)
    anonymous = sum(row["user_guid"] is None for row in used)
    assert f"{anonymous:,} are of people who were not signed in" in ranking.note


def test_active_users(folder, rows):
    """Active users are counted once a week, which begins on Monday."""
    shown = figure(contents(folder(rows)), "Active users")
    assert shown.title == "Active users by week"
    weeks: dict[datetime, set[str | None]] = {
        START.replace(tzinfo=None) + timedelta(days=7 * i): set() for i in range(4)
    }
    for row in rows["visits"] + rows["shiny_usage"]:
        time = datetime.fromisoformat(row.get("time") or row["started"]).replace(tzinfo=None)
        week = time.replace(hour=0, minute=0, second=0, microsecond=0)
        weeks[week - timedelta(days=week.weekday())].add(row["user_guid"])
    assert shown.rows == [(week, len(users - {None})) for week, users in weeks.items()]


def test_hours_of_the_week(folder, rows):
    """Every event is in the cell of its hour and day, in UTC."""
    shown = figure(contents(folder(rows)), "hour of the week")
    assert len(shown.rows) == 24
    counts = Counter[tuple[int, int]]()
    for row in rows["visits"] + rows["shiny_usage"]:
        time = datetime.fromisoformat(row.get("time") or row["started"])
        counts[time.hour, time.weekday()] += 1
    assert [list(row[1:]) for row in shown.rows] == [
        [counts[hour, day] for day in range(7)] for hour in range(24)
    ]


def test_session_lengths(folder):
    """A session is in the class of its length; one that lasts or ends before it starts is not."""
    sessions = [
        {"started": as_text(START), "ended": ended and as_text(START + timedelta(seconds=ended))}
        for ended in (9.9, 10, 59, 60, 90000, None, -5)
    ]
    shown = figure(contents(folder({"shiny_usage": sessions})), "length")
    assert {name: count for name, count in shown.rows if count} == {
        "under 10 s": 1,
        "10 to 30 s": 1,
        "30 to 60 s": 1,
        "1 to 2 min": 1,
        "8 h or longer": 1,
    }
    assert "without a valid end, which are not shown: 2" in shown.note


def test_changes(folder):
    """Content is compared between the halves of the period, the most grown first."""
    end = START + timedelta(days=10)
    visits = [visit(START, 1), *(visit(end, 1) for _ in range(5)), visit(end, 3), visit(START, 3)]
    visits += [*(visit(START, 2) for _ in range(4)), visit(end, 2)]
    shown = figure(contents(folder({"visits": visits})), "grew and fell")
    assert [row[1:] for row in shown.rows] == [(guid(1, 1), 1, 5, 4), (guid(1, 2), 4, 1, -3)]


def test_unused_content(folder, rows):
    """Deployed content without a row in any dataset is listed; that never deployed is not."""
    rows["content"].append({"guid": guid(1, 98), "title": "never deployed"})
    shown = figure(contents(folder(rows)), "nobody used")
    used = {row["content_guid"] for name in ("visits", "shiny_usage", "hits") for row in rows[name]}
    unused = [item["title"] for item in rows["content"] if item["guid"] not in used]
    assert "never deployed" in unused
    assert [row[0] for row in shown.rows] == [name for name in unused if name != "never deployed"]
    assert shown.rows[0][3] == "Ana Silva 0"


def test_unused_content_that_no_dataset_would_show(folder, rows):
    """Without hits, nothing is said about content that only hits record."""
    del rows["hits"]
    rows["content"] += [
        {"guid": guid(1, 90 + i), "title": mode, "app_mode": mode, "bundle_id": "1"}
        for i, mode in enumerate(("python-api", "static"))
    ]
    shown = figure(contents(folder(rows)), "nobody used")
    assert {row[0] for row in shown.rows} >= {"static"}
    assert "python-api" not in {row[0] for row in shown.rows}
    assert "hits" in shown.note


def test_hits_are_not_added(folder, rows):
    """Hits are counted on their own, because they include visits; alone, they are what is used."""
    titles = [each.title for each in contents(folder(rows)).figures]
    assert titles[:2] == ["Visits and Shiny sessions by day", "Hits by day"]
    for name in ("visits", "shiny_usage"):
        rows[name] = []
    shown = contents(folder(rows))
    assert shown.figures[0].title == "Hits by day"
    assert figure(shown, "Content with the most hits").rows


def test_missing_data_is_named(folder, rows):
    """What is not shown is said, with the command that collects it."""
    shown = contents(folder({"visits": [visit(START)]}))
    text = "\n".join(shown.missing)
    assert "aconnect collect content users --out" in text
    assert "aconnect collect shiny_usage --out" in text
    assert "aconnect collect audit_logs --out" in text
    assert "shorter than two days" in text
    assert figure(shown, "Content with").rows[0][0] == guid(1, 1)[:8]
    assert contents(folder(rows)).missing == ()


def test_no_event_in_the_period(folder, rows):
    """A period without events gives a page that says so."""
    shown = contents(folder(rows), from_=START + timedelta(days=999))
    assert (shown.figures, shown.totals) == ((), ())
    assert shown.period == "No events in the period"


@pytest.mark.parametrize(
    ("days", "unit"), [(0, "day"), (399, "day"), (400, "week"), (3000, "month"), (36000, "year")]
)
def test_few_marks(folder, days, unit):
    """However long the period is, a chart has at most 2,000 marks."""
    events = [visit(START, i, i) for i in range(50)]
    start = datetime(2000, 1, 1) if days == 36000 else START.replace(tzinfo=None)  # noqa: DTZ001
    events += [visit(start), visit(start + timedelta(days=days))]
    shown = contents(folder({"visits": events}))
    if days != 36000:
        assert shown.figures[0].title == f"Visits by {unit}"
    for each in shown.figures:
        chart = specification(each)
        if chart is not None:
            assert 0 < sum(map(len, chart["datasets"].values())) <= MOST_MARKS


def test_labels_are_unique():
    """Equal names get the beginning of the GUID, so that no two bars are one."""
    assert unique_names([("a" * 36, "Report"), ("b" * 36, "Report"), ("c" * 36, None)]) == [
        "Report (aaaaaaaa)",
        "Report (bbbbbbbb)",
        "cccccccc",
    ]
    assert len(set(unique_names([("same-begin-1", None), ("same-begin-2", None)]))) == 2
    assert unique_names([("a" * 36, "two\nlines\x07" + "x" * 900)])[0].startswith("two linesx")


def test_hostile_names_are_kept(folder, rows):
    """A title is shown as it is, whatever it contains."""
    rows["visits"] += [visit(START, 0) for _ in range(99)]
    assert figure(contents(folder(rows)), "Content with").rows[0][0] == HOSTILE
