"""Shared by the benchmarks of collecting: measuring it, and checking that it is complete."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from aconnect.collect import Collection
from benchmarks._measuring import Span, Work, timed

Collect = Callable[[Collection[Any], Path], Awaitable[int]]
"""Collects into a new folder, and returns the number of rows."""


async def count(collection: Collection[Any], _: Path) -> int:
    """Throw the rows away."""
    return sum([len(batch) async for batch in collection])


async def to_jsonl(collection: Collection[Any], folder: Path) -> int:
    return (await collection.to_jsonl(folder / "rows.jsonl")).rows


async def to_parquet(collection: Collection[Any], folder: Path) -> int:
    return (await collection.to_parquet(folder / "rows")).rows


async def to_duckdb(collection: Collection[Any], folder: Path) -> int:
    return (await collection.to_duckdb(folder / "rows.duckdb")).rows


def collected(rows: int, work: Collect, collection: Callable[[], Collection[Any]]) -> Work:
    """Measure collecting, each time into a new folder, and check that it is complete."""

    async def run() -> Span:
        # Deleting what was written is not part of it.
        with tempfile.TemporaryDirectory(prefix="aconnect-bench-") as folder:
            return await counted(rows, lambda: work(collection(), Path(folder)))()

    return run


def counted(rows: int, work: Callable[[], Awaitable[int]], *, of: int | None = None) -> Work:
    """Measure a loop and check that it is complete.

    One that takes the same time for each page may read fewer rows; `of` is the number of rows that
    its time is extrapolated to.
    """

    async def run() -> Span:
        return scaled(await timed(partial(_checked, rows, work))(), (of or rows) / rows)

    return run


def scaled(span: Span, factor: float) -> Span:
    """Return the time of as many times the rows."""
    return Span(span.wall * factor, span.cpu * factor)


async def _checked(rows: int, work: Callable[[], Awaitable[int]]) -> None:
    came = await work()
    if came != rows:
        raise RuntimeError(f"{came} rows came of {rows}; the comparison would mean nothing")
