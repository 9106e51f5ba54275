"""Listing content: decoding 2,000 items and binding them to the client."""

from __future__ import annotations

import sys

from aconnect import Client
from benchmarks._byhand import by_hand
from benchmarks._canned import CannedClient
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Spread, Work, alternate, best_ratio, speed_ratio, timed
from benchmarks._server import CONTENT


def _listed(client: Client) -> Work:
    """Measure a listing and check that it is complete."""

    async def run() -> None:
        if len(await client.content.find()) != CONTENT:
            raise RuntimeError("not all content came")

    return timed(run)


async def content_list(run: Run) -> None:
    """List all content, from the server and from a canned response."""
    server = run.server
    rounds = run.settings.size(51, 21)
    async with Client(server.url, api_key=server.api_key) as client, by_hand(server) as hand:
        body = await hand.body("/v1/content")
        async with CannedClient(body) as canned:

            async def bare() -> None:
                hand.content.decode(body)

            spans = await alternate(rounds, ours=_listed(canned), bare=timed(bare))

        async def by_hand_listed() -> None:
            hand.content.decode(await hand.body("/v1/content"))

        cost = speed_ratio(spans["bare"], spans["ours"])
        milliseconds = Spread.of(span.wall * 1e3 for span in spans["ours"])
        run.say(f"decoding and binding {CONTENT:,} items, ms", milliseconds)
        run.say("time to that of a bare decode", cost)
        run.say("the same of the best rounds", best_ratio(spans["bare"], spans["ours"]))
        run.add(Figure(f"decoding {CONTENT:,} items to a bare decode", cost.median, at_most=1.5))
        spans = await alternate(rounds, ours=_listed(client), theirs=timed(by_hand_listed))
        run.say("whole call, speed to hand-written", speed_ratio(spans["ours"], spans["theirs"]))


if __name__ == "__main__":
    sys.exit(main(content_list))
