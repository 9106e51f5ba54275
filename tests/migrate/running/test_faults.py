"""Whatever fails during a migration, nothing is made twice, and running it again completes it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from aconnect import migrate
from aconnect.errors import AconnectError
from tests.faulting import FAULTS
from tests.migrate.migrating import (
    VALUES,
    clients,
    copied,
    differences,
    make_plan,
    operations,
    servers,
    state,
)
from tests.migrate.worlds import secrets


@cache
def undisturbed() -> tuple[tuple[Any, Any], tuple[list[str], list[str]]]:
    """What both servers have afterwards, and which requests were made of them by the run."""
    with TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        # In a loop of its own, because the result is that of every test.
        return pool.submit(asyncio.run, _undisturbed(Path(folder))).result()


async def _undisturbed(folder: Path) -> tuple[tuple[Any, Any], tuple[list[str], list[str]]]:
    async with servers() as (a, b), clients(a, b) as (source, destination):
        plan = await make_plan(source, destination, folder)
        assert not plan.has_conflicts
        a.requests.clear()
        b.requests.clear()
        report = await migrate.run(plan, journal=folder / "undisturbed.db")
        assert not report.has_failed, report
        return (state(a), state(b)), (operations(a), operations(b))


def test_it_is_what_the_plan_says():
    """Everything of the carry table arrives; the source is locked, and has no grant left."""
    (a, b), _ = undisturbed()
    report = b["content"]["alice.smith/report"]
    assert report["settings"]["locked"] is False
    assert a["content"]["alice/report"]["settings"]["locked"] is True
    assert sum(bundle["active"] for bundle in report["bundles"]) == 1


@pytest.mark.parametrize("side", [0, 1], ids=["source", "destination"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_any_fault_of_any_call(tmp_path, side, fault):
    """Each call meets each fault: a typed row says what failed, and running again completes it."""
    expected, calls = undisturbed()
    async with servers() as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path)
        before = [copied(server.state) for server in both]
        for number, call in enumerate(calls[side]):
            for server, there in zip(both, before, strict=True):
                server.state = copied(there)
            both[side].script(fault, on=call)
            journal = tmp_path / f"{number}.db"
            failed = await fails(plan, journal, call)
            both[side].clear_script()
            if failed:
                report = await migrate.run(plan, journal=journal, retry=True)
                assert not report.has_failed, (call, report)
            for server, wanted in zip(both, expected, strict=True):
                assert differences(state(server), wanted) == [], call
            text = journal.read_bytes().decode(errors="replace")
            for secret in {*secrets(both[0]), *secrets(both[1]), *VALUES.values()}:
                assert secret not in text, call


async def fails(plan: migrate.Plan, journal: Path, call: str) -> bool:
    """Run a plan, and return whether an item or the run has failed; each with a typed error."""
    try:
        report = await migrate.run(plan, journal=journal)
    except AconnectError:
        return True
    for item in report.items:
        assert (item.outcome == "failed") == (item.error_type is not None), call
    return report.has_failed
