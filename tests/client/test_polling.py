"""Following a task to its end: patient with transient failures, limited by its deadline."""

from typing import cast

import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect._client.polling import PollPolicy, ResumeInfo, follow
from aconnect._core.channel import Channel
from aconnect.connect._base.dialect import ConnectDialect
from aconnect.testing import VirtualClock


def not_found():
    return errors.NotFoundError("gone", status=404, code=141)


def busy(status=503):
    return errors.ServerError("busy", status=status)


class Script:
    """A `Pollable` that responds from a list, whose last entry is repeated."""

    can_wait = True
    title = "thing 1"

    def __init__(self, *responses, clock=None, takes=0.0, policy=None):
        self.responses = list(responses)
        self.clock = clock or VirtualClock()
        self.dialect = ConnectDialect()
        self.takes = takes
        self.policy = policy or PollPolicy()
        self.holds = []
        self.asked_at = []

    async def poll(self, options):
        wait = options.wait_seconds
        self.holds.append(wait)
        self.asked_at.append(self.clock.monotonic())
        self.clock.advance(wait if self.takes is None else self.takes)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(response, Exception):
            raise response
        return response

    def is_finished(self, state):
        return None if state == "?" else state == "end"

    def has_news(self, state):
        return state == "new"

    def resume_info(self):
        return ResumeInfo(token="t", lines=("x",), if_lost="gone", if_late="later")

    async def run(self):
        """Follow it to the end."""
        got = []
        states = follow(self, cast("Channel", self), self.policy)
        try:
            async for state in states:
                got.append(state)  # noqa: PERF401  what precedes an error counts
        finally:
            await states.aclose()
        return got


async def test_errors_have_what_resumes():
    """An error has the title and what is needed to resume."""
    with pytest.raises(errors.PollTimeoutError, match=r"thing 1 was still running.*later") as late:
        await Script("old", takes=1.0, policy=PollPolicy(timeout=5.0)).run()
    with pytest.raises(errors.TaskLostError, match="thing 1 not found; gone") as lost:
        await Script(not_found(), takes=1.0).run()
    for caught in (late, lost):
        assert (caught.value.token, caught.value.lines) == ("t", ("x",))


async def test_answers_in_order():
    """Every response is yielded, including the last, and nothing is polled after it."""
    script = Script("old", "new", "end")
    assert await script.run() == ["old", "new", "end"]
    assert len(script.holds) == 3


async def test_back_off():
    """Pauses grow by half while nothing is new, up to the maximum, and restart with news."""
    policy = PollPolicy(interval=1.0, max_interval=3.0)
    script = Script("old", "old", "old", "old", "new", "old", "end", policy=policy)
    await script.run()
    assert script.clock.slept == [1.5, 2.25, 3.0, 3.0, 1.0, 1.5]


async def test_held_answers():
    """If the server held the response back, the next poll follows soon."""
    policy = PollPolicy(wait_seconds=20.0, interval=0.1)
    script = Script("old", "old", "old", "end", takes=None, policy=policy)
    await script.run()
    assert script.holds == [20.0] * 4
    assert script.clock.slept == [0.1] * 3


async def test_deadline():
    """The wait ends at the deadline, and no poll is held beyond it."""
    policy = PollPolicy(timeout=50.0, wait_seconds=20.0)
    script = Script("old", takes=None, policy=policy)
    with pytest.raises(errors.PollTimeoutError):
        await script.run()
    ends = [at + hold for at, hold in zip(script.asked_at, script.holds, strict=True)]
    assert max(ends) <= 50.0 + 1e-6
    assert 50.0 <= script.clock.monotonic() <= 50.2


@given(
    st.floats(0.001, 1e3),
    st.floats(0, 100),
    st.floats(0.01, 10),
    st.floats(0, 50),
)
async def test_deadline_bounds(timeout, hold, interval, takes):
    """With any policy, the wait ends at most one poll after the deadline."""
    policy = PollPolicy(timeout=timeout, wait_seconds=hold, interval=interval, max_interval=10)
    script = Script("old", takes=takes, policy=policy)
    with pytest.raises(errors.PollTimeoutError):
        await script.run()
    assert all(at < timeout for at in script.asked_at)
    assert script.clock.monotonic() <= timeout + takes + 1e-6


