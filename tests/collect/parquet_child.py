"""A process that is killed while it writes: it forks others, because Python starts slowly.

Usage: python parquet_child.py FOLDER SEED KILLS; prints how many were killed in their work.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

# Last on the path, as in conftest.py.
sys.path.append(str(Path(__file__).parents[2]))

from aconnect.collect.sink import Period
from aconnect.collect.sinks.parquet import Parquet
from tests.collect.parquet_rows import DAY, T0, batch, checkpoint, run_of, visit

RUNS = 3
BATCHES = 9


def period(number: int) -> Period:
    """Return the period of a run, which overlaps with the one before and starts within a date."""
    lo = T0 + number * 2 * DAY + DAY // 3
    return Period(lo, lo + 3 * DAY)


def times(number: int, part: int) -> dict[str, int]:
    """Return the ids and times of a batch of a run."""
    step = 3 * DAY // (BATCHES * 40)
    begin = (period(number).lo or 0) + part * 40 * step
    return {f"{number}-{part}-{i}": begin + i * step for i in range(40)}


def work(folder: Path) -> None:
    """Do all runs, from where an earlier process was killed."""
    sink = Parquet(folder)
    entries = sink.open(run_of())
    number, part = int(entries.get("run", "0")), int(entries.get("part", "-1"))
    while True:
        if part < 0:
            part = 0
            sink.commit(checkpoint(period(number), run=str(number), part="0"))
        for position in range(part, BATCHES):
            sink.write(position % 4, batch(visit(*row) for row in times(number, position).items()))
            if position % 3 == 2:
                sink.commit(checkpoint(period(number), run=str(number), part=str(position + 1)))
        sink.finish()
        if number == RUNS - 1:
            sink.close()
            return
        number, part = number + 1, -1


def attempt(folder: Path, delay: float | None) -> bool:
    """Work in a process that is killed after a delay; return whether it was."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(folder)
            status = 0
        finally:
            os._exit(status)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the child failed")
    return os.WIFSIGNALED(status)


def main(folder: Path, seed: int, kills: int) -> None:
    """Kill some processes, and let the last one end."""
    random_ = random.Random(seed)
    began = time.monotonic()
    attempt(folder / "whole", None)
    whole = time.monotonic() - began
    killed = 0
    for i in range(kills):
        killed += attempt(folder / f"{i // 5}", random_.uniform(0.1, 0.6) * whole)
        if i % 5 == 4:
            attempt(folder / f"{i // 5}", None)
    print(killed)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
