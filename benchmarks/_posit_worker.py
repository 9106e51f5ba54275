"""Does the same work with posit-sdk, in an environment that has only posit-sdk.

Arguments: the server's address and the key. Each line of standard input is a job as JSON, each line
of standard output its result.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks._peak import peak_bytes


def _gets(client: Any, guids: list[str], threads: int) -> None:
    if threads == 1:
        for guid in guids:
            client.users.get(guid)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(client.users.get, guids):
            pass


def _failures(client: Any, calls: int, threads: int) -> int:
    def fails(_: int) -> bool:
        try:
            # `client.me` is a property that makes a request each time.
            client.get("v1/user")
        except Exception:  # noqa: BLE001  whatever it raises, the call is lost
            return True
        return False

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(fails, range(calls)))


def _visits(client: Any, to: str) -> int:
    # `client.metrics.usage.find()` wraps every row again and also requests Shiny usage; this is the
    # fastest way to get visits that the package has.
    visits = importlib.import_module("posit.connect.metrics.visits").Visits(
        client._ctx  # noqa: SLF001  posit-sdk has no public way
    )
    count = 0
    for _visit in visits.find(end=to):
        count += 1
    return count


_RECIPES: dict[str, Callable[[Any], Any]] = {
    "permissions": lambda item: item.permissions.find(),
    "jobs": lambda item: list(item.jobs.fetch()),
    "bundles": lambda item: item.bundles.find(),
    "environment_variables": lambda item: item.environment_variables.find(),
}


def _recipe(client: Any, name: str) -> int:
    items = client.content.find()
    for item in items:
        _RECIPES[name](item)
    return len(items)


def main() -> None:
    """Run jobs until standard input ends."""
    url, api_key = sys.argv[1:]
    client = importlib.import_module("posit.connect").Client(url, api_key)
    for line in sys.stdin:
        job = json.loads(line)
        peak, cpu, wall = peak_bytes(), time.process_time(), time.perf_counter()
        count = None
        if job["do"] == "gets":
            _gets(client, job["guids"], job["threads"])
        elif job["do"] == "mine":
            count = _failures(client, job["calls"], job["threads"])
        elif job["do"] == "recipe":
            count = _recipe(client, job["name"])
        else:
            count = _visits(client, job["to"])
        outcome = {
            "wall": time.perf_counter() - wall,
            "cpu": time.process_time() - cpu,
            "growth": peak_bytes() - peak,
            "count": count,
        }
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
