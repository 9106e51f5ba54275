"""Planning a migration of many content items, between servers that take 25 ms for a response."""

from __future__ import annotations

import os
import sys

from aconnect import Client, migrate
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import timed
from benchmarks._migrating import (
    LATENCY,
    VARIABLE,
    mapping,
    new_server,
    old_server,
    plan_by_hand,
    requests,
)
from tests.migrate.kinds import CLEAN
from tests.serving import ServerProcess, running

ITEMS = 5000
BY_SCRIPT = 25
TARGET = 20.0
MOST_REQUESTS = 200


async def migrate_plan(run: Run) -> None:
    """Compare with a script that makes the same requests for one item after the other."""
    items = run.settings.size(ITEMS, 500)
    os.environ[VARIABLE] = "value"
    arguments = {"items": items, "kinds": [*CLEAN], "size": None}
    with (
        running(old_server, **arguments, latency=LATENCY) as old,
        running(new_server, latency=LATENCY) as new,
    ):
        async with (
            Client(old.url, old.api_key) as source,
            Client(new.url, new.api_key) as destination,
        ):
            found = (await source.content.find())[:BY_SCRIPT]

            async def one_by_one() -> None:
                for item in found:
                    await plan_by_hand(item)

            async def plan() -> None:
                made = await migrate.plan(source, destination, mapping=mapping())
                if len(made.items) != items:
                    raise RuntimeError(f"{len(made.items)} items were planned, and not {items}")

            script = await timed(one_by_one)()
            old.clear_counts()
            new.clear_counts()
            ours = await timed(plan)()
            for name, server in (("source", old), ("destination", new)):
                _count(run, name, server)
    script_seconds = script.wall / len(found) * items
    run.say(f"{items:,} items by the script, s", f"{script_seconds:.0f}")
    run.say(f"{items:,} items by the plan, s; CPU", f"{ours.wall:.1f}; {ours.cpu:.1f}")
    name = f"planning {items:,} items, to a script"
    run.add(Figure(name, script_seconds / ours.wall, TARGET))


def _count(run: Run, name: str, server: ServerProcess) -> None:
    """Print the requests of the plan, and count those that are not for each item."""
    kinds: dict[str, int] = server.ask(requests)
    once = {kind: number for kind, number in kinds.items() if "/v1/content/*/" not in kind}
    for kind, number in sorted(kinds.items(), key=lambda pair: -pair[1]):
        if kind not in once or run.settings.verbose:
            run.say(f"{name}: {kind}", f"{number:,}")
    run.add(
        Figure(
            f"requests to the {name} besides those for each item",
            sum(once.values()),
            at_most=MOST_REQUESTS,
            unit="",
        )
    )


if __name__ == "__main__":
    sys.exit(main(migrate_plan))
