"""What may have been created is looked up before it is created again."""

import pytest

from aconnect._client.once import create_once
from aconnect.errors import (
    ConflictError,
    ConnectionLostError,
    DeadlineExceededError,
    ReadTimeoutError,
    ServerError,
)
from aconnect.testing import VirtualClock

TAKEN = ConflictError("taken", status=409)
OVERDUE = DeadlineExceededError("not done in time")
OVERDUE.__cause__ = ReadTimeoutError("nothing received")
LOST = [ConnectionLostError("lost"), ServerError("late", status=502), OVERDUE]


@pytest.mark.parametrize("failure", LOST, ids=["lost", "502", "overdue"])
@pytest.mark.parametrize("seconds", [0.0, 0.5])
async def test_created_late(failure, seconds):
    """A server that is still at work after its failure does not have to create it twice."""
    clock, attempts = VirtualClock(), []

    async def create():
        attempts.append(clock.monotonic())
        raise failure

    async def look_up():
        return "it" if clock.monotonic() >= attempts[0] + seconds else None

    assert await create_once(clock, create, look_up, is_complete=bool) == "it"
    assert len(attempts) == 1


async def test_taken():
    """What exists already is looked up at once; if it is not visible, the failure is raised."""
    clock = VirtualClock()

    async def create():
        raise TAKEN

    async def look_up():
        return found.pop()

    found: list[str | None] = ["it"]
    options = {"is_complete": bool, "is_taken": lambda error: error is TAKEN}
    assert await create_once(clock, create, look_up, **options) == "it"
    found = [None]
    with pytest.raises(ConflictError):
        await create_once(clock, create, look_up, **options)
    assert clock.slept == []
