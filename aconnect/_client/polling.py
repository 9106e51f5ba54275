"""Following something that runs on the server until it ends, with a deadline and some patience.

Polls may fail for some time before the wait ends: the server may be restarting behind a proxy that
responds in its place, or a cluster may have routed the poll to a node that does not know the task
(yet). What is polled, and when it has ended, is the business of the `Pollable`: a task, a job, a
run of checks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from aconnect._client.endpoint import call_with
from aconnect._core.channel import Channel
from aconnect._core.clock import Clock
from aconnect._core.message import CallOptions
from aconnect._core.retry import is_retryable
from aconnect.errors import (
    ApiError,
    BodyTooLargeError,
    DeadlineExceededError,
    DecodeError,
    NotFoundError,
    PollTimeoutError,
    TaskLostError,
    TransportError,
)

S = TypeVar("S")


class PollPolicy(Struct, frozen=True, kw_only=True):
    """How something that runs on the server is followed; times in seconds."""

    timeout: float | None = 3600.0
    """How long to follow it; None for no limit."""
    wait_seconds: float = 20.0
    """How long the server is asked to hold a response back while there is nothing new."""
    interval: float = 0.1
    """The first pause between polls; each is 1.5 times the previous one while nothing is new."""
    max_interval: float = 5.0
    """Upper bound of the pauses."""
    patience: float = 120.0
    """How long all polls may fail because of the server, a proxy or the network."""
    grace: float = 30.0
    """How long "no such task" is taken for a routing problem."""


class ResumeInfo(Struct, frozen=True, kw_only=True):
    """What an error reports so that the wait can be resumed."""

    token: str | None = None
    lines: tuple[str, ...] = ()
    """The last lines of output."""
    if_lost: str = ""
    """What to add if the server does not know it."""
    if_late: str = ""
    """What to add if it was still running at the deadline."""


class Pollable(Protocol[S]):
    """Something that runs on the server and can be polled for its state."""

    can_wait: bool
    """Whether the server can hold a response back while there is nothing new."""

    @property
    def title(self) -> str:
        """What it is called in error messages, such as `task 5fd2`."""
        ...

    async def poll(self, options: CallOptions, /) -> S:
        """Request the state once."""
        ...

    def is_finished(self, state: S, /) -> bool | None:
        """Return True if it has ended, successfully or not; None if the state does not say."""
        ...

    def has_news(self, state: S, /) -> bool:
        """Return True if the state differs from that of the previous poll."""
        ...

    def resume_info(self) -> ResumeInfo:
        """Return what a later call needs to resume."""
        ...


class Reloader(Generic[S]):
    """Polls an object by requesting it again; any change is news."""

    can_wait = False

    def __init__(
        self,
        title: str,
        state: S,
        get: Callable[[str], Awaitable[S]],
        id_: str,
        is_finished: Callable[[S], bool | None],
    ) -> None:
        self._title = title
        self._state = state
        self._get = get
        self._id = id_
        self._is_finished = is_finished

    @property
    def title(self) -> str:
        return self._title

    async def poll(self, options: CallOptions) -> S:
        return await call_with(options, self._get, self._id)

    def is_finished(self, state: S) -> bool | None:
        return self._is_finished(state)

    def has_news(self, state: S) -> bool:
        before, self._state = self._state, state
        return state != before

    def resume_info(self) -> ResumeInfo:
        return ResumeInfo()


async def follow(
    pollable: Pollable[S], channel: Channel, policy: PollPolicy, timeout: float | None = None
) -> AsyncGenerator[S, None]:
    """Yield the state of each poll, the final one last.

    Args:
        pollable: What is followed.
        channel: Its clock and dialect are used.
        policy: How often, and how patiently.
        timeout: In seconds; the policy's by default.

    Raises:
        TaskLostError: The server does not know it, and the grace period has passed.
        PollTimeoutError: It was still running at the deadline.
        AconnectError: A poll failed for good, or all polls failed for longer than the patience.
    """
    if timeout is not None:
        policy = msgspec.structs.replace(policy, timeout=timeout)
    clock = channel.clock
    began = clock.monotonic()
    failures = _Failures(pollable, policy, channel)
    pause = policy.interval
    while True:
        remaining = _remaining(pollable, policy, began, clock)
        wait = _wait_seconds(pollable, policy, remaining)
        sent = clock.monotonic()
        has_news = False
        try:
            state = await pollable.poll(CallOptions(deadline=remaining, wait_seconds=wait))
            is_finished = _is_finished(pollable, state)
        except (ApiError, TransportError, DecodeError) as error:
            failures.add(error, sent)
        else:
            failures = _Failures(pollable, policy, channel)
            has_news = pollable.has_news(state)
            yield state
            if is_finished:
                return
        # A server that held the response back has already paused for us.
        held = wait > 0 and clock.monotonic() - sent >= wait / 2
        pause = policy.interval if has_news or held else min(pause * 1.5, policy.max_interval)
        if remaining is not None:
            pause = min(pause, max(remaining, 0.0))
        await clock.sleep(pause)


async def final_state(
    pollable: Pollable[S], channel: Channel, policy: PollPolicy, timeout: float | None = None
) -> S:
    """Follow something to its end and return its final state; see `follow`."""
    async with aclosing(follow(pollable, channel, policy, timeout)) as states:
        async for state in states:
            if pollable.is_finished(state):
                return state
    raise AssertionError  # pragma: no cover  the last state is a finished one


def _remaining(
    pollable: Pollable[S], policy: PollPolicy, began: float, clock: Clock
) -> float | None:
    """Return the seconds until the deadline; raise PollTimeoutError if it has passed."""
    if policy.timeout is None:
        return None
    remaining = began + policy.timeout - clock.monotonic()
    if remaining <= 0:
        raise _timeout(pollable, policy.timeout)
    return remaining


class _Failures(Generic[S]):
    """The failed polls since the last one that succeeded."""

    def __init__(self, pollable: Pollable[S], policy: PollPolicy, channel: Channel) -> None:
        self._pollable = pollable
        self._policy = policy
        self._channel = channel
        self._failing_since: float | None = None
        self._missing_since: float | None = None

    def add(self, error: ApiError | TransportError | DecodeError, sent: float) -> None:
        """Record a failed poll and the time it was sent at; raise if it ends the wait."""
        now = self._channel.clock.monotonic()
        if isinstance(error, NotFoundError):
            if self._missing_since is None:
                self._missing_since = now
            if now - self._missing_since >= self._policy.grace:
                raise _lost(self._pollable) from error
            return
        if self._failing_since is None:
            # With its retries, the poll itself may have taken minutes.
            self._failing_since = sent
        if now - self._failing_since >= self._policy.patience or not _may_pass(
            error, self._channel
        ):
            raise error


def _is_finished(pollable: Pollable[S], state: S) -> bool:
    is_finished = pollable.is_finished(state)
    if is_finished is None:
        raise DecodeError(f"the response does not say whether {pollable.title} has ended")
    return is_finished


def _may_pass(error: ApiError | TransportError | DecodeError, channel: Channel) -> bool:
    """Return True if waiting can help; the call itself has been retried already."""
    if isinstance(error, DecodeError):
        # A proxy's page; but what is too large grows further.
        return not isinstance(error, BodyTooLargeError)
    return isinstance(error, DeadlineExceededError) or is_retryable(
        error, idempotent=True, is_transient=channel.dialect.is_transient
    )


def _wait_seconds(pollable: Pollable[S], policy: PollPolicy, remaining: float | None) -> float:
    if not pollable.can_wait:
        return 0.0
    return policy.wait_seconds if remaining is None else min(policy.wait_seconds, remaining)


def _lost(pollable: Pollable[S]) -> TaskLostError:
    info = pollable.resume_info()
    hint = f"; {info.if_lost}" if info.if_lost else ""
    return TaskLostError(f"{pollable.title} not found{hint}", token=info.token, lines=info.lines)


def _timeout(pollable: Pollable[S], timeout: float) -> PollTimeoutError:
    info = pollable.resume_info()
    hint = f"; {info.if_late}" if info.if_late else ""
    return PollTimeoutError(
        f"{pollable.title} was still running after {timeout:g} s{hint}",
        token=info.token,
        lines=info.lines,
    )
