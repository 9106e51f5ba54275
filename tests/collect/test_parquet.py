"""Parquet files by date: exact after every crash, and whole for every reader."""

import errno
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from aconnect.collect.columns import columns_for
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.hits import HITS
from aconnect.collect.datasets.shiny_usage import SHINY_USAGE
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.journal import Journal
from aconnect.collect.sink import Period, Written
from aconnect.collect.sinks import parquet as parquet_module, parquet_files
from aconnect.collect.sinks.parquet import Parquet
from aconnect.connect.instrumentation import ContentVisit
from aconnect.errors import FileError, InvalidArgumentError, ResumeError
from tests.collect import parquet_child
from tests.collect.parquet_rows import (
    DAY,
    SECOND,
    T0,
    batch,
    checkpoint,
    files_in,
    rows_in,
    run_of,
    session,
    visit,
)

NO_DATE = "__HIVE_DEFAULT_PARTITION__"
CONTENT = Dataset(name="content", row_type=ContentVisit)
"""A snapshot, whatever its columns."""
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108
"""A folder in memory, if there is one: syncing a disk that others use is slow."""


class CrashError(BaseException):
    """The end of the process, as far as a test can have one."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def crash(sink: Parquet) -> None:
    """Leave a sink as a killed process does: its lock is gone, its files stay."""
    if sink._opened is not None:
        sink._opened.close()


def collect(
    folder: Path | str,
    period: Period | None,
    *batches: Any,
    sink: Parquet | None = None,
    dataset: Dataset = VISITS,
    **options: Any,
) -> Written:
    """Do a whole run with a commit after each batch."""
    sink = sink or Parquet(folder)
    sink.open(run_of(dataset, **options))
    sink.commit(checkpoint(period, at="0"))
    for number, rows in enumerate(batches):
        sink.write(number, rows)
        sink.commit(checkpoint(period, at=str(number + 1)))
    written = sink.finish()
    assert sink.finish() == written
    sink.close()
    return written


def test_each_date_has_one_file(tmp_path: Path) -> None:
    """Rows are in the file of their date in UTC; a reader sees nothing else."""
    written = collect(
        tmp_path,
        Period(),
        batch([visit("a", T0), visit("b", T0 + DAY - 1), visit("c", T0 + DAY)]),
        batch([visit("d", T0 + 5), visit("e", -1), visit("f", None)]),
    )
    assert files_in(tmp_path) == [
        f"visits/date={date}/visits.parquet"
        for date in ("1969-12-31", "2025-03-02", "2025-03-03", NO_DATE)
    ]
    assert rows_in(tmp_path) == Counter(
        [("2025-03-02", name) for name in "abd"]
        + [("2025-03-03", "c"), ("1969-12-31", "e"), (NO_DATE, "f")]
    )
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.parquet")]
    assert written == Written(target=str(tmp_path / "visits"), size=sum(sizes), files=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".staging",
        "visits",
        "visits.aconnect",
    ]
    assert not list((tmp_path / ".staging").iterdir())


moments = st.integers(T0 - DAY, T0 + 2 * DAY) | st.sampled_from([T0, T0 + DAY - 1, T0 + DAY])
steps = st.one_of(
    st.tuples(st.integers(0, 3), st.lists(moments | st.none(), max_size=6)),
    st.just("commit"),
    st.just("crash"),
)
edges = st.none() | moments


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(edges, edges, st.lists(steps, max_size=8)), min_size=1, max_size=3))
def test_the_folder_has_what_was_committed(
    runs: list[tuple[int | None, int | None, list[Any]]],
) -> None:
    """After any runs and crashes it has each committed row once, and the entries of its commit."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        folder = Path(name)
        expected: list[tuple[str, int | None]] = []
        written = 0
        for lo, hi, actions in runs:
            period = Period(lo, hi)
            sink = Parquet(folder)
            sink.open(run_of())
            sink.commit(checkpoint(period, at=str(written)))
            committed: list[tuple[str, int | None]] = []
            waiting: list[tuple[str, int | None]] = []
            for action in [*actions, "commit"]:
                if action == "commit":
                    committed += waiting
                    waiting = []
                    sink.commit(checkpoint(period, at=str(written)))
                    last = written
                elif action == "crash":
                    waiting = []
                    crash(sink)
                    sink = Parquet(folder)
                    assert sink.open(run_of()).keys() == {"at"}
                else:
                    unit, times = action
                    inside = [
                        time for time in times if (lo is None if time is None else time in period)
                    ]
                    rows = [(f"{written + i}", time) for i, time in enumerate(inside)]
                    written += len(rows)
                    waiting += rows
                    sink.write(unit, batch(visit(*row) for row in rows))
            crash(sink)
            sink = Parquet(folder)
            assert sink.open(run_of()) == {"at": str(last)}
            sink.finish()
            sink.close()
            expected = [
                row for row in expected if not (lo is None if row[1] is None else row[1] in period)
            ] + committed
            found = rows_in(folder, "id", "time")
            assert Counter(row[1] for row in found.elements()) == Counter(
                row[0] for row in expected
            )
            assert all(
                date == (time.date().isoformat() if time else NO_DATE) for date, _, time in found
            )


