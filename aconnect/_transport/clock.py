"""The real clock."""

from __future__ import annotations

import time

import anyio


class SystemClock:
    """Tells the machine's time and really sleeps."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(anyio.sleep)


SYSTEM_CLOCK = SystemClock()
