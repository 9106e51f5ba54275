"""Rows for the tests of files, and what a folder of Parquet files has."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.sink import Checkpoint, Period, Run, Source, as_datetime

DAY = 86_400_000_000
SECOND = 1_000_000
T0 = 20_149 * DAY
"""2025-03-02, in microseconds since 1970."""


def visit(name: str, time: int | None, **others: Any) -> dict[str, Any]:
    shown = None if time is None else as_datetime(time).isoformat().replace("+00:00", "Z")
    return {"id": name, "time": shown, "content_guid": "c", **others}


def session(user: str, started: int, ended: int | None = None, version: int = 1) -> dict[str, Any]:
    return {
        "content_guid": "c",
        "user_guid": user,
        "started": as_datetime(started).isoformat(),
        "ended": None if ended is None else as_datetime(ended).isoformat(),
        "data_version": version,
    }


def batch(
    rows: Iterable[dict[str, Any]], dataset: Dataset = VISITS, *, supersedes: bool = False
) -> Batch[Any]:
    raw = [msgspec.Raw(msgspec.json.encode(row)) for row in rows]
    return Batch(dataset, raw, supersedes=supersedes)


def run_of(dataset: Dataset = VISITS, server: str = "https://c.example", **others: Any) -> Run:
    source = Source(server=server, dataset=dataset.name)
    return Run(source=source, dataset=dataset, **others)


def checkpoint(period: Period | None = None, **entries: str | None) -> Checkpoint:
    return Checkpoint(entries=entries, period=period)


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))


def rows_in(folder: Path, *columns: str) -> Counter[Any]:
    """Return the rows of all Parquet files in a folder, each with the date of its file."""
    found: Counter[Any] = Counter()
    for path in folder.rglob("*.parquet"):
        date = path.parent.name.removeprefix("date=")
        for row in pq.ParquetFile(path).read(list(columns or ["id"])).to_pylist():
            found[date, *row.values()] += 1
    return found
