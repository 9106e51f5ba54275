"""How much may be sent to a server, learned from what it refuses.

A server that refuses a call with 429 or 503 has not carried it out, so the call can be sent again
whatever it does. The question is when. `Pace` answers it from four things that it learns:

- a *gate*: no call is sent before a time, which the server asked for (`Retry-After`) or which
  follows from calls that got nowhere;
- a *limit* on the calls in flight;
- a *rate* of calls per second, which is only there if the limit does not explain the refusals;
- *pauses* that become longer while nothing gets through.

Refusals come in rounds: when many calls are in flight, the refusal of one says all, and those of
the others only confirm it. Therefore a refusal lowers something only if its call was sent after the
last refusal that did. What is learned is forgotten after a minute without refusals.

Bookkeeping only; waiting is the business of the transport. Times are in seconds of a monotonic
clock and are passed by the caller. The constants were chosen by simulating servers of many kinds;
the optimum is flat.
"""

from __future__ import annotations

import random as random_module
from collections.abc import Callable
from math import exp, inf
from typing import Final

from aconnect._core.limits import Limits

START: Final = 0.8
"""The part of a learned rate with which calls continue; the rate is back after a plateau."""
QUICK: Final = 1.0
"""The plateau in seconds while a rate is being found."""
WIDE: Final = 1.5
"""The longest plateau, in multiples of `Retry-After`: if refusals are costly, try rarely."""
HOLD: Final = 2.0
"""Seconds until more calls in flight are tried than the server has accepted."""
HOLD_REQUESTED: Final = 4.0
"""The same in multiples of `Retry-After`, if that is longer."""
BASE: Final = 0.25
"""The first pause in seconds; also the most by which a requested wait is spread."""
LONGEST: Final = 3.0
"""The longest pause in seconds."""
FAILING: Final = 5
"""How many failures in a row are an outage."""
FADE: Final = 0.5
"""The time constant in seconds with which recent responses are counted."""
NOISE: Final = 0.2
"""The part of responses that may be refusals without a meaning, such as those of one bad node."""
SLOWEST: Final = 0.2
"""The lowest learned rate in calls per second."""
FORGET: Final = 60.0
"""Seconds without a refusal after which what was learned is forgotten."""
LATE: Final = 0.02
"""Seconds by which a late timer may be made up for."""

Ticket = tuple[float, int]
"""When a call was sent, and how many calls were in flight then, including itself."""


class _RecentResponses:
    """Counts of recent responses, which fade."""

    __slots__ = ("_last", "accepted", "refused")

    def __init__(self) -> None:
        self.accepted = 0.0
        self.refused = 0.0
        self._last = 0.0

    def fade(self, now: float) -> None:
        part = exp(min(0.0, self._last - now) / FADE)
        self.accepted *= part
        self.refused *= part
        self._last = now

    @property
    def rate(self) -> float:
        """How many calls per second got through."""
        return self.accepted / FADE

    @property
    def is_noise(self) -> bool:
        """Whether so few calls were refused that it may have nothing to do with their number."""
        return self.refused <= NOISE * (self.refused + self.accepted)


class _Rate:
    """A learned number of calls per second, and the pace around it.

    The pace grows back to the rate within a plateau, stays near it, and then leaves it faster and
    faster: CUBIC (RFC 9438), but relative to the rate, so that it suits slow and fast servers.
    """

    __slots__ = ("_grows_from", "_plateau", "next_slot", "value")

    def __init__(self, value: float, now: float) -> None:
        self.value = max(SLOWEST, value)
        self.next_slot = 0.0
        """When the next call may be sent."""
        self._grows_from = now
        self._plateau = QUICK

    def pace(self, now: float) -> float:
        """Return the calls per second that may be sent now."""
        t = max(0.0, now - self._grows_from) / self._plateau - 1.0
        return self.value * (1.0 + (1.0 if t > 0.0 else 1.0 - START) * t**3)

    def take(self, now: float) -> None:
        """Take the next slot."""
        self.next_slot = max(self.next_slot, now - LATE) + 1.0 / self.pace(now)

    def wait_until(self, time: float) -> None:
        """Let the pace start to grow, and the slots begin, when the gate opens."""
        self._grows_from = self.next_slot = max(self.next_slot, time)

    def learn(self, now: float, got_through: float, requested: float) -> None:
        """Correct the rate after a refusal, by the calls per second that got through."""
        # A pace that nothing held back to may have grown to any value and means nothing.
        pace = min(self.pace(now), max(2.0 * got_through, START * self.value))
        is_found = pace < 2.5 * self.value
        widest = max(QUICK, WIDE * requested)
        self._plateau = min(2.0 * self._plateau, widest) if is_found else QUICK
        self.value = max(SLOWEST, 0.95 * max(0.5 * pace, min(pace, got_through)))
        self._grows_from = now


