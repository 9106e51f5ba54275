"""`python -m aconnect.cli.demo_server`: the simulated server, until its parent ends.

When the parent ends for any reason, the pipe that is standard input here is closed.
"""

from __future__ import annotations

import os
import signal
import threading

from aconnect.testing.__main__ import main


def _end_with_parent() -> None:
    # Not sys.stdin, whose lock a thread must not hold when the interpreter ends.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
