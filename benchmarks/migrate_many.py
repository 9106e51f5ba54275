"""Migrating many content items at once, between servers that take 25 ms for a response.

Builds end with their first poll. Each of the two builds of an item still takes two calls, and holds
one of the places for builds meanwhile: with 4 places, these calls alone take 25 ms of each item. So
the ratio is measured with 4 places, and with so many that builds do not wait for each other.
"""

from __future__ import annotations

import sys

from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Spread
from benchmarks._migrate_worker import MigrateJob, migrate_in_process
from benchmarks._migrating import LATENCY

ITEMS = 500
SIZE = 2_000_000
BY_SCRIPT = 25
TARGET = 25.0
MOST_MEMORY = 40.0
_MB = 1024 * 1024


async def migrate_many(run: Run) -> None:
    """Compare with a script that makes the same calls for one item after the other."""
    for builds in (4, 64):
        await _migrate(run, builds)


async def _migrate(run: Run, builds: int) -> None:
    items = run.settings.size(ITEMS, 100)
    job = MigrateJob(
        items=items,
        by_script=run.settings.size(BY_SCRIPT, 5),
        size=SIZE,
        latency=LATENCY,
        builds=builds,
        uvloop=run.settings.uvloop,
    )
    costs = [await migrate_in_process(job) for _ in range(run.settings.size(3, 1))]
    for cost in costs:
        script, ours = cost.script.wall / job.by_script, cost.run.wall / items
        run.say("an item by the script, ms; requests", f"{_ms(script)}; {cost.script_requests:.1f}")
        run.say("an item by the run, ms; requests", f"{_ms(ours)}; {cost.run_requests:.1f}")
        run.say("CPU of this process for an item, ms", _ms(cost.run.cpu / items))
        run.say(f"the plan of {items} items, s", f"{cost.plan.wall:.1f}")
    ratio = Spread.of(
        (cost.script.wall / job.by_script) / (cost.run.wall / items) for cost in costs
    )
    growth = Spread.of(cost.growth / _MB for cost in costs)
    what = f"{items} items of {SIZE // 10**6} MB, {job.calls} calls and {builds} builds at once"
    run.say(f"{what}: ratio", ratio)
    run.add(Figure(f"migrating {what}, to a script", ratio.median, TARGET))
    name = f"memory growth, migrating {what}"
    run.add(Figure(name, growth.median, at_most=MOST_MEMORY, unit="MB"))


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


if __name__ == "__main__":
    sys.exit(main(migrate_many))
