"""Memory while iterating visits: growth of the peak after the first page."""

from __future__ import annotations

import asyncio
import sys

from benchmarks._harness import Figure, Run, main
from benchmarks._server import PAGE, ROOT, last_time

_MB = 1024 * 1024


async def memory(run: Run) -> None:
    """Iterate over few and many rows, each in a new process."""
    few, many = run.settings.rows // 5, run.settings.rows
    growth = {rows: await _growth(run, rows) / _MB for rows in (few, many)}
    for rows, grown in growth.items():
        run.say(f"aconnect, {rows:,} rows, MB", f"{grown:.1f}")
    run.add(Figure(f"memory growth, {many:,} visits", growth[many], at_most=20.0, unit="MB"))
    # Two runs of the same size differ by about a megabyte.
    run.add(
        Figure(
            f"memory growth, {many:,} visits less {few:,}",
            growth[many] - growth[few],
            at_most=2.0,
            unit="MB",
        )
    )
    with run.fresh_posit() as worker:
        if worker is not None:
            rows = run.settings.posit_rows
            worker.growth(last_time(PAGE))
            grown = worker.growth(last_time(rows)) / _MB
            run.say(f"posit-sdk, {rows:,} rows, MB", f"{grown:.1f}")


async def _growth(run: Run, rows: int) -> int:
    server = run.server
    command = [sys.executable, "-m", "benchmarks._memory_worker", server.url, server.api_key]
    command += [str(rows), *(["uvloop"] if run.settings.uvloop else [])]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[1:3])} failed; its error is above")
    return int(told)


if __name__ == "__main__":
    sys.exit(main(memory))