def overlapping_runs(folder: Path) -> None:
    """Do what is left of two runs that have everything: overlap, edges, superseded rows."""
    first = Period(T0, T0 + 3 * DAY)
    second = Period(T0 + DAY + DAY // 2, T0 + 4 * DAY)
    runs: list[tuple[Period, list[Any]]] = [
        (
            first,
            [
                batch([session("a", T0), session("b", T0 + 1, T0 + 9)], SHINY_USAGE),
                batch([session("c", T0 + 2), session("d", T0 + DAY)], SHINY_USAGE),
                batch([session("e", T0 + 2 * DAY - 1), session("g", T0 + 2 * DAY)], SHINY_USAGE),
            ],
        ),
        (
            second,
            [
                batch([session("a", T0, T0 + 5, 2)], SHINY_USAGE, supersedes=True),
                batch([session("e", T0 + 2 * DAY - 1, None, 2)], SHINY_USAGE),
                batch([session("h", T0 + 3 * DAY, None, 2)], SHINY_USAGE),
            ],
        ),
    ]
    sink = Parquet(folder)
    try:
        entries = sink.open(run_of(SHINY_USAGE))
        for number, (period, batches) in enumerate(runs):
            if int(entries.get("run", "0")) > number:
                continue
            if entries.get("run") != str(number):
                entries = {"run": str(number), "part": "0"}
                sink.commit(checkpoint(period, **entries))
            for part in range(int(entries["part"]), len(batches)):
                sink.write(part, batches[part])
                sink.commit(checkpoint(period, run=str(number), part=str(part + 1)))
            sink.finish()
    finally:
        crash(sink)


AFTER_BOTH = Counter(
    [
        ("2025-03-02", "a", 2),  # superseded: it was open
        ("2025-03-02", "b", 1),
        ("2025-03-02", "c", 1),
        ("2025-03-03", "d", 1),  # before the second period, on the date of its beginning
        ("2025-03-03", "e", 2),
        # g is gone: it was in the second period, and was not read again
        ("2025-03-05", "h", 2),
    ]
)


def crash_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Crash before the step of a number."""
    count = 0

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise CrashError
            return original(*args, **kwargs)

        return call

    monkeypatch.setattr(os, "fsync", wrapped(os.fsync))
    monkeypatch.setattr(Path, "replace", wrapped(Path.replace))
    monkeypatch.setattr(Path, "unlink", wrapped(Path.unlink))
    monkeypatch.setattr(Path, "mkdir", wrapped(Path.mkdir))
    monkeypatch.setattr(Journal, "commit", wrapped(Journal.commit))


def test_a_crash_between_any_two_steps(folder: Path) -> None:
    """Whatever the step after which the process ends, the next one comes to the same result."""
    step, crashed = 0, True
    while crashed:
        step += 1
        place = folder / str(step)
        with pytest.MonkeyPatch.context() as monkeypatch:
            crash_at(monkeypatch, step)
            try:
                overlapping_runs(place)
                crashed = False
            except CrashError:
                pass
        overlapping_runs(place)
        rows = rows_in(place, "user_guid", "data_version")
        assert rows == AFTER_BOTH, f"after step {step}"
        assert not list(place.rglob(".staging/*"))
    assert step > 50


def test_killed_at_random_moments(folder: Path) -> None:
    """Processes that are killed while they write, commit and publish lose and repeat nothing."""
    if not hasattr(os, "fork"):
        pytest.skip("the processes are forked")
    command = [sys.executable, parquet_child.__file__, str(folder), "5", "20"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert int(result.stdout) > 5
    expected: dict[str, int] = {}
    for number in range(parquet_child.RUNS):
        period = parquet_child.period(number)
        expected = {name: time for name, time in expected.items() if time not in period}
        for part in range(parquet_child.BATCHES):
            expected |= parquet_child.times(number, part)
    for place in folder.iterdir():
        assert sorted(name for _, name in rows_in(place).elements()) == sorted(expected)
        assert not list(place.rglob(".staging/*"))


def test_rows_outside_the_period_stay(tmp_path: Path) -> None:
    """A period that begins and ends within dates leaves the other rows of these dates."""
    noon = DAY // 2
    times = {"a": 0, "b": noon, "c": DAY, "d": 2 * DAY, "e": 2 * DAY + noon, "f": 3 * DAY}
    collect(tmp_path, Period(), batch(visit(name, T0 + time) for name, time in times.items()))
    untouched = tmp_path / "visits/date=2025-03-05/visits.parquet"
    before = untouched.stat().st_ino
    collect(tmp_path, Period(T0 + noon, T0 + 2 * DAY + noon), batch([visit("new", T0 + noon)]))
    assert rows_in(tmp_path) == Counter(
        [("2025-03-02", "a"), ("2025-03-02", "new"), ("2025-03-04", "e"), ("2025-03-05", "f")]
    )
    assert untouched.stat().st_ino == before


def test_a_period_without_rows_removes_them(tmp_path: Path) -> None:
    """Rows that the server does not have any more are removed, and a file without rows."""
    collect(tmp_path, Period(), batch([visit("a", T0), visit("b", T0 + DAY), visit("n", None)]))
    written = collect(tmp_path, Period(T0, T0 + DAY // 2))
    assert rows_in(tmp_path) == Counter([("2025-03-03", "b"), (NO_DATE, "n")])
    assert written.files == 0
    collect(tmp_path, Period(None, T0))
    assert rows_in(tmp_path) == Counter([("2025-03-03", "b")])
    collect(tmp_path, Period())
    assert not (tmp_path / "visits").exists()


def test_superseding_rows(tmp_path: Path) -> None:
    """They take the place of the same session if it was open, and of no other."""
    old = [
        session("open", T0),
        session("over", T0, T0 + 1),
        session("over", T0, T0 + 1),
        session("other", T0),
        session("twice", T0),
        session("twice", T0),
    ]
    anonymous = session("x", T0 + 1) | {"user_guid": None}
    collect(tmp_path, Period(), batch([*old, anonymous], SHINY_USAGE), dataset=SHINY_USAGE)
    new = [
        session("open", T0, T0 + 3, 2),
        session("over", T0, T0 + 3, 2),
        session("twice", T0, T0 + 3, 2),
        anonymous | {"data_version": 2},
    ]
    later = Period(T0 + DAY, None)
    superseding = batch(new, SHINY_USAGE, supersedes=True)
    collect(tmp_path, later, superseding, dataset=SHINY_USAGE)
    assert rows_in(tmp_path, "user_guid", "data_version") == Counter(
        [
            ("2025-03-02", "open", 2),
            ("2025-03-02", "over", 1),
            ("2025-03-02", "over", 1),
            ("2025-03-02", "over", 2),
            ("2025-03-02", "other", 1),
            ("2025-03-02", "twice", 1),  # of two, one has ended
            ("2025-03-02", "twice", 2),
            ("2025-03-02", None, 2),
        ]
    )


def test_a_snapshot_is_one_file(tmp_path: Path) -> None:
    """It is replaced as a whole, and has its columns even without a row."""
    rows = batch([visit("a", T0), visit("b", None)], CONTENT)
    written = collect(tmp_path, None, rows, batch([visit("c", 0)], CONTENT), dataset=CONTENT)
    assert files_in(tmp_path) == ["content.parquet"]
    assert sorted(name for _, name in rows_in(tmp_path)) == ["a", "b", "c"]
    assert (written.target, written.files) == (str(tmp_path / "content.parquet"), 1)
    collect(tmp_path, None, batch([visit("d", T0)], CONTENT), dataset=CONTENT)
    assert [name for _, name in rows_in(tmp_path)] == ["d"]
    collect(tmp_path, None, dataset=CONTENT)
    table = pq.read_table(tmp_path / "content.parquet")
    assert (table.num_rows, table.schema) == (0, columns_for(CONTENT).schema)


def test_a_restart_replaces_everything_when_it_is_complete(tmp_path: Path) -> None:
    """The old files stay until then, also if the new run is interrupted and resumed."""
    collect(tmp_path, Period(), batch([visit("a", T0), visit("b", T0 + DAY)]))
    old = rows_in(tmp_path)
    sink = Parquet(tmp_path)
    assert sink.open(run_of(restart=True)) == {}
    period = Period(T0, T0 + 1)
    sink.commit(checkpoint(period, at="1"))
    sink.write(0, batch([visit("c", T0)]))
    sink.commit(checkpoint(period, at="2"))
    sink.close()
    assert rows_in(tmp_path) == old
    assert sink.open(run_of()) == {"at": "2"}
    sink.finish()
    sink.close()
    assert rows_in(tmp_path) == Counter([("2025-03-02", "c")])


def test_another_source_is_refused(tmp_path: Path) -> None:
    """Rows of two servers are not mixed: the error names both; a restart replaces them."""
    collect(tmp_path, Period(), batch([visit("a", T0)]))
    with pytest.raises(ResumeError, match=r"c\.example.*d\.example.*another folder.*restart"):
        Parquet(tmp_path).open(run_of(server="https://d.example"))
    collect(tmp_path, Period(), batch([visit("b", T0)]), server="https://d.example", restart=True)
    assert rows_in(tmp_path) == Counter([("2025-03-02", "b")])


def test_files_without_a_journal_are_refused(tmp_path: Path) -> None:
    """Nobody knows whose rows they are; a damaged journal is refused too, until a restart."""
    collect(tmp_path, Period(), batch([visit("a", T0)]))
    journal = tmp_path / "visits.aconnect"
    journal.write_bytes(b"no journal" * 100)
    with pytest.raises(ResumeError, match="restart=True"):
        Parquet(tmp_path).open(run_of())
    journal.unlink()
    with pytest.raises(ResumeError, match="no journal"):
        Parquet(tmp_path).open(run_of())
    journal.write_bytes(b"no journal" * 100)
    collect(tmp_path, Period(T0 + DAY, None), batch([visit("b", T0 + DAY)]), restart=True)
    assert rows_in(tmp_path) == Counter([("2025-03-03", "b")])


def test_two_processes_are_refused(tmp_path: Path) -> None:
    """A folder is locked for each dataset."""
    sink, other = Parquet(tmp_path), Parquet(tmp_path)
    sink.open(run_of())
    with pytest.raises(InvalidArgumentError, match="another process"):
        other.open(run_of())
    other.open(run_of(HITS))
    other.close()
    sink.close()
    other.open(run_of())
    other.close()


def test_another_period_does_not_mix_with_committed_rows(tmp_path: Path) -> None:
    """A period is published before another begins, or rows would be replaced by half."""
    sink = Parquet(tmp_path)
    sink.open(run_of())
    sink.commit(checkpoint(Period(T0, T0 + 1)))
    sink.commit(checkpoint(Period(T0, T0 + 2)))  # no rows: a new plan
    sink.write(0, batch([visit("a", T0)]))
    sink.commit(checkpoint(Period(T0, T0 + 2)))
    with pytest.raises(ResumeError, match="resume that run"):
        sink.commit(checkpoint(Period(T0, T0 + 3)))
    sink.close()


def test_lost_segments_are_noticed(tmp_path: Path) -> None:
    """Committed rows that somebody deleted are not passed over."""
    sink = Parquet(tmp_path)
    sink.open(run_of())
    sink.write(0, batch([visit("a", T0)]))
    sink.commit(checkpoint(Period()))
    sink.close()
    (segment,) = (tmp_path / ".staging/visits").iterdir()
    segment.unlink()
    with pytest.raises(ResumeError, match="missing"):
        sink.open(run_of())


@pytest.mark.parametrize("moment", ["write", "merge"])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """It is a FileError that says why; nothing that is committed is lost."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink = Parquet(tmp_path)
    sink.open(run_of())
    sink.write(0, batch([visit("a", T0)]))
    sink.commit(checkpoint(Period(), at="1"))
    sink.write(0, batch([visit("b", T0)]))
    with monkeypatch.context() as patch:
        if moment == "write":
            patch.setattr(pq, "write_table", full)
            with pytest.raises(FileError, match="No space left"):
                sink.commit(checkpoint(Period(), at="2"))
            assert sink.open(run_of()) == {"at": "1"}
            sink.write(0, batch([visit("b", T0)]))
        else:
            sink.commit(checkpoint(Period(), at="2"))
            patch.setattr(pq.ParquetWriter, "write_table", full)
            with pytest.raises(FileError, match="No space left"):
                sink.finish()
            assert sink.open(run_of()) == {"at": "2"}
    if moment == "write":
        sink.commit(checkpoint(Period(), at="2"))
    sink.finish()
    sink.close()
    assert rows_in(tmp_path) == Counter([("2025-03-02", "a"), ("2025-03-02", "b")])


def test_an_impossible_folder(tmp_path: Path) -> None:
    """It is refused before anything is fetched."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgumentError, match="choose another path"):
        Parquet(tmp_path / "file" / "folder").open(run_of())


def read_all(folder: Path) -> Iterator[int]:
    """Count rows as the readers do that users have."""
    pattern = f"{folder}/**/*.parquet"
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT count(*), count(date) FROM '{pattern}'").fetchone()  # noqa: S608
        assert row is not None
        yield row[0]
        assert row[1] == row[0] - 1  # one row has no date
    frame = pl.scan_parquet(pattern, hive_partitioning=True).collect()
    assert frame["date"].null_count() == 1
    yield len(frame)
    yield ds.dataset(folder / "visits", format="parquet", partitioning="hive").count_rows()
    yield pq.read_table(folder / "visits").num_rows


def test_readers_see_published_rows_only(tmp_path: Path) -> None:
    """DuckDB, Polars and Arrow read the folder by a pattern while the next run is staged."""
    collect(tmp_path, Period(), batch([visit("a", T0), visit("b", T0 + DAY), visit("n", None)]))
    sink = Parquet(tmp_path)
    sink.open(run_of())
    for number in range(3):
        sink.write(number, batch([visit(f"c{number}", T0 + number * DAY)]))
        sink.commit(checkpoint(Period(T0, None)))
    assert any((tmp_path / ".staging").rglob("*.seg"))
    assert list(read_all(tmp_path)) == [3, 3, 3, 3]
    sink.finish()
    sink.close()
    assert list(read_all(tmp_path)) == [4, 4, 4, 4]


def test_one_segment_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date that was committed at once is not written twice."""
    monkeypatch.setattr(parquet_files, "merge", pytest.fail)
    for name in "ab":
        collect(tmp_path, Period(T0, T0 + DAY), batch([visit(name, T0)]))
    assert rows_in(tmp_path) == Counter([("2025-03-02", "b")])


def test_memory_has_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dates share it; what does not fit is on disk, and is deleted if it is not committed."""
    monkeypatch.setattr(parquet_module, "_BUDGET", 100_000)
    sink = Parquet(tmp_path)
    sink.open(run_of())
    sink.commit(checkpoint(Period(), at="0"))
    for page in range(30):
        rows = [visit(f"{page}-{i}", T0 + (page % 3) * DAY + i * SECOND) for i in range(200)]
        sink.write(page, batch(rows))
        assert sink._buffered <= 100_000
    assert any((tmp_path / ".staging").rglob("*.seg"))
    assert sink.open(run_of()) == {"at": "0"}
    assert not any((tmp_path / ".staging").rglob("*.seg"))
    sink.close()


def test_encoding(tmp_path: Path) -> None:
    """Times and ids are stored as differences; merged files have large row groups in time order."""
    pages = [[visit(f"{p}-{i}", T0 + p * 1000 + i) for i in range(500)] for p in range(8)]
    collect(tmp_path, Period(), *(batch(page) for page in reversed(pages)))
    (path,) = tmp_path.rglob("*.parquet")
    with pq.ParquetFile(path) as file:
        assert file.metadata.num_row_groups == 1
        group = file.metadata.row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(11)}
        assert "DELTA_BINARY_PACKED" in columns["time"].encodings
        assert "DELTA_BYTE_ARRAY" in columns["id"].encodings
        assert "RLE_DICTIONARY" in columns["content_guid"].encodings
        assert {column.compression for column in columns.values()} == {"ZSTD"}
        assert all(column.has_offset_index for column in columns.values())
        times = file.read(["time"])["time"].cast(pa.int64())
    assert times.to_pylist() == sorted(times.to_pylist())


def test_columns_that_were_added_later(tmp_path: Path) -> None:
    """Rows of an older version stay, with null in new columns; unknown columns are refused."""
    noon = T0 + DAY // 2
    collect(tmp_path, Period(), batch([visit("a", T0, path="/x")]))
    (path,) = tmp_path.rglob("*.parquet")
    whole = pq.ParquetFile(path).read()
    pq.write_table(whole.drop_columns(["path"]), path)
    collect(tmp_path, Period(noon, None), batch([visit("b", noon, path="/y")]))
    assert rows_in(tmp_path, "id", "path") == Counter(
        [("2025-03-02", "a", None), ("2025-03-02", "b", "/y")]
    )
    pq.write_table(whole.append_column("later", pc.add(whole["data_version"], 1)), path)
    sink = Parquet(tmp_path)
    with pytest.raises(ResumeError, match="later"):
        collect(tmp_path, Period(noon, None), batch([visit("b", noon)]), sink=sink)
    sink.close()


def test_nested_columns(tmp_path: Path) -> None:
    """The details of a hit are a struct, and stay one when files are merged."""
    rows = [
        {"id": i, "timestamp": "2025-03-02T10:00:00Z", "data": {"path": f"/{i}"}} for i in range(3)
    ]
    parts = [batch([row], HITS) for row in rows]
    collect(tmp_path, Period(), *parts, dataset=HITS)
    (path,) = tmp_path.rglob("*.parquet")
    found = pq.ParquetFile(path).read()
    assert found.schema.equals(columns_for(HITS).schema)
    assert sorted(row["data"]["path"] for row in found.to_pylist()) == ["/0", "/1", "/2"]
