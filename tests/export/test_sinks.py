"""Rows become lines, without losing or changing a value."""

import csv
import io

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect.connect import AuditLog, ContentHit, ContentVisit, OAuthIntegration, ShinyUsage
from aconnect.errors import DecodeError, InvalidArgumentError
from aconnect.export.sinks import columns_of, sink_for

VALUES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
EXACT = "2025-01-01T00:00:00.123456789Z"
DEEP = st.recursive(
    VALUES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (
            ContentVisit,
            (
                "content_guid user_guid variant_key time rendering_id bundle_id path data_version"
                " user_agent id"
            ),
        ),
        (ShinyUsage, "content_guid user_guid started ended data_version"),
        (
            ContentHit,
            (
                "id user_guid content_guid timestamp data.path data.query data.user_agent "
                "data.sec_fetch_dest data.sec_fetch_site"
            ),
        ),
        (AuditLog, "id user_id time user_guid user_description action event_description"),
        (msgspec.Raw, ""),
    ],
)
def test_columns(row, columns):
    """Columns have the API's names, in a fixed order."""
    assert columns_of(row) == tuple(columns.split())


@given(
    st.lists(st.dictionaries(st.text(max_size=4), DEEP, max_size=3), max_size=3),
    st.sampled_from([None, 0, 2]),
)
def test_json_lines(rows, indent):
    """Each row becomes one line with the same value, even if it was received on several lines."""
    texts = [msgspec.json.encode(row) for row in rows]
    if indent is not None:
        texts = [msgspec.json.format(t, indent=indent).replace(b"\n", b"\r\n") for t in texts]
    lines = sink_for("jsonl", None, None).encode([msgspec.Raw(t) for t in texts])
    assert [msgspec.json.decode(line) for line in lines.splitlines()] == rows
    assert b"\r" not in lines


@given(st.lists(st.fixed_dictionaries({}, optional={"a": VALUES, "b": st.text()}), max_size=5))
def test_csv(rows):
    """CSV has the same values when it is read back; missing and null values are empty."""
    sink = sink_for("csv", None, ["b", "a"])
    text = (sink.head + sink.encode([msgspec.Raw(msgspec.json.encode(r)) for r in rows])).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))

    def cell(value):
        return "" if value is None else str(value).lower() if value in {True, False} else value

    expected = [[str(row.get("b", "")), str(cell(row.get("a")))] for row in rows]
    assert read == [["b", "a"], *expected]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (
            b'{"t":"2025-01-01T00:00:00.123456789Z","d":{"path":"/","q":null}}',
            "2025-01-01T00:00:00.123456789Z,/,",
        ),
        (b'{"t":"=1+1","d":null}', "=1+1,,"),
        (b'{"t":[1,{"x":2}],"d":"odd"}', '"[1,{""x"":2}]",,'),
        (b'{"t":true,"d":{"path":1.5,"q":"a\\nb"}}', 'true,1.5,"a\nb"'),
    ],
)
def test_csv_cells(row, cells):
    """Times keep all digits, nested data has its own columns, text is unchanged."""
    sink = sink_for("csv", None, ["t", "d.path", "d.q"])
    assert sink.encode([msgspec.Raw(row)]).decode() == cells + "\n"


def test_no_row():
    """A row that is not an object raises DecodeError, which suggests JSON lines."""
    with pytest.raises(DecodeError, match="JSON lines"):
        sink_for("csv", None, ["a"]).encode([msgspec.Raw(b"17")])


@pytest.mark.parametrize(
    ("row", "column", "said"),
    [
        (ContentVisit, "tme", "did you mean 'time'"),
        (ContentVisit, "wire_id", "there are content_guid"),
        (ContentVisit, "time.year", "no column 'time.year'"),
        (ContentHit, "data.pth", "did you mean 'data.path'"),
        (ContentHit, "data.path.x", "did you mean 'data.path'"),
    ],
)
def test_no_such_column(row, column, said):
    """A column that rows do not have is refused with the nearest name; it would be empty."""
    with pytest.raises(InvalidArgumentError, match=said):
        sink_for("csv", row, ["content_guid", column])


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        (ContentHit, ["id", "data", "data.path"]),
        (OAuthIntegration, ["config", "config.client_id"]),
        (msgspec.Raw, ["anything"]),
    ],
)
def test_columns_that_may_exist(row, columns):
    """Nested data, and whatever has no declared type, can be a column."""
    assert sink_for("csv", row, columns).columns == tuple(columns)


def test_text_instead_of_columns():
    """A text is not split into its letters."""
    with pytest.raises(InvalidArgumentError, match=r"columns='time' must be a list"):
        sink_for("csv", ContentVisit, "time")


@pytest.mark.parametrize(
    ("format_", "columns"),
    [("xml", None), ("jsonl", ["a"]), ("csv", []), ("csv", ["a", "a"]), ("csv", None)],
)
def test_impossible_formats(format_, columns):
    """Unknown formats and invalid columns are refused."""
    with pytest.raises(InvalidArgumentError):
        sink_for(format_, msgspec.Raw, columns)
