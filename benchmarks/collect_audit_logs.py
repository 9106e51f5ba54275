"""Collecting audit logs from a server that takes 25 ms for a page."""

from __future__ import annotations

import sys
from typing import Any

from aconnect import Client, collect
from aconnect.collect import Collection
from benchmarks._byhand import by_hand
from benchmarks._collecting import collected, counted, to_jsonl
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, rate, speed_ratio
from benchmarks._series import period
from benchmarks._series_server import Spec, series_server
from benchmarks.collect_latency import LATENCY

TARGETS = {False: ("from both ends", 1.8), True: ("by searching, 16 in flight", 8.0)}
"""By whether the server can search."""


async def collect_audit_logs(run: Run) -> None:
    """Compare with a loop that follows the cursors, on servers with and without the search."""
    rows = run.settings.size(200_000, 20_000)
    # The loop takes the same time for each page, so some of them are enough.
    few = rows // 4
    start, end = period("uniform")
    for search, (how, target) in TARGETS.items():
        spec = Spec(kind="audit_logs", rows=rows, latency=LATENCY, search=search)
        with series_server(spec) as server:
            async with (
                Client(server.url, api_key=server.api_key) as client,
                by_hand(server) as hand,
            ):

                def logs() -> Collection[Any]:
                    return collect.audit_logs(client, from_=start, to=end)

                spans = await alternate(
                    run.settings.size(5, 3),
                    ours=collected(rows, to_jsonl, logs),
                    loop=counted(few, lambda: hand.count_audit_logs(few), of=rows),
                )
        ratio = speed_ratio(spans["ours"], spans["loop"])
        run.say(f"{how}, rows/s; ratio", f"{rate(spans['ours'], rows):,.0f}; {ratio}")
        run.add(Figure(f"audit logs {how}, to hand-written", ratio.median, target))


if __name__ == "__main__":
    sys.exit(main(collect_audit_logs))
