"""Reading collected data: the same whatever format it has, and whatever values."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings, strategies as st

from aconnect.errors import FileError, InvalidArgumentError
from tests.report.conftest import START, as_text, guid, write_lines

duckdb = pytest.importorskip("duckdb")
pytest.importorskip("altair")

from aconnect.report.contents import contents_of  # noqa: E402  the extra may be missing
from aconnect.report.reading import Data, read  # noqa: E402


def shown(source, **period):
    """Return the figures and totals of a source."""
    with read(source, **period) as data:
        contents = contents_of(data)
    assert contents.notes == ()
    return contents.figures, contents.totals, contents.period


def copy(folder: Path, target: Path, ending: str, options: str) -> Path:
    """Write the files of a folder in another format."""
    target.mkdir()
    with duckdb.connect() as connection:
        for file in folder.iterdir():
            connection.execute(
                f"COPY (FROM read_json('{file}')) TO '{target / file.stem}.{ending}' ({options})"
            )
    return target


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("jsonl.gz", "FORMAT json, COMPRESSION gzip"),
        ("jsonl.zst", "FORMAT json, COMPRESSION zstd"),
        ("csv", "FORMAT csv, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'"),
        ("csv.gz", "FORMAT csv, COMPRESSION gzip"),
        ("parquet", "FORMAT parquet"),
    ],
)
def test_formats(folder, rows, tmp_path, ending, options):
    """All formats give the same report."""
    lines = folder(rows)
    assert shown(copy(lines, tmp_path / "other", ending, options)) == shown(lines)


def test_duckdb_file(folder, rows, tmp_path):
    """So does a DuckDB file with the tables."""
    lines = folder(rows)
    with duckdb.connect(str(tmp_path / "usage.duckdb")) as connection:
        for dataset in rows:
            connection.execute(
                f"CREATE TABLE {dataset} AS FROM read_json('{lines / dataset}.jsonl')"
            )
    assert shown(tmp_path / "usage.duckdb") == shown(lines)


def test_partitions(folder, rows, tmp_path):
    """So do a folder of Parquet for each date, and files of adjoining windows."""
    lines = folder(rows)
    dates = tmp_path / "dates"
    for dataset in ("content", "users", "shiny_usage", "hits", "audit_logs"):
        write_lines(dates / f"{dataset}.jsonl", rows[dataset])
    split = tmp_path / "split"
    for day in range(28):
        date = f"{START + timedelta(days=day):%Y-%m-%d}"
        following = f"{START + timedelta(days=day + 1):%Y-%m-%d}"
        part = [row for row in rows["visits"] if row["time"].startswith(date)]
        file = write_lines(split / f"visits-{date}--{following}.jsonl", part)
        (dates / "visits" / f"date={date}").mkdir(parents=True)
        target = dates / "visits" / f"date={date}" / "visits.parquet"
        duckdb.execute(f"COPY (FROM read_json('{file}')) TO '{target}' (FORMAT parquet)")
    for dataset in ("content", "users", "shiny_usage", "hits", "audit_logs"):
        name = dataset.replace("_", "-")  # as earlier versions wrote
        write_lines(split / f"{name}.jsonl", rows[dataset])
    assert shown(dates) == shown(lines)
    assert shown(split) == shown(lines)


def test_columns_with_types(tmp_path):
    """Times of databases are read as they are, and ids may be numbers."""
    path = tmp_path / "usage.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE visits AS SELECT 5 AS content_guid, NULL AS user_guid, "
            "TIMESTAMPTZ '2026-01-01 23:30:00-02' AS time"
        )
    with read(path) as data:
        assert data.query("SELECT content_guid, time FROM activity") == [
            ("5", datetime(2026, 1, 2, 1, 30))  # noqa: DTZ001  in UTC
        ]


def test_odd_names_of_folders(rows, tmp_path):
    """Characters of patterns and quotes in a path are only characters."""
    folder = tmp_path / "a [b] * 'c'"
    write_lines(folder / "visits.jsonl", rows["visits"])
    with read(folder) as data:
        assert data.inputs["visits"].rows == len(rows["visits"])


def test_files_in_progress_are_not_read(rows, tmp_path):
    """Files of an unfinished run, its staging folder and other files are ignored."""
    write_lines(tmp_path / "visits.jsonl", rows["visits"])
    for name in (
        "visits.jsonl.part",
        "visits.aconnect",
        "visitors.jsonl",
        ".staging/visits/visits.jsonl",
        "_staging/visits.jsonl",
    ):
        write_lines(tmp_path / name, [{"x": 1}])
    with read(tmp_path) as data:
        assert (data.inputs["visits"].rows, data.inputs["visits"].files) == (300, 1)
        assert data.notes == []


def test_overlapping_files(rows, tmp_path):
    """Files whose events overlap in time are named, because events may be counted twice."""
    write_lines(tmp_path / "visits-a.jsonl", rows["visits"])
    write_lines(tmp_path / "visits-b.jsonl", rows["visits"][:50])
    with read(tmp_path) as data:
        (note,) = data.notes
    assert "visits-a.jsonl" in note
    assert "visits-b.jsonl" in note


def test_several_formats(rows, tmp_path):
    """One format of a dataset is read, and the other is named."""
    write_lines(tmp_path / "visits.jsonl", rows["visits"])
    (tmp_path / "visits.csv").write_text("time,content_guid,user_guid\n")
    with read(tmp_path) as data:
        assert data.inputs["visits"].rows == 300
        assert data.notes == ["visits is there as JSON lines and as CSV; only the former is read."]


def test_period(folder, rows):
    """The period includes its beginning and excludes its end, in any time zone."""
    times = sorted(datetime.fromisoformat(row["time"]) for row in rows["visits"])
    with read(folder({"visits": rows["visits"]}), from_=times[10], to=times[20]) as data:
        read_ = data.inputs["visits"]
    assert read_.rows == 10
    assert (read_.start, read_.end) == (
        times[10].replace(tzinfo=None),
        times[19].replace(tzinfo=None),
    )


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.just("0001-01-01T00:00:00Z"),
    st.just("2026-01-01T00:00:00.123456789Z"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
_FIELDS = ("content_guid", "user_guid", "time", "started", "ended", "timestamp", "action")


@given(
    st.lists(st.dictionaries(st.sampled_from(_FIELDS), _VALUES), max_size=8),
    st.lists(st.dictionaries(st.sampled_from(("guid", "title", "username")), _VALUES), max_size=3),
)
@settings(max_examples=25)
def test_any_value(tmp_path_factory, events, items):
    """No value makes a report fail; a row without a valid time is counted as such."""
    folder = tmp_path_factory.mktemp("any")
    for dataset in ("visits", "shiny_usage", "hits", "audit_logs"):
        write_lines(folder / f"{dataset}.jsonl", events)
    for dataset in ("content", "users"):
        write_lines(folder / f"{dataset}.jsonl", items)
    with read(folder) as data:
        contents_of(data)
        for dataset in ("visits", "shiny_usage", "hits", "audit_logs"):
            assert data.inputs[dataset].rows + data.inputs[dataset].invalid == len(events)


def test_broken_lines(tmp_path):
    """Lines that are not JSON objects cost themselves only, in plain and in compressed files."""
    visit = json.dumps({"content_guid": guid(1, 1), "time": as_text(START)})
    text = f'{visit}\n{{"tim\n[1]\n{{"id":"\\ud800"}}\n{visit}\n'
    (tmp_path / "visits-1.jsonl").write_text(text)
    (tmp_path / "visits-2.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    with read(tmp_path) as data:
        assert data.inputs["visits"].rows == 4


def test_nothing_to_read(tmp_path):
    """Without data, the error says how to collect some."""
    with (
        pytest.raises(InvalidArgumentError, match="aconnect collect visits content users --out"),
        read(tmp_path),
    ):
        pass
    with pytest.raises(InvalidArgumentError, match="no folder or file"), read(tmp_path / "absent"):
        pass


def test_not_readable(tmp_path):
    """A file that is neither a DuckDB file nor Parquet is named, with the reason."""
    (tmp_path / "usage.duckdb").write_text("no database")
    with pytest.raises(FileError, match="as a DuckDB file"), read(tmp_path / "usage.duckdb"):
        pass
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "visits.parquet").write_text("no Parquet")
    with pytest.raises(FileError, match=r"visits\.parquet"), read(tmp_path / "folder"):
        pass


def test_ctrl_c():
    """Ctrl-C during a query is KeyboardInterrupt, although DuckDB raises another error."""

    class Interrupted:
        def execute(self, *_):
            raise RuntimeError("Query interrupted")

    with pytest.raises(KeyboardInterrupt):
        Data(cast("Any", Interrupted()), "usage").query("SELECT 1")


def test_files_stay_unchanged(folder, rows):
    """Reading changes and leaves nothing in the folder."""
    source = folder(rows)
    before = {path: path.read_bytes() for path in source.iterdir()}
    with read(source, from_=START.astimezone(UTC)) as data:
        contents_of(data)
    assert {path: path.read_bytes() for path in source.iterdir()} == before
