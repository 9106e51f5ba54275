"""Collecting visits from a server that takes no time, into files and databases."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

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
from benchmarks._series import period
from benchmarks._series_server import Spec, series_server

TARGETS = {"JSON lines": 1.5, "Parquet": 0.5}


async def collect_sinks(run: Run) -> None:
    """Compare with a loop that throws the rows away."""
    rows = run.settings.size(400_000, 100_000)
    start, end = period("uniform")
    with series_server(Spec(rows=rows)) as server, _postgres(run) as uri:
        async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:

            def visits() -> Collection:
                return collect.visits(client, from_=start, to=end)

            sinks: dict[str, Collect] = {"nothing": count, "JSON lines": to_jsonl}
            if find_spec("pyarrow"):
                sinks["Parquet"] = to_parquet
            if find_spec("duckdb"):
                sinks["DuckDB"] = to_duckdb
            if uri is not None:
                sinks["PostgreSQL"] = partial(_to_postgres, uri)
            sides = {name: collected(rows, sink, visits) for name, sink in sinks.items()}
            sides["loop"] = counted(rows, hand.count_raw_visits)
            sides["decoding loop"] = counted(rows, hand.count_visits)
            await alternate(1, **sides)
            spans = await alternate(run.settings.size(5, 3), **sides)
    run.say("hand-written, rows/s", f"{rate(spans['loop'], rows):,.0f}")
    run.say("hand-written with decoded rows, rows/s", f"{rate(spans['decoding loop'], rows):,.0f}")
    for name in sinks:
        ratio = speed_ratio(spans[name], spans["loop"])
        speed = f"{rate(spans[name], rows):,.0f}; {ratio}; {busy(spans[name]):.2f}"
        run.say(f"to {name}, rows/s; ratio; cores used", speed)
        if name in TARGETS:
            run.add(Figure(f"visits to {name}, to hand-written", ratio.median, TARGETS[name]))


async def _to_postgres(uri: str, collection: Collection, folder: Path) -> int:
    return (await collection.to_postgres(uri)).rows


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
