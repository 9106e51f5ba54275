"""What a client learns from refusals: it is never stuck, never too fast for long, and recovers."""

from __future__ import annotations

import random
from math import inf, isnan

import pytest
from hypothesis import given, settings, strategies as st

from aconnect._core.limits import Limits
from aconnect._core.pace import FORGET, LONGEST, SLOWEST, Pace, Ticket
from tests.core.bulk import Capped, Down, RateLimited, bulk

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "succeed", "refuse", "fail", "slow", "wait"]),
        st.floats(0, 3),
        st.sampled_from([None, None, 0.0, 0.05, 1.0, 30.0]),
        st.floats(0, 1, exclude_max=True),
    ),
    max_size=120,
)


class Steps:
    """A pace with calls in flight, and time that passes."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.chance = 0.5
        self.pace = Pace(limits or Limits(), lambda: self.chance)
        self.now = 0.0
        self.tickets: list[Ticket] = []

    def send(self) -> None:
        if self.pace.due(self.now, len(self.tickets)) == 0.0:
            self.tickets.append(self.pace.sent(self.now, len(self.tickets) + 1))

    def take(self, step: str, seconds: float, requested: float | None) -> None:
        """Send a call, let time pass, or end the oldest call."""
        if step == "send":
            self.send()
        elif step == "wait":
            self.now += seconds
        else:
            self.end(step, requested)

    def end(self, how: str, requested: float | None = None) -> None:
        if not self.tickets:
            return
        ticket = self.tickets.pop(0)
        match how:
            case "succeed":
                self.pace.succeeded(self.now, ticket)
            case "refuse":
                self.pace.refused(self.now, ticket, len(self.tickets), requested)
            case "fail":
                self.pace.failed(self.now, ticket)
            case "slow":
                self.pace.timed_out(self.now, ticket, len(self.tickets))


@settings(max_examples=400)
@given(STEPS)
def test_bounds(steps):
    """After any outcomes, the limit, the gate and the rate stay within their bounds."""
    it = Steps()
    pace = it.pace
    for step, seconds, requested, it.chance in steps:
        limit, opens = pace.limit, pace.opens
        if step == "send":
            it.send()
        elif step == "wait":
            it.now += seconds
        else:
            sent = bool(it.tickets)
            it.end(step, requested)
            if sent and step == "succeed":
                assert pace.limit >= limit
                assert pace.opens == opens
            elif sent:
                assert pace.limit <= limit
                assert pace.opens >= opens
                if step != "refuse" or not requested:
                    assert pace.opens <= max(opens, it.now + LONGEST)
        due = pace.due(it.now, len(it.tickets))
        assert due >= 0.0
        assert not isnan(due)
        assert due > 0.0 or it.now >= pace.opens
        assert 1 <= pace.limit <= pace.limits.maximum
        assert pace.rate is None or (
            pace.rate.value >= SLOWEST and pace.rate.pace(it.now) >= SLOWEST * 0.8
        )


@settings(max_examples=400)
@given(STEPS)
def test_never_stuck(steps):
    """What is due comes true, and only a call in flight can make others wait without an end."""
    it = Steps()
    for step, seconds, requested, it.chance in steps:
        it.take(step, seconds, requested)
        due = it.pace.due(it.now, len(it.tickets))
        assert due < inf or it.tickets
        if due < inf:
            assert it.pace.due(it.now + due + 1e-9, len(it.tickets)) == 0.0


@settings(max_examples=100)
@given(STEPS)
def test_forgets(steps):
    """After a minute without a refusal, nothing that was learned holds calls back."""
    it = Steps()
    for step, seconds, requested, it.chance in steps:
        it.take(step, seconds, requested)
    while it.tickets:
        it.end("succeed")
    it.now = max(it.now, it.pace.opens) + FORGET + 10.0
    for _ in range(300):
        it.send()
        it.end("succeed")
        it.now += 0.1
    assert it.pace.rate is None
    assert it.pace.due(it.now, 0) == 0.0


@given(st.integers(1, 64), st.sampled_from([None, 1.0]))
def test_a_volley_is_one_round(volley, requested):
    """Many refusals of calls that were sent together lower the limit and close the gate once."""
    it = Steps()
    for _ in range(volley):
        it.send()
    it.now = 1.0
    it.end("refuse", requested)
    opens = it.pace.opens
    while it.tickets:
        it.end("refuse", requested)
    assert it.pace.opens == opens
    assert it.pace.limit == 1


def test_the_gate_is_for_all_calls():
    """No call is sent before the time that the server has asked for."""
    it = Steps()
    it.send()
    it.send()
    it.end("refuse", 12.0)
    assert it.pace.due(it.now, 1) == inf  # because one is in flight
    it.end("succeed")
    assert 12.0 <= it.pace.due(it.now, 0) <= 12.25


@pytest.mark.parametrize("requested", [None, 0.0])
def test_a_single_refusal_without_a_request(requested):
    """A first refusal closes no gate: the call can be sent again while others are in flight."""
    it = Steps()
    for _ in range(3):
        it.send()
    it.end("refuse", requested)
    assert it.pace.opens == 0.0
    assert it.pace.limit == 2


def test_failures_of_single_calls_mean_nothing():
    """Four lost responses in a row change nothing; five are an outage, and its end is noticed."""
    it = Steps()
    for failure in range(1, 7):
        it.now += 1.0
        it.send()
        it.end("fail")
        assert it.pace.is_outage == (failure >= 5)
    assert it.pace.limit == 1
    it.now = it.pace.opens
    it.send()
    it.end("succeed")
    assert not it.pace.is_outage
    assert it.pace.limit == 2


def test_pauses_double():
    """While nothing gets through, one call at a time is sent, after pauses that double."""
    it = Steps()
    it.chance = 1.0
    pauses = []
    for _ in range(8):
        it.send()
        it.end("refuse")
        pauses.append(it.pace.opens - it.now)
        it.now = max(it.now, it.pace.opens) + 0.001
    assert [round(pause, 2) for pause in pauses[1:]] == [0.25, 0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_minimum_is_respected():
    """The limit does not fall below the user's minimum, and rises to the maximum at most."""
    limits = Limits(minimum=4, initial=8, maximum=10)
    it = Steps(limits)
    for _ in range(8):
        it.send()
    while it.tickets:
        it.end("refuse")
    assert it.pace.limit == 4
    for _ in range(200):
        it.now += 1.0
        for _ in range(12):
            it.send()
        while it.tickets:
            it.end("succeed")
    assert it.pace.limit == 10


