"""Small GETs of canned responses, 64 in flight: the client alone on its core."""

from __future__ import annotations

import sys
from functools import partial
from uuid import UUID

import aiohttp
import msgspec
from msgspec import Struct

from aconnect import Client
from aconnect.connect import ContentItem
from benchmarks._canned_server import canned_server
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, extra_cpu, fan_out, rate, speed_ratio, timed

IN_FLIGHT = 64
QUERY = "include=owner%2Ctags%2Cvanity_url"
"""What `content.get` requests by default, so that all sides send the same."""


class FourFields(Struct):
    """The fields of a content item that a small script decodes."""

    guid: str
    name: str
    title: str | None = None
    owner_guid: str | None = None


async def canned_gets(run: Run) -> None:
    """Get content items with this library and with hand-written loops."""
    count = 20 * IN_FLIGHT
    rounds = run.settings.size(101, 21)
    server = run.server
    async with Client(server.url, api_key=server.api_key) as client:
        guid = (await client.content.find())[0].guid
        body = (await client.with_response(client.content.get, guid)).body
    few, same = msgspec.json.Decoder(FourFields).decode, msgspec.json.Decoder(ContentItem).decode
    with canned_server(body) as canned:
        run.say("server", canned.kind)
        headers = {"Authorization": "Key fake"}
        async with (
            Client(canned.url, api_key="fake") as client,
            aiohttp.ClientSession(headers=headers) as session,
        ):
            root = client.api_root

            async def four_fields(guid: str) -> FourFields:
                async with session.get(f"{root}/v1/content/{guid}?{QUERY}") as response:
                    return few(await response.read())

            async def same_model(guid: str) -> ContentItem:
                async with session.get(f"{root}/v1/content/{guid}?{QUERY}") as response:
                    return same(await response.read())

            # As in a bulk job, no two items in a row are the same.
            guids = [str(UUID(int=number)) for number in range(1 << 64, (1 << 64) + count)]
            sides = {
                "ours": timed(partial(fan_out, client.content.get, guids, IN_FLIGHT)),
                "same": timed(partial(fan_out, same_model, guids, IN_FLIGHT)),
                "few": timed(partial(fan_out, four_fields, guids, IN_FLIGHT)),
            }
            await alternate(3, **sides)
            spans = await alternate(rounds, **sides)
    for name, label in (("few", "four fields"), ("same", "the same model"), ("ours", "aconnect")):
        run.say(f"{label}, calls/s", f"{rate(spans[name], count):,.0f}")
    ratio = speed_ratio(spans["ours"], spans["same"])
    run.say("ratio to the loop with the same model", ratio)
    run.say("the same by CPU time", speed_ratio(spans["ours"], spans["same"], cpu=True))
    run.say("ratio to the loop with four fields", speed_ratio(spans["ours"], spans["few"]))
    run.say("own CPU per call, µs", extra_cpu(spans["ours"], spans["same"], count))
    run.add(Figure(f"canned GETs, {IN_FLIGHT} in flight, to the same model", ratio.median, 0.95))


if __name__ == "__main__":
    sys.exit(main(canned_gets))
