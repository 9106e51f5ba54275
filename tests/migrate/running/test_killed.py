"""A process that is killed at any moment of a migration is completed by the next one."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from aconnect import migrate
from tests.faulting import Kill, Unharmed
from tests.migrate.migrating import clients, differences, make_plan, servers, state

ROOT = Path(__file__).parents[3]
KINDS = ("report", "api", "git", "own", "unmapped")
OPTIONS = migrate.Options(
    grant_self=True, bundles="all", lock_source="Moved to the new server.", people=True
)
MOMENTS = 10
"""Of each kind, on each server: 60 in all."""
SIDES = {"source": 0, "destination": 1}

CHILD = """
import asyncio, sys
from aconnect import Client, migrate
from aconnect.testing import VirtualClock

async def main(plan, journal, *servers):
    clock = VirtualClock()
    async with (
        Client(servers[0], servers[1], clock=clock) as source,
        Client(servers[2], servers[3], clock=clock) as destination,
    ):
        plan = await migrate.load_plan(plan, source, destination)
        report = await migrate.run(plan, journal=journal, retry=True)
        assert not report.has_failed, report

asyncio.run(main(*sys.argv[1:]))
"""


async def child(both, folder):
    """Begin, or go on with, the migration in a process of its own."""
    addresses = [text for server in both for text in (server.url, server.api_key)]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(folder / "plan.json"), str(folder / "run.db")),
        *addresses,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )


async def completed(both, folder):
    process = await child(both, folder)
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()


async def planned(both, folder):
    async with clients(*both) as (source, destination):
        plan = await make_plan(source, destination, folder, OPTIONS)
        assert not plan.has_conflicts
        await migrate.save_plan(plan, folder / "plan.json")
    for server in both:
        server.requests.clear()


async def killed(folder, side, number, moment):
    """Kill a migration at its request of this number, go on with it, and return what is there.

    None if it makes fewer requests.
    """
    folder.mkdir()
    async with servers(KINDS) as both:
        await planned(both, folder)
        kill = Kill(moment)
        both[side].script(*[Unharmed()] * number, kill)
        kill.process = await child(both, folder)
        _, errors = await kill.process.communicate()
        if kill.process.returncode != -signal.SIGKILL:
            assert kill.process.returncode == 0, errors.decode()
            return None
        both[side].clear_script()
        await completed(both, folder)
        return [state(server) for server in both]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("side", SIDES.values(), ids=SIDES)
@pytest.mark.parametrize("moment", ["acted", "not acted", "half sent"])
async def test_killed_at_any_moment(tmp_path, side, moment):
    """The servers are as after an undisturbed run: nothing twice, no grant left."""
    async with servers(KINDS) as both:
        (tmp_path / "undisturbed").mkdir()
        await planned(both, tmp_path / "undisturbed")
        await completed(both, tmp_path / "undisturbed")
        expected = [state(server) for server in both]
        count = len(both[side].requests)
    limit = asyncio.Semaphore(3)

    async def one(number):
        async with limit:
            return await killed(tmp_path / str(number), side, number, moment)

    numbers = [count * n // MOMENTS for n in range(MOMENTS)]
    ends = await asyncio.gather(*map(one, numbers))
    for number, end in zip(numbers, ends, strict=True):
        if end is not None:
            for found, wanted in zip(end, expected, strict=True):
                assert differences(found, wanted) == [], number
    # Polls are fewer on a slow machine.
    assert sum(end is not None for end in ends) > MOMENTS * 0.7
