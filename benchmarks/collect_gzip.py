"""Collecting compressed pages, with and without the extra `speed`."""

from __future__ import annotations

import sys
from functools import partial
from importlib.util import find_spec

from benchmarks._byhand import by_hand
from benchmarks._collect_worker import Job, collect_in_process
from benchmarks._collecting import counted
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Span, Work, alternate, rate, speed_ratio
from benchmarks._series import end_of, period
from benchmarks._series_server import Spec, series_server
from benchmarks._server import PAGE


async def collect_gzip(run: Run) -> None:
    """Compare with a loop that throws the rows away, on asyncio and zlib."""
    rows = run.settings.size(400_000, 100_000)
    start, end = period("uniform")
    with series_server(Spec(rows=rows, gzip=True)) as server:

        async def ours(*, speed: bool) -> Span:
            first = end_of("uniform", rows, PAGE)
            job = Job(
                url=server.url,
                rows=rows,
                start=start,
                first=first,
                end=end,
                sink="jsonl",
                speed=speed,
            )
            return (await collect_in_process(job)).span

        sides: dict[str, Work] = {"plain": partial(ours, speed=False)}
        if find_spec("uvloop") and find_spec("isal"):
            sides["speed"] = partial(ours, speed=True)
        async with by_hand(server) as hand:
            sides["loop"] = counted(rows, hand.count_raw_visits)
            spans = await alternate(run.settings.size(5, 3), **sides)
    run.say("hand-written, rows/s", f"{rate(spans['loop'], rows):,.0f}")
    for name, label in (("plain", "without `speed`"), ("speed", "with `speed`")):
        if name in spans:
            ratio = speed_ratio(spans[name], spans["loop"])
            run.say(f"{label}, rows/s; ratio", f"{rate(spans[name], rows):,.0f}; {ratio}")
    if "speed" in spans:
        ratio = speed_ratio(spans["speed"], spans["plain"])
        run.say("gain by `speed`", ratio)
        name = "compressed visits to JSON lines, with `speed` to without"
        run.add(Figure(name, ratio.median, 1.3))


if __name__ == "__main__":
    sys.exit(main(collect_gzip))
