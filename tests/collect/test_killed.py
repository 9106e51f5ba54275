"""A process that is killed while it collects, at any moment, for each format."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from aconnect import Client, collect
from aconnect.collect import Collection, RunReport
from aconnect.connect.instrumentation import ContentVisit
from aconnect.testing import FakeConnect, Seed

ROWS = 6000
KILLS = int(os.environ.get("ACONNECT_KILLS", "6"))
"""For each format; each takes about a second."""

# It commits often, so that there are many moments between two commits.
CHILD = """
import asyncio, sys
from aconnect import Client, collect
from aconnect.collect import writing

async def main(url, key, method, target):
    writing.COMMIT_SECONDS = 0.01
    async with Client(url, api_key=key) as client:
        visits = collect.visits(client, since_last=True, in_flight=4, page_size=100)
        print("begins", flush=True)
        await getattr(visits, method)(target)

asyncio.run(main(*sys.argv[1:]))
"""


def read_lines(path: Path) -> list[str]:
    import gzip

    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line)["id"] for line in text.splitlines()]


def read_csv(path: Path) -> list[str]:
    import csv

    with path.open(newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def read_parquet(path: Path) -> list[str]:
    dataset = pytest.importorskip("pyarrow.dataset")
    table = dataset.dataset(path / "visits", partitioning="hive").to_table(columns=["id"])
    return list(table["id"].to_pylist())


def read_duckdb(path: Path) -> list[str]:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(path)) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM visits").fetchall()]


Read = Callable[[Path], list[str]]
FORMATS: dict[str, tuple[str, str, Read]] = {
    "jsonl": ("to_jsonl", "visits.jsonl", read_lines),
    "gzip": ("to_jsonl", "visits.jsonl.gz", read_lines),
    "csv": ("to_csv", "visits.csv", read_csv),
    "parquet": ("to_parquet", "usage", read_parquet),
    "duckdb": ("to_duckdb", "usage.duckdb", read_duckdb),
    "postgres": ("to_postgres", "", read_lines),
}
NEEDED = {
    "parquet": ("pyarrow",),
    "duckdb": ("pyarrow", "duckdb"),
    "postgres": ("pyarrow", "adbc_driver_postgresql"),
}


class Output:
    """Where a format is written: paths of its own, or a table that is dropped to begin again."""

    def __init__(self, format_: str, folder: Path, uri: str) -> None:
        self.method, self._name, self._read = FORMATS[format_]
        self._folder = folder
        self._uri = uri
        self._number = 0

    @property
    def target(self) -> str:
        if self._uri:
            return self._uri
        folder = self._folder / str(self._number)
        folder.mkdir(exist_ok=True)
        return str(folder / self._name)

    def begin_again(self) -> None:
        self._number += 1
        if self._uri:
            execute(self._uri, "DROP TABLE visits", "DROP TABLE _aconnect")

    def read(self) -> list[str]:
        if self._uri:
            return [str(id_) for (id_,) in execute(self._uri, "SELECT id FROM visits")]
        return self._read(Path(self.target))


def execute(uri: str, *statements: str) -> list[tuple[object, ...]]:
    from adbc_driver_postgresql import dbapi

    rows: list[tuple[object, ...]] = []
    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else []
    return rows


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.timeout(600)
async def test_killed_and_resumed(
    format_: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed at any moment and repeated, the output has each row once."""
    for module in NEEDED.get(format_, ()):
        pytest.importorskip(module)
    uri = request.getfixturevalue("postgres") if format_ == "postgres" else ""
    output, random = Output(format_, tmp_path, uri), Random(format_)
    async with FakeConnect(Seed(visits=ROWS, old_rows=0)) as server:
        everything = tmp_path / "all.jsonl"
        await finish(server, "to_jsonl", str(everything))
        expected = sorted(read_lines(everything))
        assert len(set(expected)) == ROWS
        seconds = await run(server, output)
        output.begin_again()
        for _ in range(KILLS):
            await run(server, output, kill_after=random.uniform(0.0, seconds))
            if random.random() < 0.3:
                # A resumed run has less to do: begin again, so that all phases are killed.
                await finish(server, output.method, output.target)
                assert sorted(output.read()) == expected
                output.begin_again()
        await finish(server, output.method, output.target)
        assert sorted(output.read()) == expected
        output.begin_again()


async def finish(server: FakeConnect, method: str, target: str) -> RunReport:
    async with Client(server.url, api_key=server.api_key) as client:
        visits: Collection[ContentVisit] = collect.visits(client, since_last=True, page_size=100)
        report: RunReport = await getattr(visits, method)(target)
        return report


async def run(server: FakeConnect, output: Output, *, kill_after: float | None = None) -> float:
    """Collect in a process; kill it so many seconds after it has begun."""
    what = (server.url, server.api_key, output.method, output.target)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, *what, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begins\n"
    began = time.monotonic()
    if kill_after is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), kill_after)
        with suppress(ProcessLookupError):
            process.kill()
    code = await process.wait()
    assert code in {0, -9}
    return time.monotonic() - began
