"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The machine's time, and real sleeps."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)


SYSTEM_CLOCK = SystemClock()
