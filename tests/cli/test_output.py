"""What reaches the terminal."""

import pytest
from hypothesis import given, strategies as st

from aconnect.cli.output import clean, size_text


@given(st.text())
def test_no_control_characters(text):
    """Cleaned text has no control characters but tabs and line breaks, and is stable."""
    cleaned = clean(text)
    assert all(c in "\t\n" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in cleaned)
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=["Cc"])))
def test_printable_text_is_unchanged(text):
    """Text without control characters is printed as it is."""
    assert clean(text) == text


def test_escape_sequences_are_removed_whole():
    """No part of an escape sequence is left as text."""
    assert clean("\x1b[31mred\x1b[0m \x1b]0;title\x07end") == "red end"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (923_800, "923.8 kB"),
        (2.5e9, "2.5 GB"),
    ],
)
def test_sizes(size, text):
    """Sizes have a readable unit, in powers of 1000."""
    assert size_text(size) == text
