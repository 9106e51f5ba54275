"""Rows become lines of CSV, without losing a row or changing a value."""

import csv
import io
import json

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.audit_logs import AUDIT_LOGS
from aconnect.collect.datasets.hits import HITS
from aconnect.collect.datasets.shiny_usage import SHINY_USAGE
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.oddities import Oddities
from aconnect.collect.sink import Checkpoint, Run, Source
from aconnect.collect.sinks.csv import Csv, columns_of
from aconnect.connect import OAuthIntegration
from aconnect.errors import InvalidArgumentError, ResumeError

ANY = Dataset(name="any", row_type=msgspec.Raw)
CELLS = st.none() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
VALUES = CELLS | st.booleans() | st.lists(CELLS, max_size=2)


def encode(rows, columns, dataset=ANY, oddities=None):
    """Return what is written, with the header, as a reader of CSV finds it."""
    encoder = Csv("a.csv", columns).encoder(dataset, ())
    raw = [msgspec.Raw(row if isinstance(row, bytes) else msgspec.json.encode(row)) for row in rows]
    text = encoder.header + encoder.encode(Batch(dataset, raw, oddities=oddities))
    return list(csv.reader(io.StringIO(text.decode(), newline=""), strict=True))


def cell(value):
    if value is None:
        return ""
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return str(value)


@pytest.mark.parametrize(
    ("dataset", "columns"),
    [
        (
            VISITS,
            (
                "content_guid user_guid variant_key time rendering_id bundle_id path data_version"
                " user_agent id"
            ),
        ),
        (SHINY_USAGE, "content_guid user_guid started ended data_version"),
        (
            HITS,
            (
                "id user_guid content_guid timestamp data.path data.query data.user_agent "
                "data.sec_fetch_dest data.sec_fetch_site"
            ),
        ),
        (AUDIT_LOGS, "id user_id time user_guid user_description action event_description"),
        (ANY, ""),
    ],
)
def test_columns(dataset, columns):
    """Columns have the API's names, in a fixed order; what has no column is in the last one."""
    assert columns_of(dataset.row_type) == tuple(columns.split())
    assert Csv("a").encoder(dataset, ()).columns == (*columns.split(), "extra")


@given(
    st.lists(st.fixed_dictionaries({}, optional={"a": CELLS, "b": CELLS}), max_size=5)
    | st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=5),
    st.sampled_from([["b", "a"], ["a"], ["b", "extra", "a"]]),
)
def test_values(rows, columns):
    """CSV has the same values when it is read back; missing and null values are empty."""

    def extra(row):
        return {name: value for name, value in row.items() if name not in columns} or None

    expected = [
        [cell(extra(row) if column == "extra" else row.get(column)) for column in columns]
        for row in rows
    ]
    assert encode(rows, columns) == [columns, *expected]


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "t": CELLS,
                "d": st.none()
                | st.fixed_dictionaries({}, optional={"path": CELLS, "q": CELLS})
                | st.dictionaries(st.sampled_from(["path", "q", "new"]), VALUES),
            },
        ),
        max_size=4,
    )
)
def test_nested(rows):
    """Nested fields have columns of their own, those without one are in `extra`."""
    expected = []
    for row in rows:
        inner = row.get("d") or {}
        rest = {"d": {"new": inner["new"]}} if "new" in inner else None
        expected.append([cell(v) for v in (inner.get("q"), row.get("t"), rest, inner.get("path"))])
    assert encode(rows, ["d.q", "t", "extra", "d.path"])[1:] == expected


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (
            b'{"t":"2025-01-01T00:00:00.123456789Z","d":{"path":"/","q":null}}',
            ["2025-01-01T00:00:00.123456789Z", "/", ""],
        ),
        (b'{"t":"=1+1","d":null}', ["=1+1", "", ""]),
        (b'{"t":[1,{"x":2}],"d":"odd"}', ['[1,{"x":2}]', "", ""]),
        (b'{"t":true,"d":{"path":1.5,"q":"a\\nb"}}', ["true", "1.5", "a\nb"]),
        (b'{"t":"a\\rb","d":{"path":"a\\r\\nb","q":"\\""}}', ["a\rb", "a\r\nb", '"']),
    ],
)
def test_cells(row, cells):
    """Times keep all digits, nested data has its own columns, text is unchanged."""
    assert encode([row], ["t", "d.path", "d.q"])[1] == cells


