"""Time as an argument: what the library needs of a clock.

The real clock is in the transport; tests inject one whose sleeps take no time.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """A source of time that can sleep; all values in seconds."""

    def monotonic(self) -> float:
        """Return the time for measuring intervals; it never decreases."""
        ...

    def time(self) -> float:
        """Return the time since the epoch, to compare with dates that a server sends."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Return after this many seconds; can be cancelled."""
        ...
