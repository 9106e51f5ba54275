"""Time limits for all attempts of a session, on one timer.

A timer for each attempt costs a tenth of a small call, mostly because it is cancelled in time. Here
an attempt only records when it expires, and the timer is set for the earliest of all.
"""

from __future__ import annotations

import asyncio
from typing import Final

_BLOCKED: Final = 0.02
"""By how many seconds a timer is late if something has blocked the event loop."""


class Deadline:
    """The time limit of one attempt, in the task that makes it."""

    __slots__ = ("_cancelling", "expired", "expires", "task")

    def __init__(self, task: asyncio.Task[object], expires: float) -> None:
        self.task = task
        self.expires = expires
        """In the loop's time."""
        self.expired = False
        self._cancelling = task.cancelling()

    def extend(self, seconds: float) -> None:
        """Expire this many seconds from now, which is later than before."""
        # So the timer that is set suffices.
        self.expires = self.task.get_loop().time() + seconds

    def is_ours(self) -> bool:
        """Return True, and undo the cancellation, if only the watchdog cancelled the task."""
        return self.expired and self.task.uncancel() <= self._cancelling


class TimeoutWatchdog:
    """Cancels attempts that have expired."""

    def __init__(self) -> None:
        self._deadlines: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float | None) -> Deadline | None:
        """Start to watch the running task; None if there is no limit."""
        if seconds is None:
            return None
        task = asyncio.current_task()
        if task is None:
            return None
        loop = task.get_loop()
        deadline = Deadline(task, loop.time() + seconds)
        self._deadlines.add(deadline)
        timer = self._timer
        if timer is None or timer.when() > deadline.expires:
            self._set(loop, deadline.expires)
        return deadline

    def stop(self, deadline: Deadline | None) -> None:
        """Stop watching; the timer stays, for the next attempt."""
        if deadline is not None:
            self._deadlines.discard(deadline)

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self.close()
        self._timer = loop.call_at(when, self._ring, loop, when)

    def _ring(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if loop.time() - when > _BLOCKED:
            # Responses received while the loop was blocked are in the sockets; read them first.
            self._timer = loop.call_later(_BLOCKED, self._expire, loop)
        else:
            self._expire(loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for deadline in self._deadlines:
            if deadline.expires <= now and not deadline.expired:
                deadline.expired = True
                deadline.task.cancel()
        remaining = [d.expires for d in self._deadlines if not d.expired]
        if remaining:
            self._set(loop, min(remaining))
