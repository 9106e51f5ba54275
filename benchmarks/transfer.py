"""Upload and download of a large bundle, each time in a new process."""

from __future__ import annotations

import sys
from functools import partial
from typing import Final, get_args

from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Span, alternate, speed_ratio
from benchmarks._transfer_server import transfer_server
from benchmarks._transfer_worker import Side, Transfer, What, transfer_in_process

_MB: Final = 1024 * 1024


async def transfer(run: Run) -> None:
    """Transfer to and from a server that does nothing else, without a disk."""
    size = run.settings.size(1024, 64)
    with transfer_server() as url:
        for what in get_args(What):
            await _compare(run, url, what, size)


async def _compare(run: Run, url: str, what: What, size: int) -> None:
    """Compare one type of transfer, of so many megabytes."""
    growth: dict[Side, list[int]] = {"aconnect": [], "aiohttp": []}

    async def span(side: Side) -> Span:
        cost = await transfer_in_process(
            Transfer(url=url, size=size * _MB, side=side, what=what, uvloop=run.settings.uvloop)
        )
        growth[side].append(cost.growth)
        return cost.span

    spans = await alternate(
        run.settings.size(15, 3), ours=partial(span, "aconnect"), theirs=partial(span, "aiohttp")
    )
    ratio = speed_ratio(spans["ours"], spans["theirs"])
    name = f"{what} of {size:,} MB"
    for side, label in (("ours", "aconnect"), ("theirs", "hand-written")):
        run.say(f"{name}, {label}", f"{max(size / span.wall for span in spans[side]):,.0f} MB/s")
    run.say(f"{name}, ratio to hand-written", ratio)
    run.add(Figure(f"{name}, to hand-written", ratio.median, at_least=0.8))
    most = max(growth["aconnect"]) / _MB
    run.add(Figure(f"memory growth, {name}", most, at_most=32.0, unit="MB"))


if __name__ == "__main__":
    sys.exit(main(transfer))
