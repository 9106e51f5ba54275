"""The widths of tables, and what cells look like."""

import json
from datetime import UTC, datetime
from enum import IntEnum

import pytest
from hypothesis import given, strategies as st

from aconnect.cli.table import cell_text, fit, shown_text

TABLES = st.lists(st.integers(1, 120), min_size=1, max_size=8)


@given(TABLES, st.integers(10, 300), st.lists(st.booleans(), max_size=8))
def test_tables_fit(natural, room, whole):
    """A table is no wider than its room unless its first column is, and no cell is unreadable."""
    widths = fit(natural, room, whole)
    assert widths[0] == natural[0]
    assert sum(widths) + 2 * (len(widths) - 1) <= max(room, natural[0])
    for number, (width, wanted) in enumerate(zip(widths, natural, strict=False)):
        assert width <= wanted
        assert width >= min(wanted, 20)
        if number < len(whole) and whole[number]:
            assert width == wanted


@given(TABLES, st.integers(10, 300))
def test_wide_terminals_show_everything(natural, room):
    """Columns that fit are neither narrowed nor left out, and more room never shows less."""
    if sum(natural) + 2 * (len(natural) - 1) <= room:
        assert fit(natural, room) == natural
    assert len(fit(natural, room + 1)) >= len(fit(natural, room))


class Color(IntEnum):
    """An enumeration of numbers, as the API has them."""

    RED = 1


@pytest.mark.parametrize(
    ("value", "piped", "shown"),
    [
        (None, "", ""),
        (True, "true", "yes"),
        (0, "0", "0"),
        (Color.RED, "red", "red"),
        (datetime(2026, 1, 31, 12, 5, 7, tzinfo=UTC), "2026-01-31T12:05:07Z", "2026-01-31 12:05Z"),
        (["a", None, "b"], "a, , b", "a, , b"),
        ({"a": True}, "a=true", "a=true"),
        ("a\tb\r\n c\x1b[31m\u2028d", "a b c d", "a b c d"),
    ],
)
def test_cells(value, piped, shown):
    """A cell is one line without tabs: exact in a pipe, readable on a terminal."""
    assert cell_text(value) == piped
    assert shown_text(value) == shown


@given(st.text())
def test_cells_never_break_a_line(text):
    """No text of a server ends a line or a cell."""
    assert len(cell_text(text).splitlines()) <= 1
    assert "\t" not in cell_text(text)
    assert json.dumps(cell_text(text))
