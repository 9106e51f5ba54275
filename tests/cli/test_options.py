"""Values of options: times, and choices from the library."""

import subprocess
import sys
from datetime import UTC, datetime
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


@pytest.mark.parametrize("text", ["", "today", "2026-02-30", "2026-01-01T00:00:00", "1767225600"])
def test_other_texts_are_refused(text):
    """Anything else is refused with an example of each form."""
    with pytest.raises(click.BadParameter, match=r"2026-01-31T12:00:00Z"):
        TIME.convert(text, None, None)


def test_choices_are_the_librarys():
    """The choices of a series and of a format are the library's literals."""
    assert KIND.choices == get_args(Kind)
    assert FORMAT.choices == get_args(Format)


def test_choices_are_imported_late():
    """Creating the options does not import the exporters."""
    code = "import sys, aconnect.cli.app; sys.exit('aconnect.export' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
