"""Who may send now: calls wait in one line, in the order in which they began, on one timer.

When the next call may be sent is decided by the core's `Pace`, and by a token bucket if the user
has set a rate. Whoever changes something admits the next calls, so no caller wakes up in vain and
no wake-up is lost.
"""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
from math import inf
from typing import Final

from msgspec import Struct

from aconnect._core.clock import Clock
from aconnect._core.limits import Limits, TokenBucket
from aconnect._core.pace import Pace, Ticket
from aconnect._core.retry import seconds_text
from aconnect.errors import AconnectError, ApiError

_GIVE_UP_OUTAGE: Final = 30.0
"""Seconds without any response after which calls that wait are given up."""
_SHORTEST: Final = 1e-6
_ANNOUNCED: Final = 1.0
"""By how many seconds a wait has to become longer to be worth another event."""


class Patience(Struct, frozen=True):
    """How long a call can wait before it is sent."""

    expires: float | None = None
    """Its deadline, in the clock's monotonic time."""
    max_retry_after: float = inf
    """The longest wait in seconds that the server may ask for."""


class NotAdmittedError(Exception):
    """A call will not be sent in time; the pipeline translates this into a public error."""

    def __init__(
        self,
        reason: str,
        *,
        refusal: ApiError | None = None,
        outage: AconnectError | None = None,
        is_closed: bool = False,
    ) -> None:
        super().__init__(reason)
        self.is_closed = is_closed
        """Whether the client was closed."""
        self.refusal = refusal
        """The refusal that asked for a longer wait than the call accepts."""
        self.outage = outage
        """The last failure, if the server has not responded for long."""


class _Waiting(Struct, frozen=True):
    """A call that waits."""

    patience: Patience
    future: asyncio.Future[Ticket]


