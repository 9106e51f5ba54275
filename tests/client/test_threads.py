"""Work in a thread has ended before the task that waits for it."""

import asyncio
import time

import pytest

from aconnect._client.threads import in_thread


@pytest.mark.parametrize("loop_ends", [False, True])
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
def test_cancelled(turns, loop_ends):
    """A task that is cancelled at any moment, also by the end of its loop, waits for the thread."""
    log = []

    def work():
        log.append("begins")
        time.sleep(0.02)
        log.append("ends")

    async def use():
        try:
            await in_thread(work)
        finally:
            log.append("released")

    async def main():
        task = asyncio.create_task(use())
        for _ in range(turns):
            await asyncio.sleep(0)
        if not loop_ends:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(main())
    assert log == ["begins", "ends", "released"]


async def test_result():
    """What the function returns or raises reaches the caller."""
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)
