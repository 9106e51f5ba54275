"""Iterating over visits."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from functools import partial

from aconnect import Client, Paged
from aconnect.connect import ContentVisit
from benchmarks._byhand import by_hand
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Work, alternate, best_ratio, busy, rate, speed_ratio, timed
from benchmarks._server import last_time


async def _rows(visits: Paged[ContentVisit]) -> int:
    count = 0
    async for _visit in visits:
        count += 1
    return count


async def _pages(visits: Paged[ContentVisit]) -> int:
    count = 0
    async for page in visits.pages():
        for _visit in page.items:
            count += 1
    return count


async def _raw(visits: Paged[ContentVisit]) -> int:
    return sum([len(page) async for page in visits.raw().pages()])


def _counted(rows: int, count: Callable[[], Awaitable[int]]) -> Work:
    """Measure an iteration and check that it is complete."""

    async def run() -> None:
        came = await count()
        if came != rows:
            raise RuntimeError(f"{came} visits came of {rows}; the comparison would mean nothing")

    return timed(run)


async def visits(run: Run) -> None:
    """Iterate over all rows, in each of the possible ways."""
    rows, rounds = run.settings.rows, run.settings.size(7, 7)
    server = run.server
    async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:
        query = client.instrumentation.visits()
        ours = _counted(rows, partial(_rows, query))
        theirs = _counted(rows, hand.count_visits)
        # The server encodes each page once, before the measurement.
        await hand.count_visits()
        spans = await alternate(rounds, ours=ours, theirs=theirs)
        ratio = speed_ratio(spans["ours"], spans["theirs"])
        run.say("hand-written, rows/s", f"{rate(spans['theirs'], rows):,.0f}")
        run.say("aconnect, rows/s", f"{rate(spans['ours'], rows):,.0f}")
        run.say("ratio to hand-written", ratio)
        run.say("ratio of the best rounds", best_ratio(spans["ours"], spans["theirs"]))
        run.say("ratio by CPU time", speed_ratio(spans["ours"], spans["theirs"], cpu=True))
        run.say("part of the time that the client was busy", f"{busy(spans['ours']):.2f}")
        run.add(Figure(f"iterating {rows:,} visits, to hand-written", ratio.median, 0.80))
        spans = await alternate(
            run.settings.size(3, 3),
            ahead=_counted(rows, partial(_rows, query.prefetch(2))),
            pages=_counted(rows, partial(_pages, query)),
            raw=_counted(rows, partial(_raw, query)),
            raw_ahead=_counted(rows, partial(_raw, query.prefetch(2))),
            theirs=theirs,
            theirs_raw=_counted(rows, hand.count_raw_visits),
        )
        for name, what in (
            ("ahead", "rows, prefetch(2)"),
            ("pages", "rows of whole pages"),
            ("raw", "raw pages"),
            ("raw_ahead", "raw pages, prefetch(2)"),
        ):
            ratio = speed_ratio(spans[name], spans["theirs"])
            speed = rate(spans[name], rows)
            run.say(f"{what}, rows/s and ratio to hand-written rows", f"{speed:,.0f}; {ratio}")
        run.say(
            "raw pages, ratio to hand-written raw pages",
            speed_ratio(spans["raw"], spans["theirs_raw"]),
        )
        await _against_posit(run, client)


async def _against_posit(run: Run, client: Client) -> None:
    if run.posit is None:
        return
    worker, rows = run.posit, run.settings.posit_rows
    to = last_time(rows)
    ours = _counted(rows, partial(_rows, client.instrumentation.visits(to=to)))
    await ours()
    await worker.visits(last_time(500))
    spans = await alternate(3, ours=ours, posit=partial(worker.visits, to))
    ratio = speed_ratio(spans["ours"], spans["posit"])
    run.say(f"posit-sdk, {rows:,} rows, rows/s", f"{rate(spans['posit'], rows):,.0f}")
    run.say(f"aconnect, {rows:,} rows, rows/s", f"{rate(spans['ours'], rows):,.0f}")
    run.say("ratio to posit-sdk", ratio)
    run.add(Figure(f"iterating {rows:,} visits, to posit-sdk", ratio.median, 4.0))


if __name__ == "__main__":
    sys.exit(main(visits))
