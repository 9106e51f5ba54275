"""Small GETs, 64 in flight."""

from __future__ import annotations

import sys
from functools import partial
from itertools import cycle, islice

from aconnect import Client
from benchmarks._byhand import by_hand
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import (
    Span,
    alternate,
    best_ratio,
    busy,
    fan_out,
    rate,
    speed_ratio,
    timed,
)

IN_FLIGHT = 64
# What takes posit-sdk a second takes too little time here to be measured well.
_TIMES = 5


async def small_gets(run: Run) -> None:
    """Get users, with as many calls in flight as posit-sdk has threads."""
    # Many short rounds: a disturbance then affects few of them.
    count = 10 * IN_FLIGHT
    rounds = run.settings.size(101, 21)
    server = run.server
    async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:
        # One page is enough; the server has few users.
        known = [user.guid async for user in client.users.find()]
        guids = list(islice(cycle(known), count))
        ours = timed(partial(fan_out, client.users.get, guids, IN_FLIGHT))
        theirs = timed(partial(fan_out, hand.get_user, guids, IN_FLIGHT))
        await alternate(1, ours=ours, theirs=theirs)
        spans = await alternate(rounds, ours=ours, theirs=theirs)
        ratio = speed_ratio(spans["ours"], spans["theirs"])
        run.say("hand-written, calls/s", f"{rate(spans['theirs'], count):,.0f}")
        run.say("aconnect, calls/s", f"{rate(spans['ours'], count):,.0f}")
        run.say("ratio to hand-written", ratio)
        run.say("ratio of the best rounds", best_ratio(spans["ours"], spans["theirs"]))
        run.say("ratio by CPU time", speed_ratio(spans["ours"], spans["theirs"], cpu=True))
        run.say("part of the time that the client was busy", f"{busy(spans['ours']):.2f}")
        run.add(Figure(f"small GETs, {IN_FLIGHT} in flight, to hand-written", ratio.median, 0.90))
        await _against_posit(run, client, known)


async def _against_posit(run: Run, client: Client, known: list[str]) -> None:
    if run.posit is None:
        return
    worker = run.posit
    count = run.settings.size(1600, 1280)
    few = list(islice(cycle(known), count))
    ours = timed(partial(fan_out, client.users.get, few * _TIMES, IN_FLIGHT))

    async def ours_per_count() -> Span:
        span = await ours()
        return Span(span.wall / _TIMES, span.cpu / _TIMES)

    await worker.gets(few[:IN_FLIGHT], IN_FLIGHT)
    spans = await alternate(5, ours=ours_per_count, posit=partial(worker.gets, few, IN_FLIGHT))
    ratio = speed_ratio(spans["ours"], spans["posit"])
    run.say("posit-sdk in 64 threads, calls/s", f"{rate(spans['posit'], count):,.0f}")
    run.say("ratio to posit-sdk", ratio)
    run.add(Figure(f"small GETs, {IN_FLIGHT} in flight, to posit-sdk", ratio.median, 7.0))


if __name__ == "__main__":
    sys.exit(main(small_gets))
