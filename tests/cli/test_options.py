"""Values of options: times, and choices from the library."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import get_args

import click
import pytest
from hypothesis import given, strategies as st

from aconnect.cli.options import DATASET, DURATION, FORMAT, TIME
from aconnect.collect.datasets import DATASETS
from aconnect.collect.outputs import Format


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
        ("-7d", timedelta(days=7)),
        ("0d", timedelta()),
    ],
)
def test_days_ago_are_midnights(text, ago):
    """A relative date is a midnight in UTC, so that a repeated command means the same."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert TIME.convert(text, None, None) in {midnight - ago, midnight - ago + timedelta(days=1)}


@pytest.mark.parametrize("text", ["12h", "-12h"])
def test_hours_ago_are_full_hours(text):
    """A number of hours ago is a full hour."""
    time = TIME.convert(text, None, None)
    assert (time.minute, time.second, time.microsecond) == (0, 0, 0)
    assert timedelta(hours=12) <= datetime.now(UTC) - time < timedelta(hours=13, minutes=1)


@given(st.integers(0, 10_000), st.sampled_from("smhd"))
def test_durations(number, unit):
    """A length of time is a number with its unit."""
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert DURATION.convert(f"{number}{unit}", None, None) == timedelta(seconds=number * seconds)


@pytest.mark.parametrize("text", ["", "5", "1w", "-1s", "1.5h", "36501d", "9999999999d"])
def test_other_durations_are_refused(text):
    """A length of time without a unit, or in another form, is refused."""
    with pytest.raises(click.BadParameter, match="such as 60s, 5m, 1h or 30d"):
        DURATION.convert(text, None, None)


def test_datasets():
    """A dataset is written with hyphens or underscores; the nearest is suggested for another."""
    for name in DATASETS:
        assert DATASET.convert(name, None, None) == name
        assert DATASET.convert(name.replace("_", "-").upper(), None, None) == name
    with pytest.raises(click.BadParameter, match="did you mean 'visits'"):
        DATASET.convert("vists", None, None)


def test_formats_are_the_librarys():
    """The choices of a format are the library's literals."""
    assert FORMAT.choices == get_args(Format)


def test_choices_are_imported_late():
    """Creating the options does not import the collections."""
    code = "import sys, aconnect.cli.app; sys.exit('aconnect.collect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
