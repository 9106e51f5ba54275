# ruff: noqa: S608  names of the tests' own
"""Sinks whose target is a table: DuckDB and PostgreSQL."""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, count
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from aconnect import Client, collect
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.hits import HITS
from aconnect.collect.datasets.shiny_usage import SHINY_USAGE
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.oddities import Oddities
from aconnect.collect.sink import Checkpoint, Period
from aconnect.collect.sinks import _tables, postgres as postgres_module
from aconnect.collect.sinks._tables import TableSink
from aconnect.collect.sinks.duckdb import DuckDB
from aconnect.collect.sinks.postgres import Postgres
from aconnect.errors import AconnectError, FileError, InvalidArgumentError, ResumeError
from aconnect.testing import FakeConnect, Seed, VirtualClock
from tests.collect.tables import (
    DuckDBFile,
    PostgresSchema,
    Target,
    ask,
    batch_of,
    collected,
    generation,
    ids,
    plan,
    run_of,
    visit,
    write_generation,
)
from tests.postgres import PASSWORD

_numbers = count()


@pytest.fixture(params=["duckdb", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """An empty database."""
    if request.param == "duckdb":
        pytest.importorskip("duckdb")
        return DuckDBFile(tmp_path / "usage.duckdb")
    return _schema(request.getfixturevalue("postgres"))


@pytest.fixture
def postgres_schema(postgres: str) -> PostgresSchema:
    return _schema(postgres)


def _schema(uri: str) -> PostgresSchema:
    target = PostgresSchema(uri, f"test_{next(_numbers)}")
    ask(PostgresSchema(uri, "public"), f"CREATE SCHEMA {target.schema}")
    return target


@pytest.fixture
def sink(target: Target) -> Iterator[TableSink]:
    """A sink, closed in the end."""
    sink = target.sink()
    yield sink
    sink.close()


def drop_connection(sink: TableSink) -> None:
    """Lose what is not committed, as when a process dies."""
    assert sink._database is not None
    sink._database.close()


def lose_next_commit(sink: TableSink) -> None:
    """Let the next commit succeed without anybody being told."""
    database = sink._database
    assert database is not None
    commit = database.commit

    def commit_unseen() -> None:
        commit()
        database.close()
        commit()

    database.commit = commit_unseen  # type: ignore[method-assign]


# --- the law


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Period, list[list[int]], list[bool]]]:
    """Runs: a period, the times of the rows of each commit, and whether a crash follows it."""
    runs = []
    for _ in range(draw(st.integers(1, 3))):
        lo = draw(st.integers(0, 8))
        hi = draw(st.integers(lo + 1, 10))
        chunk = st.lists(st.integers(lo, hi - 1), max_size=3)
        chunks = draw(st.lists(chunk, min_size=1, max_size=4))
        crashes = draw(st.lists(st.booleans(), min_size=len(chunks), max_size=len(chunks)))
        ends = st.sampled_from([Period(lo, hi), Period(lo, hi), Period(lo, None), Period()])
        runs.append((draw(ends), chunks, crashes))
    return runs


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_a_period_has_exactly_the_rows_of_its_last_run(
    target: Target, history: list[tuple[Period, list[list[int]], list[bool]]]
) -> None:
    """The last run of a period decides its rows, whatever crashes; its readers see no half."""
    table = f"t{next(_numbers)}"

    def times() -> Counter[int]:
        reader.execute(f"SELECT CAST(EXTRACT(EPOCH FROM time) * 1000000 AS INTEGER) FROM {table}")
        return Counter(time for (time,) in reader.fetchall())

    with closing(target.reader()) as connection, closing(connection.cursor()) as reader:
        stored: list[int] = []
        for number, (period, chunks, crashes) in enumerate(history):
            replaces = any(time in period for time in stored)
            sink = target.sink(table)
            assert f"run/{number}" not in sink.open(run_of())
            sink.commit(Checkpoint(entries={f"run/{number}": "0"}, period=period))
            for i, (chunk, crash) in enumerate(zip(chunks, crashes, strict=True)):
                rows = [visit("same", time) for time in chunk]
                if crash:
                    sink.write(0, batch_of(rows))
                    drop_connection(sink)
                    sink = target.sink(table)
                    assert sink.open(run_of())[f"run/{number}"] == str(i)
                sink.write(0, batch_of(rows))
                sink.commit(Checkpoint(entries={f"run/{number}": str(i + 1)}, period=period))
                new = [] if replaces else list(chain(*chunks[: i + 1]))
                assert times() == Counter([*stored, *new])
            sink.finish()
            sink.close()
            stored = [time for time in stored if time not in period]
            stored += chain(*chunks)
            assert times() == Counter(stored)