class Pace:
    """Decides when the next call may be sent to one server."""

    def __init__(self, limits: Limits, random: Callable[[], float] = random_module.random) -> None:
        self.limits = limits
        self.limit = float(limits.initial)
        """How many calls may be in flight."""
        self.opens = 0.0
        """When the gate opens: no call is sent before."""
        self.rate: _Rate | None = None
        self._random = random
        self._recent = _RecentResponses()
        self._proven = self.limit
        """How many calls in flight the server was last seen to accept."""
        self._probe_after = -inf
        """When more than that may be tried."""
        # The current round of refusals.
        self._round = -inf
        self._accepted = 0
        """How many calls got through since it began."""
        self._jitter = 0.0
        self._is_concurrency = False
        """Whether its refusals are explained by the calls in flight."""
        self._is_barren = False
        """Whether nothing got through in the round before it."""
        self._limit_before = self.limit
        # Pauses and outages.
        self._pauses = 0
        self._failures = 0
        self._failing_since = 0.0
        self._slow_since = -inf

    def due(self, now: float, in_flight: int) -> float:
        """Return the seconds until the next call may be sent; inf if a call has to end first."""
        if in_flight + 1 > self.limit:
            return inf
        wait = self.opens - now
        if self.rate is not None:
            wait = max(wait, self.rate.next_slot - now)
        return max(0.0, wait)

    def sent(self, now: float, in_flight: int) -> Ticket:
        """Count a call that is sent; `in_flight` includes it. Its outcome needs the ticket."""
        if self.rate is not None:
            self.rate.take(now)
        return now, in_flight

    def succeeded(self, now: float, ticket: Ticket) -> None:
        """Learn from a call that got through, whatever its response."""
        self._failures = 0
        is_learning = self._round > -inf
        if is_learning:
            self._accepted += 1
            self._pauses = 0
            self._recent.fade(now)
            self._recent.accepted += 1.0
            if now - self._round > FORGET:
                self.rate, self._round = None, -inf
        # It only grows while it is what holds calls back.
        if ticket[1] >= int(self.limit) and (self.limit < self._proven or now >= self._probe_after):
            step = 1.0 if is_learning else 1.0 / self.limit
            self.limit = min(float(self.limits.maximum), self.limit + step)

    def refused(
        self, now: float, ticket: Ticket, in_flight: int, requested: float | None = None
    ) -> None:
        """Learn from a refusal; `in_flight` does not include the refused call.

        `requested` is the wait that the server asked for; 0 means nothing, as it is no permission
        to send without a pause.
        """
        sent_at, level = ticket
        wait = requested or 0.0
        is_new_round = sent_at > self._round
        self._recent.fade(now)
        self._recent.refused += 1.0
        if is_new_round:
            self._jitter = self._random()
        if wait:
            self.opens = max(self.opens, now + wait + self._jitter * min(BASE, wait))
        if is_new_round:
            self._begin_round(now, level, wait)
        if self._is_concurrency:
            # Refusals come back sooner than responses, so those left in flight were accepted.
            self.limit = max(float(self.limits.minimum), min(self.limit, float(in_flight)))
            self._proven = self.limit
            self._probe_after = max(now, self.opens) + max(HOLD, HOLD_REQUESTED * wait)
        if self._is_barren and not in_flight and not self._accepted:
            self._proven = max(self._proven, self._limit_before)
            self._pause(now, is_requested=wait > 0.0)
        if self.rate is not None and self.opens > now:
            self.rate.wait_until(self.opens)

    def failed(self, now: float, ticket: Ticket) -> None:
        """Learn from a call that got no response; only several in a row mean anything."""
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        if self.is_outage and ticket[0] > self._round:
            self._proven = max(self._proven, self.limit)
            self._round, self._accepted = now, 0
            self._pause(now, is_requested=False)

    def timed_out(self, now: float, ticket: Ticket, in_flight: int) -> None:
        """Learn from a call that took too long; `in_flight` does not include it."""
        if ticket[0] > self._slow_since:
            self._slow_since = now
            limit = min(self.limit, in_flight + 1.0) * self.limits.backoff
            self.limit = max(float(self.limits.minimum), limit)
        self.failed(now, ticket)

    @property
    def is_outage(self) -> bool:
        """Whether the last calls all failed."""
        return self._failures >= FAILING

    def outage(self, now: float) -> float:
        """Return the seconds since the first of the failures; 0.0 if there is no outage."""
        return now - self._failing_since if self.is_outage else 0.0

    def _begin_round(self, now: float, level: int, wait: float) -> None:
        """Decide what the first refusal of a round means; `level` is from its ticket."""
        is_first = self._round == -inf
        self._is_barren = not is_first and not self._accepted
        is_clear = wait > 0.0 or not self._recent.is_noise
        proven = int(self._proven)
        self._is_concurrency = (
            is_first or level > proven or (is_clear and level == proven and proven > 1)
        )
        is_rate = wait > 0.0 or not self._is_concurrency or self.rate is not None
        if not is_first and self._accepted and is_clear and is_rate:
            self._learn_rate(now, wait)
        self._limit_before, self._round, self._accepted = self.limit, now, 0

    def _learn_rate(self, now: float, wait: float) -> None:
        if not self._is_concurrency:
            self._probe_after = now
        if self.rate is None:
            # Too high rather than too low: the next refusal corrects it.
            self.rate = _Rate(2.0 * self._recent.rate, now)
        else:
            self.rate.learn(now, self._recent.rate, wait)

    def _pause(self, now: float, *, is_requested: bool) -> None:
        """Send one call at a time, after a pause that doubles until one gets through."""
        if not is_requested:
            pause = min(LONGEST, BASE * 2.0 ** min(self._pauses, 30))
            self.opens = max(self.opens, now + pause * (0.5 + 0.5 * self._random()))
        self._pauses += 1
        self.limit = float(self.limits.minimum)
