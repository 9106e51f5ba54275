"""Time as an argument: what the library needs of a clock.

The real one lives in the transport; tests inject one whose sleeps take no time.
"""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Tells the time and sleeps; all values in seconds."""

    def monotonic(self) -> float:
        """Tell the time for measuring spans; never goes back."""
        ...

    def time(self) -> float:
        """Tell the time since the epoch, to compare with dates that a server sends."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Return after that many seconds; cancellable."""
        ...
