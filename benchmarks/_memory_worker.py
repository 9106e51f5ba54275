"""Iterates visits in a fresh process and prints by how many bytes its peak has grown.

Arguments: the server's address, the key, how many rows, and `uvloop` if that is to be used.
"""

import asyncio
import importlib
import sys

from aconnect import Client
from benchmarks._peak import peak_bytes
from benchmarks._server import PAGE, last_time


async def _iterate(url: str, api_key: str, rows: int) -> int:
    async with Client(url, api_key=api_key) as client:
        # One page warms up what every use costs once: connections, decoders, buffers.
        await client.instrumentation.visits(to=last_time(PAGE))
        before = peak_bytes()
        count = 0
        async for _visit in client.instrumentation.visits(to=last_time(rows)):
            count += 1
        growth = peak_bytes() - before
    if count != rows:
        raise RuntimeError(f"{count} visits came of {rows}")
    return growth


def main() -> None:
    """Read the arguments and iterate."""
    url, api_key, rows, *loop = sys.argv[1:]
    factory = importlib.import_module("uvloop").new_event_loop if loop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        print(runner.run(_iterate(url, api_key, int(rows))))


if __name__ == "__main__":
    main()
