"""Compare two implementations of the same work: alternately, in pairs, by the median.

The speed of a shared machine varies; both halves of a pair run under nearly the same conditions, so
their ratio is more reliable than any absolute time.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Span(NamedTuple):
    """Elapsed times, in seconds."""

    wall: float
    cpu: float
    """Of this process, all threads."""


Work = Callable[[], Awaitable[Span]]


def timed(work: Callable[[], Awaitable[object]]) -> Work:
    """Return an awaitable that measures a piece of work."""

    async def run() -> Span:
        cpu, wall = time.process_time(), time.perf_counter()
        await work()
        return Span(time.perf_counter() - wall, time.process_time() - cpu)

    return run


async def alternate(rounds: int, **sides: Work) -> dict[str, list[Span]]:
    """Run all sides alternately, in reverse order every second round."""
    spans: dict[str, list[Span]] = {name: [] for name in sides}
    names = list(sides)
    for _ in range(rounds):
        for name in names:
            spans[name].append(await sides[name]())
        names.reverse()
    return spans


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, and their range."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def speed_ratio(ours: Sequence[Span], theirs: Sequence[Span], *, cpu: bool = False) -> Spread:
    """Return how many times as fast ours is, pair by pair; above 1 is faster."""
    if cpu:
        return Spread.of(b.cpu / a.cpu for a, b in zip(ours, theirs, strict=True))
    return Spread.of(b.wall / a.wall for a, b in zip(ours, theirs, strict=True))


def best_ratio(ours: Sequence[Span], theirs: Sequence[Span]) -> str:
    """Compare the fastest rounds; other users of the machine can only make a round slower."""
    return f"{min(b.wall for b in theirs) / min(a.wall for a in ours):.2f}"


def extra_cpu(ours: Sequence[Span], theirs: Sequence[Span], count: int) -> Spread:
    """Return the additional CPU time of ours per call, in microseconds."""
    return Spread.of((a.cpu - b.cpu) / count * 1e6 for a, b in zip(ours, theirs, strict=True))


def rate(spans: Sequence[Span], count: int) -> float:
    """Return the median speed, in units of `count` per second."""
    return statistics.median(count / span.wall for span in spans)


def busy(spans: Sequence[Span]) -> float:
    """Return the share of the time that this process was on the CPU; at 1 it is the bottleneck."""
    return statistics.median(span.cpu / span.wall for span in spans)


async def fan_out(
    get: Callable[[T], Awaitable[object]], arguments: Iterable[T], workers: int
) -> None:
    """Make a call per argument, with one call in flight per worker."""
    todo = iter(arguments)

    async def work() -> None:
        for argument in todo:
            await get(argument)

    await asyncio.gather(*(work() for _ in range(workers)))
