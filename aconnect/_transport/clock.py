"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """Tells the machine's time and really sleeps."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)


SYSTEM_CLOCK = SystemClock()
