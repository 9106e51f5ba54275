"""How much memory this process has used at most.

Standard library only, because the process that runs posit-sdk imports it too.
"""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Give the largest resident size so far, in bytes."""
    # Linux hands `ru_maxrss` down from the parent through fork and exec, so that a child of a
    # bigger process would seem never to grow. VmHWM belongs to this program alone.
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
