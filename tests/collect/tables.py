# ruff: noqa: S608  names of the tests' own
"""The databases that sinks of tables are tested with, and runs to write to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.oddities import Oddities
from aconnect.collect.sink import Checkpoint, Period, Run, Source, as_datetime
from aconnect.collect.sinks._tables import TableSink
from aconnect.collect.sinks.duckdb import DuckDB
from aconnect.collect.sinks.postgres import Postgres

ALWAYS = Period()
SERVER = "https://connect.example.com/__api__"


@dataclass(frozen=True)
class DuckDBFile:
    """A DuckDB database; readers are other connections of this process."""

    path: Path
    name = "duckdb"

    def sink(self, table: str | None = None) -> TableSink:
        return DuckDB(self.path, table)

    def reader(self) -> Any:
        import duckdb

        return duckdb.connect(self.path)


@dataclass(frozen=True)
class PostgresSchema:
    """A schema of a PostgreSQL database."""

    uri: str
    schema: str
    name = "postgres"

    def sink(self, table: str | None = None) -> TableSink:
        return Postgres(self.uri, table, schema=self.schema)

    def reader(self) -> Any:
        from adbc_driver_postgresql import dbapi

        connection = dbapi.connect(self.uri, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {self.schema}")
        return connection


Target = DuckDBFile | PostgresSchema


def ask(target: Target, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement on a connection of its own."""
    connection = target.reader()
    try:
        cursor = connection.cursor()
        try:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
        finally:
            cursor.close()
    finally:
        connection.close()


def ids(target: Target, table: str = "visits") -> list[str]:
    """Return the ids of all rows, sorted."""
    return sorted(row[0] for row in ask(target, f"SELECT id FROM {table}"))


def run_of(dataset: Dataset = VISITS, server: str = SERVER, *, restart: bool = False) -> Run:
    return Run(source=Source(server=server, dataset=dataset.name), dataset=dataset, restart=restart)


def batch_of(
    rows: Iterable[dict[str, Any]],
    dataset: Dataset = VISITS,
    *,
    supersedes: bool = False,
    oddities: Oddities | None = None,
) -> Batch[Any]:
    raw = [Raw(msgspec.json.encode(row)) for row in rows]
    return Batch(dataset, raw, supersedes=supersedes, oddities=oddities)


def visit(id: str, time: int = 0, **fields: Any) -> dict[str, Any]:  # noqa: A002
    """Return a visit at a time in microseconds."""
    return {"id": id, "time": as_datetime(time).isoformat(), **fields}


def plan(period: Period | None = ALWAYS, **entries: str) -> Checkpoint:
    return Checkpoint(entries={"plan": "1", **entries}, period=period)


def collected(
    target: Target,
    rows: Sequence[dict[str, Any]],
    period: Period | None = ALWAYS,
    run: Run | None = None,
) -> None:
    """Write a run from beginning to end."""
    run = run or run_of()
    sink = target.sink()
    sink.open(run)
    sink.commit(plan(period))
    sink.write(0, batch_of(rows, run.dataset))
    sink.commit(Checkpoint(entries={}, period=period))
    sink.finish()
    sink.close()


def generation(number: int, size: int) -> list[dict[str, Any]]:
    """Return the rows that a server has at a time; each generation has others."""
    return [visit(f"{number}-{i}", i) for i in range(size)]


def write_generation(target: Target, number: int, size: int, started: Connection) -> None:
    """Write rows in many small commits, or go on where a killed process left off."""
    sink = target.sink()
    period = Period(0, size)
    entries = sink.open(run_of())
    started.send(os.getpid())
    rows = generation(number, size)
    # A value of another generation is that of a run that has ended.
    of, done = msgspec.json.decode(entries.get("unit/0", "[-1, 0]"))
    if of != number:
        done = 0
        sink.commit(Checkpoint(entries={"unit/0": f"[{number}, 0]"}, period=period))
    for i in range(done, size, 7):
        sink.write(0, batch_of(rows[i : i + 7]))
        entry = f"[{number}, {min(i + 7, size)}]"
        sink.commit(Checkpoint(entries={"unit/0": entry}, period=period))
    sink.finish()
    sink.close()
