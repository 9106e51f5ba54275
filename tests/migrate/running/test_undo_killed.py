"""A process that is killed while it takes a migration back is completed by the next one."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from aconnect import migrate
from tests.faulting import Kill, Unharmed
from tests.migrate.migrating import copied, differences, state
from tests.migrate.running.test_undo import interrupted

ROOT = Path(__file__).parents[3]
MOMENTS = 8
"""On each server, before and after it has acted on a request."""

CHILD = """
import asyncio, sys
from aconnect import Client, migrate
from aconnect.testing import VirtualClock

async def main(journal, *servers):
    clock = VirtualClock()
    async with (
        Client(servers[0], servers[1], clock=clock) as source,
        Client(servers[2], servers[3], clock=clock) as destination,
    ):
        await migrate.undo(journal, source, destination)

asyncio.run(main(*sys.argv[1:]))
"""


async def killed(both, side, number, journal, *, acts):
    """Kill an undo at its request of this number; return whether it made that many."""
    kill = Kill("acted" if acts else "not acted")
    both[side].script(*[Unharmed()] * number, kill)
    addresses = [text for server in both for text in (server.url, server.api_key)]
    kill.process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, str(journal), *addresses),
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )
    _, errors = await kill.process.communicate()
    both[side].clear_script()
    assert kill.process.returncode in {0, -signal.SIGKILL}, errors.decode()
    return kill.process.returncode != 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("acts", [False, True], ids=["not acted", "acted"])
@pytest.mark.parametrize("side", [0, 1], ids=["source", "destination"])
async def test_killed_at_any_moment(tmp_path, side, acts):
    """Calling it again ends like an undisturbed one: nothing is refused, nothing is left."""
    async with interrupted(tmp_path) as (both, two, before):
        states, journal = [copied(server.state) for server in both], tmp_path / "copy.db"
        shutil.copy(tmp_path / "run.db", journal)
        both[side].requests.clear()
        await migrate.undo(journal, *two)
        count, ends = len(both[side].requests), list[bool]()
        for number in [count * n // MOMENTS for n in range(MOMENTS)]:
            shutil.copy(tmp_path / "run.db", journal)
            for server, there in zip(both, states, strict=True):
                server.state = copied(there)
            ends.append(await killed(both, side, number, journal, acts=acts))
            taken = await migrate.undo(journal, *two)
            assert {item.outcome for item in taken} <= {"undone"}, (number, taken)
            for server, wanted in zip(both, before, strict=True):
                assert differences(state(server), wanted) == [], number
        # Polls are fewer on a slow machine.
        assert sum(ends) > MOMENTS * 0.7
