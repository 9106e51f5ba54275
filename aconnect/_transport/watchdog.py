"""Time limits for all attempts of a session, on one timer.

A timer for each attempt costs a tenth of a small call, mostly for being cancelled in time. Here an
attempt only notes when it expires, and the timer is set for the earliest of all.
"""

from __future__ import annotations

import asyncio
from typing import Final

_HELD_UP: Final = 0.02
"""By how many seconds a timer is late where something has held up the loop."""


class Watched:
    """One attempt under way, in the task that made it."""

    __slots__ = ("_cancelling", "expired", "expires", "task")

    def __init__(self, task: asyncio.Task[object], expires: float) -> None:
        self.task = task
        self.expires = expires
        """In the loop's time."""
        self.expired = False
        self._cancelling = task.cancelling()

    def is_ours(self) -> bool:
        """Tell whether a cancellation came from the watch alone, and take it back if so."""
        return self.expired and self.task.uncancel() <= self._cancelling


class TimeoutWatchdog:
    """Cancels attempts that have expired."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float | None) -> Watched | None:
        """Begin to watch the running task; None where there is no limit."""
        task = asyncio.current_task()
        if seconds is None or task is None:
            return None
        loop = task.get_loop()
        watched = Watched(task, loop.time() + seconds)
        self._watched.add(watched)
        timer = self._timer
        if timer is None or timer.when() > watched.expires:
            self._set(loop, watched.expires)
        return watched

    def end(self, watched: Watched | None) -> None:
        """Stop watching; the timer stays, for the next attempt."""
        if watched is not None:
            self._watched.discard(watched)

    def close(self) -> None:
        """Take back the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        self.close()
        self._timer = loop.call_at(when, self._ring, loop, when)

    def _ring(self, loop: asyncio.AbstractEventLoop, when: float) -> None:
        if loop.time() - when > _HELD_UP:
            # What came while the loop was held up lies in the sockets; let it be read first.
            self._timer = loop.call_later(_HELD_UP, self._expire, loop)
        else:
            self._expire(loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for watched in self._watched:
            if watched.expires <= now and not watched.expired:
                watched.expired = True
                watched.task.cancel()
        ahead = [watched.expires for watched in self._watched if not watched.expired]
        if ahead:
            self._set(loop, min(ahead))
