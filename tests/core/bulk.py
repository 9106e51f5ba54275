"""Bulk work against a model of a server that refuses calls, in simulated time.

It does what the transport does with `Pace`: calls wait in line in the order in which they began,
and a refused call keeps its place.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Protocol

from aconnect._core.limits import Limits, TokenBucket
from aconnect._core.pace import Pace, Ticket

_Call = tuple[int, float]
"""The number of a call, which is its place in line, and when it began."""


class Server(Protocol):
    """A model of a server."""

    def accepts(self, now: float, in_flight: int) -> bool:
        """Return True if a request that arrives now is carried out."""
        ...

    def retry_after(self) -> float | None:
        """Return the wait that a refusal asks for."""
        ...


class RateLimited:
    """Lets a number of requests a second through; the rest is refused."""

    def __init__(self, rate: float, burst: int, retry_after: float | None = None) -> None:
        self.bucket = TokenBucket(rate, burst)
        self._retry_after = retry_after

    def accepts(self, now: float, in_flight: int) -> bool:
        return self.bucket.take(now) == 0.0

    def retry_after(self) -> float | None:
        return self._retry_after


class Capped:
    """Carries out a number of requests at once; the rest is refused."""

    def __init__(self, most: int, retry_after: float | None = None) -> None:
        self.most = most
        self._retry_after = retry_after

    def accepts(self, now: float, in_flight: int) -> bool:
        return in_flight < self.most

    def retry_after(self) -> float | None:
        return self._retry_after


class Down:
    """Refuses all requests between two times."""

    def __init__(self, begin: float, end: float) -> None:
        self.begin, self.end = begin, end

    def accepts(self, now: float, in_flight: int) -> bool:
        return not self.begin <= now < self.end

    def retry_after(self) -> float | None:
        return None


@dataclass
class Outcome:
    """What happened."""

    succeeded: list[float] = field(default_factory=list)
    """When the calls ended, in order."""
    waits: list[float] = field(default_factory=list)
    """How long each call took from its beginning, in the order in which they ended."""
    refused: int = 0
    sent: list[tuple[float, float | None]] = field(default_factory=list)
    """When requests were sent, and the learned pace at that time."""

    @property
    def duration(self) -> float:
        return self.succeeded[-1]

    @property
    def refusals(self) -> float:
        """Refusals for each success."""
        return self.refused / len(self.succeeded)


class _Bulk:
    """The state of the work: the line of calls, those in flight, and what happens next."""

    def __init__(self, server: Server, calls: int, seed: int, limits: Limits) -> None:
        self.server = server
        self.calls = calls
        self.outcome = Outcome()
        self.now = 0.0
        self._chance = random.Random(seed)
        self._pace = Pace(limits, self._chance.random)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._line: list[_Call] = []
        self._begun = 0
        self._in_flight = 0
        self._in_progress = 0
        """How many requests the server carries out."""
        self._rings = inf

    def begin(self) -> None:
        if self._begun < self.calls:
            self._begun += 1
            heapq.heappush(self._line, (self._begun, self.now))

    def step(self) -> None:
        """Send what is due, and let the next thing happen."""
        due = 0.0
        while self._line and (due := self._pace.due(self.now, self._in_flight)) <= 0.0:
            self._send(heapq.heappop(self._line))
        if self._line and due < inf and (self._rings <= self.now or self.now + due < self._rings):
            self._rings = self.now + due
            self._later(due, lambda: None)
        if not self._events:
            raise AssertionError("stuck: nothing is in flight, and nothing is due")
        self.now, _, event = heapq.heappop(self._events)
        event()

    def _later(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), event))

    def _send(self, call: _Call) -> None:
        self._in_flight += 1
        rate = self._pace.rate
        self.outcome.sent.append((self.now, None if rate is None else rate.pace(self.now)))
        ticket = self._pace.sent(self.now, self._in_flight)
        self._later(self._chance.uniform(0.0005, 0.0015), lambda: self._arrive(call, ticket))

    def _arrive(self, call: _Call, ticket: Ticket) -> None:
        if self.server.accepts(self.now, self._in_progress):
            self._in_progress += 1
            self._later(self._chance.uniform(0.005, 0.1), lambda: self._respond(call, ticket))
        else:
            self._later(self._chance.uniform(0.002, 0.008), lambda: self._refuse(call, ticket))

    def _respond(self, call: _Call, ticket: Ticket) -> None:
        self._in_progress -= 1
        self._in_flight -= 1
        self._pace.succeeded(self.now, ticket)
        self.outcome.succeeded.append(self.now)
        self.outcome.waits.append(self.now - call[1])
        self.begin()

    def _refuse(self, call: _Call, ticket: Ticket) -> None:
        self._in_flight -= 1
        self.outcome.refused += 1
        self._pace.refused(self.now, ticket, self._in_flight, self.server.retry_after())
        heapq.heappush(self._line, call)


def bulk(
    server: Server,
    *,
    calls: int,
    tasks: int,
    seed: int = 1,
    until: float = inf,
    limits: Limits | None = None,
) -> Outcome:
    """Make a number of calls, `tasks` of them at once, and return what happened."""
    work = _Bulk(server, calls, seed, limits or Limits())
    for _ in range(tasks):
        work.begin()
    while len(work.outcome.succeeded) < calls and work.now < until:
        work.step()
    return work.outcome
