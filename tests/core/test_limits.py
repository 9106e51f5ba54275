"""Budgets and limits stay within their bounds for any sequence of calls."""

import pytest
from hypothesis import given, strategies as st

from aconnect._core.limits import Limits, RetryBudget, TokenBucket

STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=200)


@given(
    STEPS,
    st.floats(0, 1),
    st.floats(0, 20),
    st.floats(0, 2),
)
def test_budget(steps, ratio, reserve, per_second):
    """Retries are at most the given share of the calls, the reserve, and what time has refilled."""
    budget = RetryBudget(ratio=ratio, reserve=reserve, per_second=per_second)
    now = calls = retries = 0
    for step, elapsed in steps:
        now += elapsed
        if step == "a":
            budget.earn()
            calls += 1
        elif budget.spend(now):
            retries += 1
        assert retries <= ratio * calls + reserve + per_second * now + 1e-6
        assert 0 <= budget.balance <= budget.ceiling


def test_budget_refills_to_its_ceiling():
    """Neither calls nor time accumulate more than the maximum."""
    budget = RetryBudget(ratio=0.5, reserve=2, per_second=1)
    for _ in range(1000):
        budget.earn()
    assert budget.balance == budget.ceiling == 20
    assert budget.spend(0)
    assert budget.spend(1e9)
    assert budget.balance == 19


def test_budget_ends_and_comes_back():
    """An empty budget refuses a retry, and allows one a little later."""
    budget = RetryBudget(ratio=0.2, reserve=3, per_second=0.2)
    assert [budget.spend(0.0) for _ in range(4)] == [True, True, True, False]
    assert not budget.spend(4.9)
    assert budget.spend(5.1)
    assert not budget.spend(5.1)


def test_budget_survives_a_clock_that_goes_back():
    """A clock that goes backwards refills nothing, and its time is not counted twice."""
    budget = RetryBudget(ratio=0, reserve=1, per_second=1)
    assert budget.spend(100.0)
    assert not budget.spend(0.0)
    assert not budget.spend(0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"minimum": 0},
        {"initial": 300},
        {"minimum": 65},
        {"maximum": 63},
        {"backoff": 1.0},
        {"backoff": 0.0},
        {"rate": 0.0},
        {"rate": -1.0},
        {"burst": 0},
        {"backoff": float("nan")},
        {"rate": float("nan")},
    ],
)
def test_limits_checked(wrong):
    """Invalid limits are refused."""
    with pytest.raises(ValueError, match="Limits"):
        Limits(**wrong)


def windows_hold(sent, rate, burst):
    """Check that any period has at most the burst and what the rate adds."""
    sent = sorted(sent)
    return all(
        j - i + 1 <= burst + rate * (sent[j] - sent[i]) + 1e-6
        for i in range(len(sent))
        for j in range(i, len(sent))
    )


def wait(bucket, now):
    """Take a token like a caller that waits as long as it has to; return the time."""
    for _ in range(10):
        due = bucket.take(now)
        assert due >= 0
        if due == 0:
            return now
        now += due
    pytest.fail("no token came")


@given(st.floats(0.1, 100), st.integers(1, 10), st.lists(st.floats(0, 2), max_size=60))
def test_bucket(rate, burst, gaps):
    """Any period has at most a burst and what the rate adds."""
    bucket = TokenBucket(rate, burst)
    now, sent = 0.0, []
    for gap in gaps:
        now = wait(bucket, now + gap)
        sent.append(now)
    assert windows_hold(sent, rate, burst)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=60), st.integers(1, 3))
def test_bucket_with_callers_who_give_up(steps, burst):
    """A caller that has to wait has taken no token, so giving up does not affect others."""
    bucket, undisturbed = TokenBucket(1.0, burst), TokenBucket(1.0, burst)
    now = 0.0
    for gives_up, gap in steps:
        now += gap
        if not gives_up:
            assert bucket.take(now) == pytest.approx(undisturbed.take(now), abs=1e-6)
        elif bucket.take(now) == 0:
            undisturbed.take(now)


def test_bucket_is_not_wasted():
    """Callers that wait reach the full rate."""
    bucket = TokenBucket(10.0, 1)
    times = [0.0]
    for _ in range(3):
        times.append(wait(bucket, times[-1]))
    assert times[1:] == pytest.approx([0.0, 0.1, 0.2])
    assert wait(bucket, 0.4) == 0.4
