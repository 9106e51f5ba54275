"""Retries depend on what the server may have done, and waits stay within their bounds."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, strategies as st

from aconnect import errors
from aconnect._core.retry import (
    NO_RETRY,
    RetryPolicy,
    backoff_delay,
    is_exhausted,
    is_retryable,
    retry_after,
)
from aconnect.connect._base.dialect import ConnectDialect

NOW = datetime(2026, 5, 3, 12, 0, 0, tzinfo=UTC)
SPELLINGS = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]


def api(status, code=None):
    kind = errors.ServerError if status >= 500 else errors.ApiError
    return kind("no", status=status, code=code)


@given(st.integers(0, 10**9 - 1))
@example(0)
@example(120)
def test_seconds(seconds):
    """Whole seconds are parsed, with spaces around them."""
    assert retry_after(str(seconds), 0.0) == seconds
    assert retry_after(f" {seconds}\t", 0.0) == seconds


@pytest.mark.parametrize("text", ["0.5", "1.25"])
def test_fractions(text):
    """Fractions of a second, which occur in practice, are parsed."""
    assert retry_after(text, 0.0) == float(text)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(ahead=st.integers(-86400 * 300, 86400 * 300))
def test_dates(spelling, ahead):
    """A date in any of the three formats of RFC 9110 is the time until then; the past is zero."""
    value = (NOW + timedelta(seconds=ahead)).strftime(spelling)
    assert retry_after(value, NOW.timestamp()) == max(0, ahead)


@given(st.text() | st.from_regex(r"[\w ,:+-]{1,40}"), st.floats(0, 4e9))
@example("-5", 0.0)
@example("soon", 0.0)
@example("Sun, 99 Nov 1994 99:99:99 GMT", 0.0)
@example("Sun, 06 Nov 99999999999 08:49:37 GMT", 0.0)
@example("Mon, 01 Jan 0001 00:00:00 +2359", 0.0)
def test_garbage(text, now):
    """Invalid values never raise: they count as missing, or as a wait."""
    seconds = retry_after(text, now)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("text", ["86400", "9999999999", "99999999999999999999"])
def test_longer_than_anybody_waits(text):
    """A very long wait is understood, and the call is not retried."""
    asked = retry_after(text, 0.0)
    delay = delay_before(RetryPolicy(), attempt=1, elapsed=0.0, asked=asked, random=random.random)
    assert delay is None


def delay_before(policy, *, attempt, elapsed, asked, random):
    """Return the wait before the next attempt, or None if there is none."""
    delay = backoff_delay(policy, attempt=attempt, requested=asked, random=random)
    exhausted = is_exhausted(policy, attempt=attempt, elapsed=elapsed, delay=delay, requested=asked)
    return None if exhausted else delay


POLICIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 100),
    deadline=st.none() | st.floats(0.001, 1e4),
    base=st.floats(0, 100),
    cap=st.floats(0, 100),
    max_retry_after=st.floats(0, 1e4),
)


@given(POLICIES, st.integers(1, 2000), st.floats(0, 1e4), st.none() | st.floats(0, 1e5), st.data())
def test_wait_bounds(policy, attempt, elapsed, asked, data):
    """No wait is negative, above its maximum, shorter than requested, or past the deadline."""
    delay = delay_before(
        policy,
        attempt=attempt,
        elapsed=elapsed,
        asked=asked,
        random=lambda: data.draw(st.floats(0, 1, exclude_max=True)),
    )
    if attempt >= policy.attempts or (asked is not None and asked > policy.max_retry_after):
        assert delay is None
    if delay is None:
        return
    assert policy.deadline is None or elapsed + delay < policy.deadline
    usual = min(policy.cap, policy.base * 2 ** (attempt - 1))
    if asked is None:
        assert 0 <= delay <= usual
    else:
        # The usual backoff is the least even if the server asks for less.
        assert asked <= delay <= max(usual, asked + min(policy.base, asked))


@pytest.mark.parametrize(("attempt", "most"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 10.0), (900, 10)])
def test_full_jitter(attempt, most):
    """A wait is a random part of a bound that doubles up to the maximum."""
    policy = RetryPolicy(attempts=1000, base=1.0, cap=10.0)
    waits = [
        delay_before(policy, attempt=attempt, elapsed=0, asked=None, random=[part].pop)
        for part in (0.0, 0.5, 1.0)
    ]
    assert waits == [0.0, most / 2, most]


def test_no_retry():
    """`NO_RETRY` never waits."""
    assert delay_before(NO_RETRY, attempt=1, elapsed=0, asked=None, random=random.random) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"base": -1},
        {"cap": -0.1},
        {"max_retry_after": -1},
        {"deadline": 0},
        {"base": float("nan")},
        {"cap": float("nan")},
        {"deadline": float("nan")},
    ],
)
def test_policy_checked(wrong):
    """An invalid policy is refused, and the error names the argument."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)


ALWAYS, IDEMPOTENT, NEVER = (True, True), (True, False), (False, False)
TABLE = [
    (errors.ConnectionFailedError("x"), ALWAYS),
    (errors.ConnectTimeoutError("x"), ALWAYS),
    (errors.ConnectionLostError("x"), IDEMPOTENT),
    (errors.ReadTimeoutError("x"), IDEMPOTENT),
    (api(429), ALWAYS),
    (api(503), ALWAYS),
    *((api(status), IDEMPOTENT) for status in (408, 425, 500, 502, 504)),
    *((api(status), NEVER) for status in (400, 401, 403, 404, 409, 410, 413, 422, 501, 505)),
    (errors.DeadlineExceededError("x"), NEVER),
    (errors.RedirectRefusedError("x"), NEVER),
    (errors.DecodeError("x"), NEVER),
    (errors.InvalidArgumentError("x"), NEVER),
    (errors.PageLoopError("x"), NEVER),
    (errors.TaskFailedError("x"), NEVER),
    (ValueError("x"), NEVER),
]


@pytest.mark.parametrize(("error", "expected"), TABLE, ids=repr)
def test_may_repeat(error, expected):
    """Idempotent calls are retried if that can help, others if the server cannot have acted."""
    assert tuple(is_retryable(error, idempotent=i) for i in (True, False)) == expected


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (502, 105, NEVER),
        (502, None, IDEMPOTENT),
        (400, 100, IDEMPOTENT),
        (400, 3, NEVER),
        (429, 277, ALWAYS),
        (503, 105, ALWAYS),
    ],
)
def test_codes_of_connect(status, code, expected):
    """Connect's error codes say more than its statuses: 105 is final, 100 is transient."""
    is_transient = ConnectDialect().is_transient
    error = api(status, code)
    got = tuple(is_retryable(error, idempotent=i, is_transient=is_transient) for i in (True, False))
    assert got == expected
