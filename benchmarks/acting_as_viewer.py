"""A request of a FastAPI service that acts as its viewer, relative to one plain call."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from aconnect import Client
from aconnect.connect.viewers import USER_SESSION_TOKEN
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import Spread, Work, alternate, speed_ratio, timed
from benchmarks._server import ROOT, viewer_of_content, with_content
from tests.serving import ServerProcess, running

TARGET: Final = 1.1
LATENCIES: Final = (0.020, 0.0)


async def acting_as_viewer(run: Run) -> None:
    """Compare with the same endpoint that makes its call with the owner's key."""
    calls, rounds = run.settings.size(50, 10), run.settings.size(21, 5)
    for latency in LATENCIES:
        with running(with_content, items=1, latency=latency) as fake:
            told = fake.ask(viewer_of_content)
            async with (
                service(fake, told["guid"]) as url,
                aiohttp.ClientSession(headers={USER_SESSION_TOKEN: told["token"]}) as browser,
                Client(fake.url, fake.api_key) as client,
            ):
                if await text(browser, f"{url}/viewer") != '"viewer"':
                    raise RuntimeError("the service does not act as its viewer")
                fake.clear_counts()
                spans = await alternate(
                    rounds,
                    viewer=times(calls, lambda: text(browser, f"{url}/viewer")),
                    plain=times(calls, lambda: text(browser, f"{url}/plain")),
                    call=times(calls, client.me),
                )
                requests = fake.count() / (3 * calls * rounds)
        milliseconds = {
            name: Spread.of(span.wall / calls * 1e3 for span in side)
            for name, side in spans.items()
        }
        title = f"server with {latency * 1000:.0f} ms"
        for name, spread in milliseconds.items():
            run.say(f"{title}: {name}, ms", spread)
        run.say(f"{title}: requests to Connect for each", f"{requests:.2f}")
        ratio = speed_ratio(spans["plain"], spans["viewer"])
        run.add(Figure(f"{title}: viewer to plain endpoint", ratio.median, at_most=TARGET))
        if latency:
            ratio = speed_ratio(spans["call"], spans["viewer"])
            run.add(Figure(f"{title}: viewer to one call", ratio.median, at_most=TARGET))


@asynccontextmanager
async def service(server: ServerProcess, guid: str) -> AsyncGenerator[str, None]:
    """Run the service in a process of its own, as Connect does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "benchmarks._viewers_app:app"]
    command += ["--port", str(port), "--log-level", "warning"]
    variables = {
        "CONNECT_SERVER": server.url,
        "CONNECT_API_KEY": server.api_key,
        "CONNECT_CONTENT_GUID": guid,
    }
    with subprocess.Popen(  # noqa: ASYNC220  nothing else runs meanwhile
        command, cwd=ROOT, env={**os.environ, **variables}
    ) as process:
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def text(browser: aiohttp.ClientSession, url: str) -> str:
    """Request a page as the viewer."""
    async with browser.get(url) as response:
        response.raise_for_status()
        return await response.text()


def times(calls: int, call: Callable[[], Awaitable[object]]) -> Work:
    """Measure so many calls, one after the other."""

    async def run() -> None:
        for _ in range(calls):
            await call()

    return timed(run)


if __name__ == "__main__":
    sys.exit(main(acting_as_viewer))
