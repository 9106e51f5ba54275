"""Deploying many directories at once, to a server that takes 25 ms for a response."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import count
from pathlib import Path

from aconnect import Client
from aconnect.deploy import DeploySpec, deploy, deploy_all
from aconnect.deploy.config.config import Config
from benchmarks._harness import Figure, Run, main
from benchmarks._measuring import alternate, speed_ratio, timed
from benchmarks._server import short_builds
from tests.serving import running

LATENCY = 0.025
ITEMS = 40
SIZE = 2_000_000
AT_ONCE = 8
TARGET = 6.0


async def deploy_many(run: Run) -> None:
    """Compare with a loop that deploys one directory after the other."""
    items = run.settings.size(ITEMS, 16)
    with tempfile.TemporaryDirectory() as folder, running(short_builds, latency=LATENCY) as server:
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


if __name__ == "__main__":
    sys.exit(main(deploy_many))