class Limiter:
    """The line of calls to one server."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.in_flight = 0
        """How many calls are in flight."""
        self.refusals = 0
        """How often the server has refused a call for now."""
        self.seconds_held_back = 0.0
        """For how many seconds calls were held back, in all."""
        self._clock = clock
        self._pace = Pace(limits)
        self._bucket = TokenBucket(limits.rate, limits.burst) if limits.rate is not None else None
        self._line: list[tuple[float, int, _Waiting]] = []
        """A heap: the calls that began first, then those that have come first."""
        self._numbers = itertools.count()
        self._timer: asyncio.Task[None] | None = None
        self._rings = inf
        self._closed = False
        # What a refusal asked for that was too long for its call: until when, and the refusal.
        self._requested = 0.0
        self._refusal: ApiError | None = None

    @property
    def limit(self) -> int:
        """How many calls may be in flight at the moment."""
        return int(self._pace.limit)

    @property
    def is_outage(self) -> bool:
        """Whether the last calls got no response."""
        return self._pace.is_outage

    @property
    def held_back(self) -> float:
        """For how many seconds no call is sent."""
        return max(0.0, self._pace.opens - self._clock.monotonic())

    def close(self) -> None:
        """Give up all calls that wait; later ones are given up instead of waiting."""
        self._closed = True
        for _, _, waiting in self._line:
            _give_up(waiting, NotAdmittedError("the client is closed", is_closed=True))
        self._admit_waiting()

    def try_enter(self, now: float) -> Ticket | None:
        """Let a call be sent at once, if none waits and none has to."""
        if self._line or self._bucket is not None or self._pace.due(now, self.in_flight) > 0.0:
            return None
        return self._admit(now)

    async def enter(self, place: float, patience: Patience) -> Ticket:
        """Wait until a call may be sent; `place` is the time that determines its place in line.

        Raises:
            NotAdmittedError: It will not be sent in time.
        """
        now = self._clock.monotonic()
        if not self._line and self._due(now) <= 0.0:
            return self._admit(now)
        refused = self._refuse(patience, now)
        if refused is not None:
            raise refused
        self._check_rate(patience, now)
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (place, next(self._numbers), _Waiting(patience, future)))
        self._admit_waiting()
        # Real time passes while calls are in flight, even for a clock of tests.
        remaining = None if patience.expires is None else max(0.0, patience.expires - now)
        try:
            async with asyncio.timeout(remaining):
                return await future
        except BaseException as error:
            self._abandon(future)
            if isinstance(error, TimeoutError):
                raise NotAdmittedError("its turn did not come in time") from error
            raise

    def _abandon(self, future: asyncio.Future[Ticket]) -> None:
        """Leave the line, or give the place back if it was admitted and cancelled at once."""
        if future.done() and not future.cancelled() and future.exception() is None:
            self.left()
        else:
            future.cancel()
            self._admit_waiting()

    def accepted(self, ticket: Ticket) -> None:
        """Learn that a call got through; it remains in flight."""
        self._pace.succeeded(self._clock.monotonic(), ticket)

    def left(self) -> None:
        """End a call, and admit the next ones."""
        self.in_flight -= 1
        if self._line:
            self._admit_waiting()

    def refused(self, ticket: Ticket, error: ApiError, max_retry_after: float) -> float:
        """End a call that the server refused for now.

        Return the seconds for which all calls are now held back, if that is news, else 0.0.
        """
        self.in_flight -= 1
        self.refusals += 1
        now = self._clock.monotonic()
        before = self._pace.opens
        requested = error.retry_after_seconds
        if requested is not None and requested > max_retry_after:
            self._requested, self._refusal = now + requested, error
            # A wait of a day would outlast the server's mistake.
            requested = max_retry_after
        self._pace.refused(now, ticket, self.in_flight, requested)
        return self._after_failure(now, before)

    def failed(self, ticket: Ticket, error: AconnectError, *, is_slow: bool = False) -> float:
        """End a call that got no response, or none in time; return as `refused`."""
        self.in_flight -= 1
        now = self._clock.monotonic()
        before = self._pace.opens
        if is_slow:
            self._pace.timed_out(now, ticket, self.in_flight)
        else:
            self._pace.failed(now, ticket)
        if self._pace.outage(now) >= _GIVE_UP_OUTAGE:
            for _, _, waiting in self._line:
                _give_up(waiting, NotAdmittedError("no call got through", outage=error))
        return self._after_failure(now, before)

    def _after_failure(self, now: float, before: float) -> float:
        opens = self._pace.opens
        if opens > before:
            for _, _, waiting in self._line:
                refused = self._refuse(waiting.patience, now)
                if refused is not None:
                    _give_up(waiting, refused)
        if self._line:
            self._admit_waiting()
        is_news = opens > now and (before <= now or opens - before >= _ANNOUNCED)
        seconds = opens - now if is_news else 0.0
        self.seconds_held_back += seconds
        return seconds

    def _refuse(self, patience: Patience, now: float) -> NotAdmittedError | None:
        """Return why a call cannot wait until the gate opens; None if it can."""
        if self._closed:
            return NotAdmittedError("the client is closed", is_closed=True)
        opens = self._pace.opens
        if opens <= now:
            return None
        if self._refusal is not None and self._requested - now > patience.max_retry_after:
            # A copy, because callers add attempts and notes to what they catch.
            refusal = copy.deepcopy(self._refusal)
            refusal.attempts = ()
            return NotAdmittedError("the server asked to wait", refusal=refusal)
        if patience.expires is not None and opens >= patience.expires:
            return NotAdmittedError(f"calls are held back for another {seconds_text(opens - now)}")
        return None

    def _check_rate(self, patience: Patience, now: float) -> None:
        if self._bucket is None or patience.expires is None:
            return
        if now + self._bucket.due(now, len(self._line)) >= patience.expires:
            raise NotAdmittedError(
                "the limit of calls per second (Limits.rate) does not allow it in time"
            )

    def _due(self, now: float) -> float:
        due = self._pace.due(now, self.in_flight)
        return due if self._bucket is None else max(due, self._bucket.due(now, 0))

    def _admit(self, now: float) -> Ticket:
        if self._bucket is not None:
            self._bucket.take(now)
        self.in_flight += 1
        return self._pace.sent(now, self.in_flight)

    def _admit_waiting(self) -> None:
        """Let those calls be sent whose time has come, and set the timer for the next one."""
        while self._line:
            waiting = self._line[0][2]
            if waiting.future.done():
                heapq.heappop(self._line)
                continue
            now = self._clock.monotonic()
            expires = waiting.patience.expires
            if expires is not None and now >= expires:
                _give_up(waiting, NotAdmittedError("its turn did not come in time"))
                continue
            due = self._due(now)
            if due > 0.0:
                self._set_timer(now, due)
                return
            heapq.heappop(self._line)
            waiting.future.set_result(self._admit(now))
        self._set_timer(0.0, inf)

    def _set_timer(self, now: float, due: float) -> None:
        """Set the timer, unless it rings earlier anyway; inf needs none."""
        # A wait that rounding makes shorter than the clock can measure would never end.
        due = max(due, _SHORTEST)
        if self._timer is not None and not self._timer.done():
            if self._rings <= now + due < inf:
                return
            self._timer.cancel()
            self._timer = None
        if due < inf:
            self._rings = now + due
            self._timer = asyncio.create_task(self._ring(due), name="aconnect limiter")

    async def _ring(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._timer = None
        self._admit_waiting()


def _give_up(waiting: _Waiting, error: NotAdmittedError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)