async def test_no_deadline():
    """Without a deadline, the wait is unlimited."""
    script = Script(*["old"] * 500, "end", policy=PollPolicy(timeout=None, interval=100.0))
    assert len(await script.run()) == 501


async def test_grace():
    """A missing task is taken for a routing problem, both at the start and later."""
    script = Script(not_found(), not_found(), "new", not_found(), "end")
    assert await script.run() == ["new", "end"]


async def test_grace_ends():
    """A task that is missing for longer than the grace period is lost; the 404 is the cause."""
    script = Script("old", not_found(), policy=PollPolicy(grace=30.0, interval=1.0))
    with pytest.raises(errors.TaskLostError) as caught:
        await script.run()
    assert isinstance(caught.value.__cause__, errors.NotFoundError)
    assert 30.0 <= script.clock.monotonic() <= 40.0


async def test_grace_restarts():
    """A response in between restarts the grace period."""
    policy = PollPolicy(grace=10.0, interval=4.0, max_interval=4.0)
    script = Script(not_found(), not_found(), "old", not_found(), not_found(), "end", policy=policy)
    assert await script.run() == ["old", "end"]


PASSING = [
    busy(),
    busy(500),
    errors.ConnectionLostError("x"),
    errors.ReadTimeoutError("x"),
    errors.ConnectionFailedError("x"),
    errors.RateLimitedError("slow down", status=429),
    errors.DecodeError("an HTML page"),
]


@pytest.mark.parametrize("failure", PASSING, ids=repr)
async def test_passing_failures(failure):
    """Transient failures do not end the wait, however many, until they last two minutes."""
    policy = PollPolicy(interval=1.0, max_interval=1.0)
    script = Script(*[*[failure] * 100, "old"] * 3, "end", policy=policy)
    assert await script.run() == ["old", "old", "old", "end"]


@pytest.mark.parametrize("takes", [0.0, 7.0, 300.0])
async def test_patience_ends(takes):
    """Failures that last longer than the patience end the wait; the last is raised unchanged."""
    failure = busy()
    policy = PollPolicy(patience=60.0, interval=1.0, max_interval=1.0)
    script = Script("old", failure, policy=policy, takes=takes)
    with pytest.raises(errors.ServerError) as caught:
        await script.run()
    assert caught.value is failure
    began = script.asked_at[1]
    assert 60.0 <= script.clock.monotonic() - began <= 60.0 + 1.0 + max(takes, 1.0)


async def test_patience_is_longer_than_the_grace():
    """By default, an outage may last longer than a missing task."""
    assert PollPolicy().patience >= PollPolicy().grace


async def test_missing_after_an_outage():
    """A task that is missing after an outage gets the whole grace period."""
    policy = PollPolicy(grace=30.0, interval=4.0, max_interval=4.0)
    script = Script(*[busy()] * 20, *[not_found()] * 7, "end", policy=policy)
    assert await script.run() == ["end"]


@pytest.mark.parametrize("seconds", [30.0, 120.0])
async def test_alternating_failures(seconds):
    """A server that is now down and now does not know the task does not extend the wait."""
    policy = PollPolicy(grace=seconds, patience=60.0, interval=1.0, max_interval=1.0)
    script = Script(*[busy(), not_found()] * 500, policy=policy)
    with pytest.raises((errors.TaskLostError, errors.ServerError)):
        await script.run()
    assert script.clock.monotonic() <= 63.0


async def test_a_state_that_does_not_say():
    """A state that does not say whether it has ended is a failed poll, and is not yielded."""
    assert await Script("old", "?", "?", "end").run() == ["old", "end"]
    with pytest.raises(errors.DecodeError, match="does not say whether thing 1 has ended"):
        await Script("?", takes=1.0).run()


FINAL = [
    errors.AuthenticationError("no", status=401),
    errors.PermissionDeniedError("no", status=403),
    errors.EndpointMissingError("no", status=404),
    errors.ServerError("no", status=501),
    errors.ServerError("no", status=502, code=105),
    errors.RedirectRefusedError("no"),
    errors.BodyTooLargeError("no"),
    ValueError("no"),
]


@pytest.mark.parametrize("failure", FINAL, ids=repr)
async def test_final_failures(failure):
    """A permanent failure is raised at once."""
    script = Script("old", failure)
    with pytest.raises(type(failure)):
        await script.run()
    assert len(script.holds) == 2