def test_slow_responses():
    """A round of timeouts lowers the limit once, by the factor of `Limits`."""
    it = Steps(Limits(initial=10, backoff=0.5))
    for _ in range(10):
        it.send()
    it.now = 60.0
    for _ in range(4):
        it.end("slow")
    assert it.pace.limit == 5


TASKS = [16, 64, 300]


@pytest.mark.parametrize("retry_after", [1.0, None])
@pytest.mark.parametrize("tasks", TASKS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rate_limit(tasks, retry_after, seed):
    """Work at a server with a rate limit is as fast as it allows, with few refusals."""
    outcome = bulk(RateLimited(20, 20, retry_after), calls=300, tasks=tasks, seed=seed)
    assert outcome.duration <= 1.3 * 14.0
    assert outcome.refusals <= (0.5 if retry_after else 1.0)


@pytest.mark.parametrize("tasks", TASKS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_concurrency_limit(tasks, seed):
    """Work at a server that carries out five requests at once keeps five in flight."""
    outcome = bulk(Capped(5), calls=300, tasks=tasks, seed=seed)
    assert outcome.duration <= 1.3 * 300 * 0.0525 / 5
    assert outcome.refusals <= 1.0


@pytest.mark.parametrize("begin", [0.0, 0.5])
@pytest.mark.parametrize("tasks", TASKS)
def test_outage(tasks, begin):
    """An outage of ten seconds costs few requests and no call, and its end is noticed soon."""
    outcome = bulk(Down(begin, begin + 10.0), calls=1000, tasks=tasks)
    assert outcome.refused <= 0.3 * 1000
    assert min(time for time in outcome.succeeded if time >= begin + 10.0) <= begin + 10.0 + LONGEST


@settings(max_examples=30)
@given(st.floats(2, 200), st.floats(0.2, 2), st.integers(0, 99))
def test_any_rate(rate, burst, seed):
    """At any rate limit, more than half of what is possible gets through."""
    server = RateLimited(rate, max(1, int(rate * burst)))
    outcome = bulk(server, calls=10**6, tasks=64, seed=seed, until=30.0)
    through = sum(10.0 <= time < 30.0 for time in outcome.succeeded)
    assert through >= 0.5 * 20.0 * rate
    # The first 64 are sent before anything is known.
    assert outcome.refused - 64 <= len(outcome.succeeded)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(0, 99))
def test_any_cap(most, seed):
    """Any limit on concurrent requests is found and used."""
    outcome = bulk(Capped(most), calls=2000, tasks=64, seed=seed)
    assert outcome.duration <= 1.2 * 2000 * 0.0555 / most
    assert outcome.refusals <= 0.2


@pytest.mark.parametrize("retry_after", [1.0, None])
def test_recovers(retry_after):
    """When the limit rises from 5 to 50 a second, more than half of it is used soon."""

    class Rising(RateLimited):
        def accepts(self, now: float, in_flight: int) -> bool:
            self.bucket.rate = 5.0 if now < 10.0 else 50.0
            return super().accepts(now, in_flight)

    server = Rising(5, 5, retry_after)
    outcome = bulk(server, calls=10**6, tasks=64, until=40.0)
    assert sum(25.0 <= time < 40.0 for time in outcome.succeeded) >= 0.5 * 15.0 * 50.0


@pytest.mark.parametrize("retry_after", [1.0, None])
def test_never_above_the_learned_pace(retry_after):
    """Between two refusals, the calls of each second are no more than the pace allowed."""
    outcome = bulk(RateLimited(20, 20, retry_after), calls=600, tasks=64)
    paced = [(time, pace) for time, pace in outcome.sent if pace is not None]
    assert len(paced) > 100
    for i, (begin, _) in enumerate(paced):
        window = [pace for time, pace in paced[i:] if time < begin + 1.0]
        assert len(window) <= max(window) * 1.02 + 2


@pytest.mark.parametrize("retry_after", [1.0, None])
def test_no_caller_starves(retry_after):
    """Of calls that begin together, none ends much later than its place in line explains."""
    outcome = bulk(RateLimited(20, 20, retry_after), calls=300, tasks=300)
    assert len(outcome.succeeded) == 300
    late = bulk(RateLimited(20, 20, retry_after), calls=600, tasks=64)
    # 64 calls in line at 20 a second, and the pauses that were asked for.
    assert max(late.waits) <= 64 / 20 * 2 + 3 * (retry_after or 0.0)


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_stray_refusals(share):
    """A few refusals of one bad node hardly slow the work down."""

    class Stray:
        chance = random.Random(7)

        def accepts(self, now: float, in_flight: int) -> bool:
            return bool(self.chance.random() >= share)

        def retry_after(self) -> None:
            return None

    undisturbed = bulk(Capped(10**6), calls=3000, tasks=64).duration
    assert bulk(Stray(), calls=3000, tasks=64).duration <= 1.3 * undisturbed
