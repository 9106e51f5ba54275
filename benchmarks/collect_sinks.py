"""Collecting visits from a server that takes no time, into files and databases."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from aconnect import Client, collect
from aconnect.collect import Collection
from benchmarks._byhand import by_hand
from benchmarks._collecting import (
    Collect,
    collected,
    count,
    counted,
    to_duckdb,
    to_jsonl,
    to_parquet,
)
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, busy, rate, speed_ratio
from benchmarks._series import Shape, period
from benchmarks._series_server import Spec, series_server

TARGETS = {"JSON lines": 1.5, "Parquet": 0.5}


async def collect_sinks(run: Run) -> None:
    """Compare with loops that throw the rows away."""
    with _postgres(run) as uri:
        sinks: dict[str, Collect] = {"nothing": count, "JSON lines": to_jsonl}
        if find_spec("pyarrow"):
            sinks["Parquet"] = to_parquet
        if find_spec("duckdb"):
            sinks["DuckDB"] = to_duckdb
        if uri is not None:
            sinks["PostgreSQL"] = partial(_to_postgres, uri)
        await _compare(run, "fortnight", sinks, TARGETS)
        # With a file for each of 365 days.
        await _compare(run, "uniform", {"Parquet": to_parquet} if "Parquet" in sinks else {}, {})


async def _compare(
    run: Run, shape: Shape, sinks: dict[str, Collect], targets: dict[str, float]
) -> None:
    rows = run.settings.size(400_000, 100_000)
    start, end = period(shape)
    with series_server(Spec(rows=rows, shape=shape)) as server:
        async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:

            def visits() -> Collection[Any]:
                return collect.visits(client, from_=start, to=end)

            sides = {name: collected(rows, sink, visits) for name, sink in sinks.items()}
            sides["raw loop"] = counted(rows, hand.count_raw_visits)
            sides["loop"] = counted(rows, hand.count_visits)
            await alternate(1, **sides)
            spans = await alternate(run.settings.size(5, 3), **sides)
    run.say(f"{shape}: hand-written, rows/s", f"{rate(spans['loop'], rows):,.0f}")
    run.say(f"{shape}: the same without decoding rows", f"{rate(spans['raw loop'], rows):,.0f}")
    for name in sinks:
        ratio, raw = (speed_ratio(spans[name], spans[loop]) for loop in ("loop", "raw loop"))
        run.say(f"{shape}: to {name}, rows/s", f"{rate(spans[name], rows):,.0f}")
        run.say(
            "    ratio to hand-written; without decoding; cores",
            f"{ratio}; {raw}; {busy(spans[name]):.2f}",
        )
        if name in targets:
            run.add(Figure(f"visits to {name}, to hand-written", ratio.median, targets[name]))


async def _to_postgres(uri: str, collection: Collection[Any], _: Path) -> int:
    return (await collection.to_postgres(uri, table=f"visits_{time.time_ns()}")).rows


@contextmanager
def _postgres(run: Run) -> Iterator[str | None]:
    """Return the address of the database to write to, or None if there is none."""
    with ExitStack() as stack:
        uri = run.settings.postgres
        if uri is None and find_spec("adbc_driver_postgresql"):
            try:
                from tests.postgres import running_postgres

                uri = stack.enter_context(running_postgres())
            except (ImportError, pytest.skip.Exception) as error:
                print(f"going on without PostgreSQL: {error}")
        yield uri


if __name__ == "__main__":
    sys.exit(main(collect_sinks))