@pytest.mark.parametrize(
    ("row", "cells", "odd"),
    [
        (b"17", ["", "17"], "row: not an object"),
        (b"null", ["", ""], "row: not an object"),
        (b'["x"]', ["", '["x"]'], "row: not an object"),
        (b'{"id":"\\ud800x"}', ["\ufffdx", ""], "row: text is not Unicode"),
        (b'{"id":"\\ud83d\\ude00\\udc00"}', ["😀\ufffd", ""], "row: text is not Unicode"),
        (b'{"id":"\xff","new":"\xff"}', ["\ufffd", '{"new":"\ufffd"}'], "row: text is not Unicode"),
        (b"{damaged", ["", "{damaged"], "row: not JSON"),
        (b'{"id":{"a":1}}', ['{"a":1}', ""], None),
    ],
)
def test_odd_rows(row, cells, odd):
    """No value costs a row: what cannot be written as it is, is replaced and counted."""
    oddities = Oddities()
    rows = [{"id": "1"}, row, {"id": 2}]
    found = encode(rows, ["id", "extra"], VISITS, oddities)
    assert found == [["id", "extra"], ["1", ""], cells, ["2", ""]]
    assert dict(oddities.counts) == ({odd: 1} if odd else {})


def test_fields_of_a_newer_server():
    """Fields that the library does not know are in the column `extra`, as JSON."""
    known = {"content_guid": "g", "id": 7}
    (_, first, second) = encode([known, {**known, "region": "eu", "none": None}], None, VISITS)
    assert first == ["g", *[""] * 8, "7", ""]
    assert second == ["g", *[""] * 8, "7", '{"region":"eu","none":null}']


@pytest.mark.parametrize(
    ("dataset", "column", "said"),
    [
        (VISITS, "tme", "did you mean 'time'"),
        (VISITS, "wire_id", "there are content_guid"),
        (VISITS, "time.year", "no column 'time.year'"),
        (HITS, "data.pth", "did you mean 'data.path'"),
        (HITS, "data.path.x", "did you mean 'data.path'"),
    ],
)
def test_no_such_column(tmp_path, dataset, column, said):
    """A column that rows do not have is refused with the nearest name; nothing is created."""
    run = Run(source=Source(server="", dataset=dataset.name), dataset=dataset)
    with pytest.raises(InvalidArgumentError, match=said):
        Csv(tmp_path / "a.csv", ["content_guid", column]).open(run)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("row_type", "columns"),
    [
        (HITS.row_type, ["id", "data", "data.path"]),
        (HITS.row_type, ["data.path", "data", "extra"]),
        (OAuthIntegration, ["config", "config.client_id"]),
        (msgspec.Raw, ["anything"]),
    ],
)
def test_columns_that_may_exist(row_type, columns):
    """Nested data as a whole, and whatever has no declared type, can be a column."""
    dataset = Dataset(name="any", row_type=row_type)
    values = {"data": {"path": "/", "x": [1]}, "config": {"client_id": "i"}, "anything": "a"}
    (header, cells) = encode([values], columns, dataset)
    assert header == columns
    for column, found in zip(columns, cells, strict=True):
        top, _, below = column.partition(".")
        value = values.get(top)
        if column == "extra":
            value = {"config": values["config"], "anything": "a"}
        assert found == cell(value[below] if below and isinstance(value, dict) else value)


@pytest.mark.parametrize("columns", [[], ["a", "a"], "time"])
def test_invalid_columns(columns):
    """Columns are a list of different names; a text is not split into its letters."""
    with pytest.raises(InvalidArgumentError, match="columns"):
        Csv("a.csv", columns)


RUN = Run(source=Source(server="", dataset="visits"), dataset=VISITS)


def append(path, *ids, columns=None):
    sink = Csv(path, columns)
    sink.open(RUN)
    sink.commit(Checkpoint(entries={}))
    sink.write(0, Batch(VISITS, [msgspec.Raw(b'{"id":"%d"}' % i) for i in ids]))
    sink.commit(Checkpoint(entries={}))
    sink.finish()
    sink.close()


def test_header_once(tmp_path):
    """A file has one header, also if it is appended to, or was interrupted before its first row."""
    path = tmp_path / "a.csv"
    sink = Csv(path, ["id"])
    sink.open(RUN)
    sink.commit(Checkpoint(entries={}))
    assert (tmp_path / "a.csv.part").read_text() == "id\n"
    sink.close()
    append(path, 1, columns=["id"])
    append(path, 2, columns=["id"])
    assert path.read_text() == "id\n1\n2\n"


def test_other_columns(tmp_path):
    """Other columns than those of the file are refused; without `columns`, it keeps its own."""
    path = tmp_path / "a.csv"
    append(path, 1, columns=["id", "time"])
    with pytest.raises(
        ResumeError, match=r"has the columns id, time, not the columns time, id; .*"
    ):
        Csv(path, ["time", "id"]).open(RUN)
    append(path, 2)
    assert path.read_text() == "id,time\n1,\n2,\n"
