"""Iterates over visits in a new process and prints the growth of its peak memory in bytes.

Arguments: the server's address, the key, the number of rows, and optionally `uvloop`.
"""

import asyncio
import importlib
import sys

from aconnect import Client
from benchmarks._peak import peak_bytes
from benchmarks._server import PAGE, last_time


async def _iterate(url: str, api_key: str, rows: int) -> int:
    async with Client(url, api_key=api_key) as client:
        # The first page includes one-time costs: connections, decoders, buffers.
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
    """Parse the arguments and iterate."""
    url, api_key, rows, *loop = sys.argv[1:]
    factory = importlib.import_module("uvloop").new_event_loop if loop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        print(runner.run(_iterate(url, api_key, int(rows))))


if __name__ == "__main__":
    main()
