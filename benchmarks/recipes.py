"""Recipes with a request for each item: all permissions, all jobs, all bundles, all variables."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aconnect import Client
from aconnect.concurrency import amap
from aconnect.connect import ContentItem
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Span, Spread, alternate, speed_ratio, timed
from benchmarks._server import Server, with_content
from tests.serving import running

IN_FLIGHT: Final = 64
TARGET: Final = 5.0
CASES: Final = ((100, 0.020), (300, 0.050))
"""The number of content items, and the seconds that the server takes for a response."""

RECIPES: Final[Mapping[str, Callable[[ContentItem], Awaitable[Any]]]] = {
    "permissions": lambda item: item.permissions.find(),
    "jobs": lambda item: item.jobs.find(),
    "bundles": lambda item: item.bundles.find(),
    "environment_variables": lambda item: item.environment_variables.find(),
}


async def recipes(run: Run) -> None:
    """Compare with posit-sdk, whose users write a loop over all content."""
    for items, latency in CASES[: run.settings.size(2, 1)]:
        with (
            running(with_content, items=items, latency=latency) as fake,
            run.fresh_posit(Server(fake.url, fake.api_key)) as posit,
        ):
            if posit is None:
                return
            async with Client(fake.url, fake.api_key) as client:
                for name, read in RECIPES.items():

                    async def ours(read: Callable[[ContentItem], Awaitable[Any]] = read) -> None:
                        await amap(read, client.content.find(), limit=IN_FLIGHT)

                    async def theirs(name: str = name, items: int = items) -> Span:
                        return await posit.recipe(name, items)

                    spans = await alternate(run.settings.size(3, 1), ours=timed(ours), posit=theirs)
                    ratio = speed_ratio(spans["ours"], spans["posit"])
                    seconds = Spread.of(span.wall for span in spans["ours"])
                    title = f"{name} of {items} items at {latency * 1000:.0f} ms"
                    run.say(f"{title}, s", seconds)
                    run.add(Figure(f"{title}, to posit-sdk", ratio.median, at_least=TARGET))


if __name__ == "__main__":
    sys.exit(main(recipes))
