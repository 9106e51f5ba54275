"""Deploying many directories at once, to a server that takes 25 ms for a response."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from aconnect import Client
from aconnect.deploy import DeploySpec, deploy, deploy_all
from aconnect.deploy.config.config import Config
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, speed_ratio, timed
from benchmarks._server import ROOT, Server

LATENCY = 0.025
ITEMS = 40
SIZE = 2_000_000
AT_ONCE = 8
TARGET = 6.0

_SERVER = """
import asyncio, json, sys
from aconnect.testing import BuildScript, FakeConnect, Seed

async def main(latency):
    async with FakeConnect(Seed(content=0), latency=latency, record=False) as server:
        # Builds are short: what is measured is the client and the way to the server.
        server.state.build_script = BuildScript(lines=("Completed",))
        print(json.dumps([server.url, server.api_key]), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(float(sys.argv[1])))
"""


async def deploy_many(run: Run) -> None:
    """Compare with a loop that deploys one directory after the other."""
    items = run.settings.size(ITEMS, 16)
    with tempfile.TemporaryDirectory() as folder, _server() as server:
        folders = [_site(Path(folder) / f"site-{number}") for number in range(items)]
        rounds = count()
        async with Client(server.url, server.api_key) as client:
            spans = await alternate(
                run.settings.size(3, 1),
                loop=timed(lambda: _one_by_one(client, folders, next(rounds))),
                ours=timed(lambda: _at_once(client, folders, next(rounds))),
            )
    ratio = speed_ratio(spans["ours"], spans["loop"])
    for name, side in spans.items():
        run.say(f"{items} items of {SIZE // 10**6} MB, {name}, s", f"{side[0].wall:.1f}")
    name = f"deploying {items} items, {AT_ONCE} transfers at once, to a loop"
    run.add(Figure(name, ratio.median, TARGET))


async def _one_by_one(client: Client, folders: list[Path], number: int) -> None:
    for folder in folders:
        await (await deploy(client, folder, name=f"{folder.name}-{number}"))


async def _at_once(client: Client, folders: list[Path], number: int) -> None:
    specs = [
        DeploySpec(path=folder, config=Config(name=f"{folder.name}-{number}")) for folder in folders
    ]
    state = folders[0].parent / "batch.state"
    outcomes = await deploy_all(client, specs, builds=AT_ONCE, transfers=AT_ONCE, state=state)
    if not all(outcome.ok for outcome in outcomes):
        raise RuntimeError(f"a deployment has failed: {outcomes}")


def _site(folder: Path) -> Path:
    """Write a site with a manifest, which cannot be compressed."""
    folder.mkdir()
    (folder / "index.html").write_bytes(b"<h1>Site</h1>")
    (folder / "data.bin").write_bytes(os.urandom(SIZE))
    files: dict[str, object] = {"index.html": {}, "data.bin": {}}
    manifest = {"version": 1, "metadata": {"appmode": "static"}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@contextmanager
def _server() -> Iterator[Server]:
    """Run the simulated server in a process of its own."""
    command = [sys.executable, "-c", _SERVER, str(LATENCY)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError("the simulated server did not start; its error is above")
            yield Server(*json.loads(line))
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main(deploy_many))
