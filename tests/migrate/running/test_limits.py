"""Builds are bounded, and the first of a version runs alone."""

import asyncio
from typing import Any

import pytest

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.running.limits import Limits


async def run(limits, versions, running, most, fail=()):
    async def build(number, used):
        async with limits.build(used):
            running.append((number, tuple(used)))
            most.append(list(running))
            for _ in range(5):
                await asyncio.sleep(0)
            running.remove((number, tuple(used)))
            if number in fail:
                raise ValueError

    await asyncio.gather(
        *(build(n, used) for n, used in enumerate(versions)), return_exceptions=True
    )


async def test_the_first_build_of_a_version_runs_alone():
    """Others of the version wait for it; other versions do not."""
    most: list[Any] = []
    versions = [["R 4.3"], ["R 4.3"], ["R 4.3"], ["R 4.4"], ["Python 3.11", "R 4.4"], []]
    await run(Limits(calls=1, transfers=1, builds=4), versions, [], most)
    begun = [state for state in most if any(number == 0 for number, _ in state)]
    assert all(sum("R 4.3" in used for _, used in state) == 1 for state in begun)
    assert max(map(len, most)) > 1
    assert max(map(len, most)) <= 4
    assert len(most) == 6


async def test_after_a_failure_the_next_is_the_first():
    """Only a build that succeeds has installed what the others need."""
    most: list[Any] = []
    await run(Limits(calls=1, transfers=1, builds=4), [["R 4.3"]] * 4, [], most, fail={0, 1})
    assert [len(state) for state in most[:3]] == [1, 1, 1]
    assert len(most) == 4


@pytest.mark.parametrize("name", ["calls", "transfers", "builds"])
def test_bounds_below_one(name):
    """A bound of 0 would wait forever."""
    bounds = {"calls": 1, "transfers": 1, "builds": 1, name: 0}
    with pytest.raises(InvalidArgumentError, match=f"{name}=0"):
        Limits(**bounds)
