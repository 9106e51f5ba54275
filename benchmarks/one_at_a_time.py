"""Small GETs, one at a time: the CPU time of the library itself."""

from __future__ import annotations

import sys
from functools import partial
from itertools import cycle, islice

from aconnect import Client
from benchmarks._byhand import by_hand
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, extra_cpu, fan_out, rate, speed_ratio, timed


async def one_at_a_time(run: Run) -> None:
    """Get users one at a time, in many short rounds, so that disturbances cancel out."""
    count = 100
    rounds = run.settings.size(301, 61)
    server = run.server
    async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:
        known = [user.guid async for user in client.users.find()]
        guids = list(islice(cycle(known), count))
        ours = timed(partial(fan_out, client.users.get, guids, 1))
        theirs = timed(partial(fan_out, hand.get_user, guids, 1))
        await alternate(3, ours=ours, theirs=theirs)
        spans = await alternate(rounds, ours=ours, theirs=theirs)
        own = extra_cpu(spans["ours"], spans["theirs"], count)
        run.say("hand-written, calls/s", f"{rate(spans['theirs'], count):,.0f}")
        run.say("aconnect, calls/s", f"{rate(spans['ours'], count):,.0f}")
        run.say("ratio to hand-written", speed_ratio(spans["ours"], spans["theirs"]))
        cpu = min(span.cpu for span in spans["theirs"]) / count * 1e6
        run.say("hand-written, least CPU per call", f"{cpu:.0f} µs")
        run.say("the library's own CPU per call, µs", own)
        run.add(Figure("own CPU per call, one at a time", own.median, at_most=20.0, unit="µs"))
        if run.posit is not None:
            worker = run.posit
            await worker.gets(guids[:5], 1)
            spans = await alternate(5, ours=ours, posit=partial(worker.gets, guids, 1))
            run.say("posit-sdk, calls/s", f"{rate(spans['posit'], count):,.0f}")
            run.say("ratio to posit-sdk", speed_ratio(spans["ours"], spans["posit"]))


if __name__ == "__main__":
    sys.exit(main(one_at_a_time))
