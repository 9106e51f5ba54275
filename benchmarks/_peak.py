"""The peak memory of this process.

Standard library only, because the process that runs posit-sdk imports it too.
"""

import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_bytes() -> int:
    """Return the largest resident size so far, in bytes."""
    # On Linux, `ru_maxrss` is inherited through fork and exec, so that the child of a larger
    # process would seem never to grow. VmHWM is that of this program only.
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
