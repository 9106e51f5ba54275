"""Values of options: times, and choices from the library."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args

import click
import pytest
from hypothesis import given, strategies as st

from aconnect.cli.options import FORMAT, KIND, TIME
from aconnect.export import Format, Kind


@given(st.dates(), st.booleans())
def test_a_date_is_midnight_utc(date, padded):
    """A date means midnight UTC."""
    text = f" {date} " if padded else str(date)
    assert TIME.convert(text, None, None) == datetime(date.year, date.month, date.day, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_keeps_its_instant(time):
    """A time in RFC 3339 keeps its instant, whatever its offset is written as."""
    assert TIME.convert(time.isoformat(), None, None) == time
    assert TIME.convert(time.isoformat().replace("+00:00", "z"), None, None) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "7",
        "7w",
        "d",
        "999999999d",
        "2026-02-30",
        "2026-01-01T00:00:00",
        "1767225600",
    ],
)
def test_other_texts_are_refused(text):
    """Anything else is refused with an example of each form."""
    with pytest.raises(click.BadParameter, match=r"2026-01-31T12:00:00Z"):
        TIME.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("today", timedelta()),
        ("Yesterday", timedelta(days=1)),
        ("7d", timedelta(days=7)),
        ("0d", timedelta()),
    ],
)
def test_days_ago_are_midnights(text, ago):
    """A relative date is a midnight in UTC, so that a repeated command means the same."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert TIME.convert(text, None, None) in {midnight - ago, midnight - ago + timedelta(days=1)}


def test_hours_ago_are_full_hours():
    """A number of hours ago is a full hour."""
    time = TIME.convert("12h", None, None)
    assert (time.minute, time.second, time.microsecond) == (0, 0, 0)
    assert timedelta(hours=12) <= datetime.now(UTC) - time < timedelta(hours=13, minutes=1)


def test_choices_are_the_librarys():
    """The choices of a series and of a format are the library's literals."""
    assert KIND.choices == get_args(Kind)
    assert FORMAT.choices == get_args(Format)


def test_choices_are_imported_late():
    """Creating the options does not import the exporters."""
    code = "import sys, aconnect.cli.app; sys.exit('aconnect.export' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
