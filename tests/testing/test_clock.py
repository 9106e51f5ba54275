"""The virtual clock wakes sleeping tasks immediately and in order."""

import asyncio

from aconnect.testing import VirtualClock


async def test_long_sleep():
    """A long sleep takes no real time, and advances both `monotonic` and `time`."""
    clock = VirtualClock(epoch=1000.0)
    async with asyncio.timeout(1):
        await clock.sleep(7200)
    assert (clock.monotonic(), clock.time(), clock.slept) == (7200, 8200, [7200])


async def test_sleepers_wake_in_order():
    """Concurrent tasks wake up in the order of their deadlines."""
    clock = VirtualClock()
    woken = []

    async def sleeper(*delays):
        for delay in delays:
            await clock.sleep(delay)
            woken.append((delays, clock.monotonic()))

    await asyncio.gather(sleeper(3, 3), sleeper(1, 1, 1, 1), sleeper(5))
    assert [time for _, time in woken] == sorted(time for _, time in woken)
    assert woken[-1] == ((3, 3), 6)
    assert ((5,), 5) in woken
    assert ((1, 1, 1, 1), 4) in woken


async def test_cancelled_sleepers_do_not_move_time():
    """Time does not advance to the deadline of a cancelled task."""
    clock = VirtualClock()
    task = asyncio.ensure_future(clock.sleep(1000))
    await asyncio.sleep(0)
    task.cancel()
    await clock.sleep(1)
    assert clock.monotonic() == 1
    assert task.cancelled()


async def test_sleep_without_a_delay():
    """Sleeping for zero seconds or less does not advance the time."""
    clock = VirtualClock()
    await clock.sleep(0)
    await clock.sleep(-1)
    assert (clock.monotonic(), clock.slept) == (0, [0, -1])


async def test_advance():
    """Time can be advanced explicitly."""
    clock = VirtualClock()
    task = asyncio.ensure_future(clock.sleep(10))
    await asyncio.sleep(0)
    clock.advance(10)
    await task
    assert clock.monotonic() == 10
