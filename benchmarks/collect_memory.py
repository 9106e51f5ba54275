"""Memory and time while collecting few visits and many, each time in a new process."""

from __future__ import annotations

import sys

from benchmarks._collect_worker import Job, collect_in_process
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Spread
from benchmarks._series import end_of, period
from benchmarks._series_server import Spec, series_server
from benchmarks._server import PAGE

_MB = 1024 * 1024


async def collect_memory(run: Run) -> None:
    """Collect the first rows of one long series, 16 requests in flight."""
    most = run.settings.size(10_000_000, 1_000_000)
    start, _ = period("uniform")
    with series_server(Spec(rows=most)) as server:
        for sink in ("jsonl", "parquet"):
            growth, cost = {}, {}
            for rows, rounds in ((most // 100, 5), (most // 10, 1), (most, 1)):
                job = Job(
                    url=server.url,
                    rows=rows,
                    start=start,
                    first=end_of("uniform", most, PAGE),
                    end=end_of("uniform", most, rows),
                    sink=sink,
                )
                costs = [await collect_in_process(job) for _ in range(rounds)]
                growth[rows] = Spread.of(cost.growth / _MB for cost in costs).median
                cost[rows] = Spread.of(cost.span.cpu / rows * 1e6 for cost in costs).median
                speed = Spread.of(rows / cost.span.wall for cost in costs).median
                what = f"{growth[rows]:.1f} MB, {cost[rows]:.2f} µs of CPU, {speed:,.0f} rows/s"
                run.say(f"{rows:,} rows to {sink}", what)
            for rows in (most // 10, most):
                name = f"memory growth, {rows:,} visits to {sink}"
                run.add(Figure(name, growth[rows], at_most=60.0, unit="MB"))
            name = f"time per row to {sink}, {most:,} visits to {most // 100:,}"
            run.add(Figure(name, cost[most] / cost[most // 100], at_most=1.1))


if __name__ == "__main__":
    sys.exit(main(collect_memory))