# --- faults


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_process_may_be_killed_at_any_moment(target: Target) -> None:
    """After SIGKILL a run goes on from its checkpoint; readers see one generation or the next."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "aconnect.collect.columns",
            "aconnect.collect.sinks.duckdb",
            "aconnect.collect.sinks.postgres",
            "adbc_driver_postgresql.dbapi",
            "duckdb",
        ]
    )
    moments = random.Random(7)
    size, number, killed = 280, 0, 0
    collected(target, generation(0, size))
    before = ids(target)
    while killed < 15:
        number += 1
        ended = False
        while not ended:
            receiver, sender = context.Pipe(duplex=False)
            writer = context.Process(
                target=write_generation, args=(target, number, size, sender), daemon=True
            )
            writer.start()
            sender.close()
            receiver.recv()
            writer.join(moments.uniform(0, 0.15) if killed < 15 else None)
            if writer.exitcode is None:
                writer.kill()
            writer.join()
            killed += writer.exitcode == -signal.SIGKILL
            ended = writer.exitcode == 0
            assert writer.exitcode in {0, -signal.SIGKILL}
            writer.close()
            receiver.close()
            after = sorted(row["id"] for row in generation(number, size))
            assert ids(target) in ([after] if ended else [before, after])
        before = after


@pytest.mark.parametrize("restart", [False, True])
def test_a_commit_whose_success_was_not_seen_counts(sink: TableSink, target, restart) -> None:
    """An error of a commit is no proof that it failed: `open` says what is durable."""
    run = run_of(restart=restart)
    sink.open(run)
    lose_next_commit(sink)
    with pytest.raises(FileError):
        sink.commit(plan())
    assert sink.open(run) == {"plan": "1"}
    sink.write(0, batch_of([visit("a")]))
    lose_next_commit(sink)
    with pytest.raises(FileError):
        sink.commit(plan(unit="1"))
    assert sink.open(run) == {"plan": "1", "unit": "1"}
    lose_next_commit(sink)
    with pytest.raises(FileError):
        sink.finish()
    assert sink.open(run) == {"plan": "1", "unit": "1"}
    sink.finish()
    assert ids(target) == ["a"]


def test_a_commit_that_failed_leaves_nothing(sink: TableSink, target) -> None:
    """Rows are discarded with the checkpoint that they were written before."""
    sink.open(run_of())
    sink.commit(plan())
    sink.write(0, batch_of([visit("a")]))
    drop_connection(sink)
    with pytest.raises(FileError):
        sink.commit(plan(unit="1"))
    assert sink.open(run_of()) == {"plan": "1"}
    sink.write(0, batch_of([visit("b")]))
    sink.commit(plan(unit="1"))
    sink.finish()
    assert ids(target) == ["b"]


def test_a_full_buffer_is_inserted_but_not_committed(sink: TableSink, target, monkeypatch) -> None:
    """Memory is bounded between two commits, and readers see nothing before the second."""
    monkeypatch.setattr(_tables, "BUFFER", 1)
    sink.open(run_of())
    sink.commit(plan())
    sink.write(0, batch_of([visit("a")]))
    assert not sink._rows
    assert ids(target) == []
    drop_connection(sink)
    assert sink.open(run_of()) == {"plan": "1"}
    assert ids(target) == []


def test_an_interrupted_run_goes_on(sink: TableSink, target: Target) -> None:
    """`close` keeps what is committed, also of a run that replaces rows."""
    collected(target, [visit("old", 1), visit("kept", 9)])
    sink.open(run_of())
    sink.commit(plan(Period(0, 5), run="2"))
    sink.write(0, batch_of([visit("a", 1)]))
    sink.commit(Checkpoint(entries={"unit": "1"}, period=Period(0, 5)))
    sink.close()
    sink.close()
    assert ids(target) == ["kept", "old"]
    other = target.sink()
    assert other.open(run_of()) == {"plan": "1", "run": "2", "unit": "1"}
    other.write(0, batch_of([visit("b", 2)]))
    other.commit(Checkpoint(entries={"unit": None}, period=Period(0, 5)))
    other.finish()
    other.close()
    assert ids(target) == ["a", "b", "kept"]
    assert other.open(run_of()) == {"plan": "1", "run": "2"}
    other.close()


def test_a_run_may_be_published_again_and_another_begun(target: Target, sink: TableSink) -> None:
    """After `finish`, doing so again changes nothing, and the next commit begins another run."""
    collected(target, [visit("a", 1)])
    assert sink.open(run_of()) == {"plan": "1"}
    sink.finish()
    sink.finish()
    assert ids(target) == ["a"]
    sink.commit(plan(Period(0, 5)))
    sink.write(0, batch_of([visit("b", 2)]))
    sink.commit(plan(Period(0, 5)))
    assert ids(target) == ["a"]
    sink.finish()
    assert ids(target) == ["b"]


def test_another_period_than_that_of_the_unfinished_run_is_refused(target, sink: TableSink) -> None:
    """What a run has committed is neither published in part nor thrown away by another."""
    collected(target, [visit("old", 1)])
    sink.open(run_of())
    sink.commit(plan(Period(0, 5)))
    sink.write(0, batch_of([visit("new", 1)]))
    sink.commit(plan(Period(0, 5)))
    sink.close()
    sink.open(run_of())
    with pytest.raises(ResumeError, match="unfinished run of another period"):
        sink.commit(plan(Period(0, 6)))
    sink.open(run_of())
    sink.commit(plan(Period(0, 5)))
    sink.finish()
    assert ids(target) == ["new"]


# --- what is replaced


def test_readers_never_see_a_gap(target: Target) -> None:
    """While a run replaces rows, a reader counts those of one run or the other."""
    collected(target, generation(0, 3000))
    seen: set[int] = set()
    ended, began = threading.Event(), threading.Event()

    def read() -> None:
        connection = target.reader()
        cursor = connection.cursor()
        while not ended.is_set():
            cursor.execute("SELECT count(*) FROM visits")
            seen.add(cursor.fetchall()[0][0])
            began.set()
        cursor.close()
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert began.wait(60)
        for size in (2000, 3000, 2000):
            collected(target, generation(1, size))
    finally:
        ended.set()
        reader.join()
    assert seen <= {2000, 3000}
    assert 3000 in seen


def test_rows_that_came_late_changed_or_went_away_come_out_right(target: Target) -> None:
    """The period has the rows that the server has now; others are as they were."""
    collected(target, [visit("a", 0), visit("b", 5, path="/old"), visit("c", 6), visit("d", 10)])
    collected(
        target,
        [visit("b", 5, path="/new"), visit("late", 7), visit("late", 7)],
        Period(5, 10),
    )
    rows = ask(target, "SELECT id, path FROM visits ORDER BY time, id")
    assert rows == [("a", None), ("b", "/new"), ("late", None), ("late", None), ("d", None)]


def session(user: str | None, started: int, ended: int | None = None) -> dict[str, object]:
    times = [None if time is None else visit("", time)["time"] for time in (started, ended)]
    return {"content_guid": "c", "user_guid": user, "started": times[0], "ended": times[1]}


@pytest.mark.parametrize("overlap", [False, True])
def test_a_session_that_has_ended_takes_the_place_of_the_open_one(
    sink: TableSink, target: Target, overlap
) -> None:
    """Rows that supersede replace open rows outside the period, anonymous ones too, once each."""
    run = run_of(SHINY_USAGE)
    before = [session(None, 1), session(None, 1), session("u", 1), session("u", 2, 3)]
    collected(target, before, Period(0, 10), run)
    period = Period(10, 20)
    if overlap:
        collected(target, [session("replaced", 12)], period, run)
    sink.open(run)
    sink.commit(plan(period, run="2"))
    sink.write(0, batch_of([session(None, 1, 15)], SHINY_USAGE, supersedes=True))
    sink.write(0, batch_of([session("new", 12)], SHINY_USAGE))
    sink.write(0, batch_of([session(None, 1, 16)], SHINY_USAGE, supersedes=True))
    sink.commit(plan(period))
    sink.finish()
    seconds = "EXTRACT(EPOCH FROM {}) * 1000000"
    columns = [
        "user_guid",
        *(f"CAST({seconds.format(c)} AS INTEGER)" for c in ("started", "ended")),
    ]
    found = ask(target, f"SELECT {', '.join(columns)} FROM shiny_usage")
    ended = [(None, 1, 15), (None, 1, 16), ("u", 2, 3)]
    assert Counter(found) == Counter([*ended, ("u", 1, None), ("new", 12, None)])


SNAPSHOT = Dataset(name="snapshot", row_type=VISITS.row_type)


def test_a_snapshot_is_replaced_as_a_whole(sink: TableSink, target: Target) -> None:
    """A table of the present state shows the old one until the new one is complete."""
    run = run_of(SNAPSHOT)
    collected(target, [visit("a"), visit("b")], None, run)
    sink.open(run)
    sink.commit(plan(None))
    sink.write(0, batch_of([visit("c")], SNAPSHOT))
    sink.commit(plan(None))
    assert ids(target, "snapshot") == ["a", "b"]
    sink.finish()
    assert ids(target, "snapshot") == ["c"]
    sink.close()
    collected(target, [], None, run)
    assert ids(target, "snapshot") == []


def test_restart_keeps_the_old_rows_until_the_end(sink: TableSink, target: Target) -> None:
    """A restarted run forgets all entries, and replaces all rows, of another source too."""
    collected(target, [visit("a", 1), visit("b", 100)])
    run = run_of(server="https://other.example.com", restart=True)
    assert sink.open(run) == {}
    sink.commit(Checkpoint(entries={"new": "1"}, period=Period(0, 10)))
    sink.write(0, batch_of([visit("c", 2)]))
    drop_connection(sink)
    # The collector asks for it with the first `open` only.
    assert sink.open(run_of(server="https://other.example.com")) == {"new": "1"}
    sink.write(0, batch_of([visit("d", 2)]))
    sink.commit(Checkpoint(entries={}, period=Period(0, 10)))
    assert ids(target) == ["a", "b"]
    sink.finish()
    assert ids(target) == ["d"]
    sink.close()
    assert sink.open(run) == {}
    sink.close()


def test_restart_that_commits_nothing_changes_nothing(sink: TableSink, target: Target) -> None:
    """What earlier runs have written is discarded with the first commit, not before."""
    collected(target, [visit("a")])
    sink.open(run_of(restart=True))
    drop_connection(sink)
    assert sink.open(run_of()) == {}
    sink.close()
    assert sink.open(run_of()) == {"plan": "1"}
    sink.close()
    assert ids(target) == ["a"]


# --- what is written


def test_nul_characters(sink: TableSink, target: Target) -> None:
    """U+0000, which PostgreSQL refuses, costs no row; it is replaced there, and counted."""
    oddities = Oddities()
    sink.open(run_of())
    sink.commit(plan())
    sink.write(0, batch_of([visit("a\0b")], oddities=oddities))
    sink.commit(plan())
    sink.finish()
    if target.name == "postgres":
        assert ids(target) == ["a\ufffdb"]
        assert list(oddities.counts.values()) == [1]
    else:
        assert ids(target) == ["a\0b"]


def test_hits_have_their_details(target: Target) -> None:
    """Nested data is a struct in DuckDB, and columns of their own in PostgreSQL."""
    hit = {"id": 7, "timestamp": visit("")["time"], "data": {"path": "/x"}, "new": [1]}
    collected(target, [hit, {"timestamp": hit["timestamp"]}], run=run_of(HITS))
    path = '"data.path"' if target.name == "postgres" else "data.path"
    rows = ask(target, f"SELECT id, {path}, extra FROM hits ORDER BY id")
    assert rows == [("7", "/x", '{"new":[1]}'), (None, None, None)]


def test_written_names_the_table(target: Target) -> None:
    """What is published is named, without credentials."""
    sink = target.sink("hits of 2025")
    sink.open(run_of())
    sink.commit(plan())
    written = sink.finish().target
    sink.close()
    assert "hits of 2025" in written
    assert PASSWORD not in written
    assert quote(PASSWORD, safe="") not in written


def test_postgres_has_an_index_on_the_time(postgres_schema: PostgresSchema) -> None:
    """Rows of a period are found without reading the others."""
    collected(postgres_schema, [visit("a")])
    definitions = ask(
        postgres_schema,
        f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{postgres_schema.schema}'",
    )
    assert [text.rpartition(" ")[2] for (text,) in definitions] == ['("time")']


# --- what is refused


def test_another_source_is_refused(sink: TableSink, target) -> None:
    """A table has rows of one source; the error names both and says what to do."""
    collected(target, [visit("a")])
    with pytest.raises(ResumeError, match=r"Choose another table.*restart=True") as caught:
        sink.open(run_of(server="https://other.example.com"))
    assert "connect.example.com" in str(caught.value)
    assert "other.example.com" in str(caught.value)
    assert sink.open(run_of())


def test_tables_of_one_database_do_not_mix(target: Target) -> None:
    """Each table has entries of its own, also if two have rows of one source."""
    first, second = target.sink("first"), target.sink("second")
    first.open(run_of())
    second.open(run_of())
    first.commit(plan(one="1"))
    second.commit(plan(two="2"))
    first.close()
    second.close()
    assert first.open(run_of()) == {"plan": "1", "one": "1"}
    assert second.open(run_of()) == {"plan": "1", "two": "2"}
    first.close()
    second.close()


@pytest.mark.parametrize("restart", [False, True])
def test_a_table_of_somebody_else_is_refused(sink: TableSink, target, restart) -> None:
    """A table of that name with other columns is left as it is."""
    ask(target, "CREATE TABLE visits (id TEXT, visitor TEXT)")
    ask(target, "INSERT INTO visits VALUES ('x', 'y')")
    with pytest.raises(InvalidArgumentError, match=r"visits of .* choose another table"):
        sink.open(run_of(restart=restart))
    assert ask(target, "SELECT * FROM visits") == [("x", "y")]


def test_a_table_of_an_older_version_gets_its_new_columns(sink: TableSink, target: Target) -> None:
    """A column that this version added is added to the table; a run in progress goes on."""
    collected(target, [visit("a")])
    sink.open(run_of())
    sink.commit(plan(run="2"))
    sink.write(0, batch_of([visit("b")]))
    sink.commit(plan())
    sink.close()
    staging = '"_aconnect_visits_new"'
    for table in ("visits", staging):
        ask(target, f"ALTER TABLE {table} DROP COLUMN user_agent")
    assert sink.open(run_of())
    sink.write(0, batch_of([visit("c", user_agent="x")]))
    sink.commit(plan())
    sink.finish()
    rows = ask(target, "SELECT id, user_agent FROM visits ORDER BY id")
    assert rows == [("b", None), ("c", "x")]


def test_a_column_of_another_type_is_refused(sink: TableSink, target) -> None:
    """A table of ours whose column was changed is not written to; the error names the column."""
    collected(target, [])
    ask(target, "ALTER TABLE visits ALTER COLUMN data_version TYPE BIGINT")
    with pytest.raises(InvalidArgumentError, match="its column data_version is"):
        sink.open(run_of())


def test_damaged_entries_are_refused(sink: TableSink, target) -> None:
    """Entries that cannot be read are no reason to begin again unasked."""
    collected(target, [visit("a")])
    ask(target, "UPDATE _aconnect SET value = '?' WHERE key = '_sink'")
    with pytest.raises(ResumeError, match="cannot be read"):
        sink.open(run_of())


def test_two_runs_at_once_are_refused(sink: TableSink, target, monkeypatch) -> None:
    """A table has one writer; the second is told so, and may go on when the first has ended."""
    monkeypatch.setattr(postgres_module, "_LOCK_TIMEOUT", "50ms")
    sink.open(run_of())
    other = target.sink()
    with pytest.raises(InvalidArgumentError, match=r"another .* is writing the table visits"):
        other.open(run_of())
    sink.close()
    other.open(run_of())
    other.close()


def test_another_process_is_refused(tmp_path: Path) -> None:
    """DuckDB's file has one process; another one is told so."""
    pytest.importorskip("duckdb")
    path = tmp_path / "usage.duckdb"
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); input()"
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InvalidArgumentError, match="another process is writing or reading"):
            DuckDB(path).open(run_of())
        process.stdin.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Some other file is not overwritten."""
    pytest.importorskip("duckdb")
    path = tmp_path / "usage.duckdb"
    path.write_text("id,time\n" * 1000)
    with pytest.raises(FileError, match="cannot open"):
        DuckDB(path).open(run_of())
    assert path.read_text().startswith("id,time")


@pytest.mark.parametrize("name", ["", "x" * 41, "_aconnect"])
def test_names_of_tables_that_do_not_fit_are_refused(name) -> None:
    """PostgreSQL would cut off a long name, and two tables would become one, as with our own."""
    with pytest.raises(InvalidArgumentError, match="1 to 40 bytes"):
        DuckDB("usage.duckdb", name)


def test_the_password_is_never_shown(postgres: str) -> None:
    """Neither errors nor their tracebacks contain it, whatever is wrong with the address."""
    encoded = quote(PASSWORD, safe="")
    addresses = [
        postgres.removesuffix("/postgres") + "/missing",
        postgres.replace("collector:", "nobody:"),
        postgres.replace("127.0.0.1:", "127.0.0.1:1"),
        postgres + f"?unknown={encoded}&password={encoded}",
        postgres.replace(encoded, PASSWORD),
        postgres.replace("postgresql:", "mysql:"),
        f"host=127.0.0.1 password='{PASSWORD}'",
    ]
    for address in addresses:
        with pytest.raises(AconnectError) as caught:
            Postgres(address).open(run_of())
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert PASSWORD not in shown
        assert encoded not in shown
        assert "w@rd" not in str(caught.value)
    assert PASSWORD not in repr(vars(Postgres(postgres)))


def test_a_missing_schema_is_refused(postgres: str) -> None:
    """A schema is not created; the error says what to do."""
    with pytest.raises(InvalidArgumentError, match="create it, or pass another schema="):
        Postgres(postgres, schema="missing").open(run_of())


def test_a_server_that_ends_the_connection(postgres_schema: PostgresSchema) -> None:
    """A connection that the server ends is an error with the reason, and `open` goes on."""
    sink = postgres_schema.sink()
    sink.open(run_of())
    sink.commit(plan())
    ask(
        postgres_schema,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    sink.write(0, batch_of([visit("a")]))
    with pytest.raises(FileError, match="cannot write the table visits"):
        sink.commit(plan())
    assert sink.open(run_of()) == {"plan": "1"}
    sink.close()


# --- with the collector


EVENTS = ["visits", "shiny_usage", "hits", "audit_logs"]
SNAPSHOTS = ["content", "users", "groups", "permissions", "jobs", "packages"]


@pytest.mark.parametrize("name", [*EVENTS, *SNAPSHOTS])
async def test_a_table_follows_the_server(target: Target, name: str) -> None:
    """A table has as many rows as the server, however often it is collected."""
    dataset = getattr(collect, name)
    seed = Seed(visits=530, shiny_usage=530, hits=530, audit_logs=530, jobs=2)
    async with (
        FakeConnect(seed) as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        first = await dataset(client).into(target.sink())
        counted = [(first.rows,)]
        assert first.rows or name in {"permissions", "packages"}
        assert ask(target, f"SELECT count(*) FROM {name}") == counted
        for options in ({}, {"restart": True}):
            await dataset(client, **options).into(target.sink())
            assert ask(target, f"SELECT count(*) FROM {name}") == counted
