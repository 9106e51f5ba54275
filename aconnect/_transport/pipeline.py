"""What a call runs through, outer to inner: events, retries, permit, one attempt, judgement.

The first attempt goes out with as little as possible around it; what only failures and subscribers
need is made when there are any.
"""

from __future__ import annotations

import itertools
import random
import sys
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType
from typing import Final, Generic, Self, TypeVar, cast

import msgspec

from aconnect._core.dialect import Dialect
from aconnect._core.events import (
    AttemptFailed,
    CallFinished,
    CallStarted,
    Event,
    RetryScheduled,
    Subscriber,
)
from aconnect._core.limits import RetryBudget
from aconnect._core.message import Answer, Request, Stream
from aconnect._core.redaction import Secret, shown_target
from aconnect._core.retry import may_repeat, retry_after, wait_before
from aconnect._transport.limiter import Limiter
from aconnect._transport.options import Options
from aconnect._transport.retrying import again
from aconnect._transport.session import Session
from aconnect._transport.signin import SignIn
from aconnect.errors import (
    ApiError,
    Attempt,
    ConnectError,
    ConnectTimeout,
    DeadlineExceeded,
    ReadTimeout,
)

T = TypeVar("T", bound="Answer | tuple[AsyncExitStack, Stream]")

_CALLS: Final = itertools.count(1)
_REFUSED: Final = 401
_LONGEST_ERROR: Final = 64 * 1024
# What runs between a call and its caller: streams are context managers, an attempt that is not the
# first runs below tenacity, and above a task there is only what started its loop.
_BETWEEN: Final = frozenset({"aconnect", "asyncio", "contextlib", "tenacity"})


class Pipeline:
    """Carries out calls to one origin under one set of options."""

    def __init__(
        self,
        root: str,
        headers: Mapping[str, str],
        options: Options,
        dialect: Dialect,
        secrets: tuple[Secret, ...] = (),
        auth: SignIn | None = None,
    ) -> None:
        self.auth = auth
        self.root = root
        self.options = options
        self.dialect = dialect
        self.budget = RetryBudget()
        self.session = Session(root, headers, options)
        # Which operations were warned about: each once, by whichever client made of this one.
        self._deprecated: set[str] = set()
        # One list for all clients that `with_options` makes of one.
        self.subscribers: list[Subscriber] = []
        self._limiter = Limiter(options.limits, options.clock)
        # Shared like the subscribers: what one client learns to hide, all of them hide.
        self.secrets: list[Secret] = list(secrets)

    def with_options(self, options: Options) -> Self:
        """Give the same connections, limits and budget under other timeouts and retries."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.options = options
        return other

    def notify(self, make: Callable[[], Event]) -> None:
        """Tell the subscribers; the event is not even made while there are none."""
        if self.subscribers:
            event = make()
            for subscriber in self.subscribers:
                subscriber(event)

    async def send(self, request: Request) -> Answer:
        """Carry out a call and give its successful answer, or raise what went wrong at last."""
        self.budget.earn()
        began = self.options.clock.monotonic()
        attempt = self._plain if self.auth is None else self._signed_in
        if self.subscribers:
            return await _Call(self, request, attempt, began).observed()
        try:
            return await attempt(request, began, first=True)
        except ConnectError as error:
            return await _Call(self, request, attempt, began).go_on(error)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[Stream, None]:
        """Carry out a call whose body is read piece by piece.

        It is tried again until an answer begins; what breaks later is raised, because the caller
        has seen a part already. The permit is kept until the body is done.
        """
        self.budget.earn()
        request.transfer = True
        began = self.options.clock.monotonic()
        stack, stream = await _Call(self, request, self._open, began).observed()
        async with stack:
            yield stream

    async def _plain(self, request: Request, began: float, *, first: bool = False) -> Answer:
        """Make one attempt."""
        borrower = object()
        limiter = self._limiter
        waited = not limiter.try_enter(borrower) and await self._enter(request, borrower, began)
        try:
            late = waited or not first or request.within is not None
            left = self.left(request, began) if late else None
            answer = await self.session.send(request, self.options, left)
        except (ReadTimeout, ConnectTimeout):
            limiter.overloaded()
            raise
        finally:
            limiter.leave(borrower)
        if answer.status < 300:
            limiter.succeeded()
            deprecation = self.dialect.deprecation(request, answer.headers)
            if deprecation is not None:
                self._warn(request.operation, deprecation)
            return answer
        raise self._refused(request, answer)

    async def _signed_in(self, request: Request, began: float, *, first: bool = False) -> Answer:
        """Make an attempt with fetched credentials; once more with fresh ones where refused."""
        auth = self.auth
        if auth is None or request.anonymous:
            return await self._plain(request, began, first=first)
        request.credentials = await auth.headers()
        try:
            return await self._plain(request, began)
        except ApiError as error:
            if error.status != _REFUSED:
                raise
        # Nothing was done, so this is safe for every call.
        auth.forget(request.credentials)
        request.credentials = await auth.headers()
        return await self._plain(request, began)

    async def _open(self, request: Request, began: float) -> tuple[AsyncExitStack, Stream]:
        auth = None if request.anonymous else self.auth
        if auth is not None:
            request.credentials = await auth.headers()
        borrower = object()
        await self._enter(request, borrower, began)
        async with AsyncExitStack() as stack:
            stack.callback(self._limiter.leave, borrower)
            stream = await stack.enter_async_context(self.session.stream(request, self.options))
            if stream.status >= 300:
                body = b""
                async for chunk in stream:
                    body += chunk
                    if len(body) > _LONGEST_ERROR:
                        break
                answer = Answer(status=stream.status, headers=stream.headers, body=body)
                if auth is not None and request.credentials and answer.status == _REFUSED:
                    auth.forget(request.credentials)
                raise self._refused(request, answer)
            deprecation = self.dialect.deprecation(request, stream.headers)
            if deprecation is not None:
                self._warn(request.operation, deprecation)
            return stack.pop_all(), stream
        raise AssertionError  # pragma: no cover  the stack swallows nothing

    async def _enter(self, request: Request, borrower: object, began: float) -> bool:
        try:
            return await self._limiter.enter(borrower, lambda: self.left(request, began))
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"{self.describe(request)}: no permit to send it before the deadline "
                f"({self.deadline(request)} s); {self._limiter.limit} calls may be in flight"
            ) from error

    def _warn(self, operation: str, deprecation: str) -> None:
        """Warn of an operation once, and point at the caller's line."""
        if operation in self._deprecated:
            return
        self._deprecated.add(operation)
        frame, level = sys._getframe(1), 2
        while frame.f_back is not None and _package(frame) in _BETWEEN:
            frame, level = frame.f_back, level + 1
        warnings.warn(deprecation, DeprecationWarning, stacklevel=level)

    def _refused(self, request: Request, answer: Answer) -> ApiError:
        if answer.status in {429, 503}:
            self._limiter.overloaded()
        secrets = [*self.secrets, *request.secrets]
        if request.credentials is not None:
            # A token that is good for this call only is not among those that the client knows.
            own = (Secret(value.rpartition(" ")[2]) for value in request.credentials.values())
            secrets = [*secrets, *own]
        return self.dialect.error(request, answer, self.root, secrets)

    def left(self, request: Request, began: float) -> float | None:
        """Give the seconds that remain for a call; None where there is no deadline."""
        deadline = self.deadline(request)
        if deadline is None:
            return None
        return max(began + deadline - self.options.clock.monotonic(), 0.001)

    def deadline(self, request: Request) -> float | None:
        """Give the seconds for a whole call; None where there is no limit."""
        if request.transfer:
            return None
        limits = [t for t in (self.options.retry.deadline, request.within) if t is not None]
        return min(limits, default=None)

    def describe(self, request: Request) -> str:
        """Name a call in an error message, without its query."""
        return f"{request.method} {self.root}{request.target.partition('?')[0]}"


def _package(frame: FrameType) -> str:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


class _Call(Generic[T]):
    """One call that is observed or has failed at least once."""

    def __init__(
        self,
        pipeline: Pipeline,
        request: Request,
        attempt: Callable[[Request, float], Awaitable[T]],
        began: float,
    ) -> None:
        self._pipeline = pipeline
        self._request = request
        self._attempt = attempt
        self._began = began
        self._number = next(_CALLS)
        self._failed: list[Attempt] = []

    async def observed(self) -> T:
        """Make the call from its first attempt on, telling the subscribers."""
        request, pipeline = self._request, self._pipeline
        pipeline.notify(
            lambda: CallStarted(
                operation=request.operation,
                call=self._number,
                method=request.method,
                target=shown_target(request.target, pipeline.dialect.harmless_query),
            )
        )
        try:
            try:
                result = await self._attempt(request, self._began)
            except ConnectError as error:
                result = await self.go_on(error)
        except BaseException as error:
            status = error.status if isinstance(error, ApiError) else None
            self._finished(status, _line(error))
            raise
        if isinstance(result, Answer):
            self._finished(result.status, None)
        else:
            stack, stream = result
            async with stack:
                self._finished(stream.status, None)
                # Nobody was kept from taking it over.
                stack = stack.pop_all()
            result = cast("T", (stack, stream))
        return result

    def _finished(self, status: int | None, failure: str | None) -> None:
        self._pipeline.notify(
            lambda: CallFinished(
                operation=self._request.operation,
                call=self._number,
                attempts=len(self._failed) + 1,
                elapsed=self._elapsed(),
                status=status,
                failure=failure,
            )
        )

    async def go_on(self, failure: ConnectError) -> T:
        """Go on after the first attempt has failed."""
        try:
            result = await again(
                self._next_attempt,
                failure,
                decide=self._decide,
                sleep=self._pipeline.options.clock.sleep,
            )
        except ConnectError as error:
            last = self._overdue(error)
            last.attempts = tuple(self._failed)
            if last is error:
                raise
            raise last from error
        if isinstance(result, Answer):
            result.attempts = len(self._failed) + 1
        return result

    async def _next_attempt(self) -> T:
        try:
            return await self._attempt(self._request, self._began)
        except ApiError as error:
            if not (self._request.removes and self._pipeline.dialect.gone(error)):
                raise
            # An earlier attempt has done it, and only its answer was lost.
            return cast("T", Answer(status=204, headers={}))

    def _overdue(self, error: ConnectError) -> ConnectError:
        deadline = self._pipeline.deadline(self._request)
        if (
            deadline is None
            or self._elapsed() < deadline
            or isinstance(error, ApiError | DeadlineExceeded)
        ):
            return error
        return DeadlineExceeded(
            f"{self._pipeline.describe(self._request)}: not done within {deadline} s; the last "
            f"attempt said: {_line(error)}"
        )

    def _decide(self, failure: Exception, number: int) -> float | None:
        pipeline, request = self._pipeline, self._request
        options = pipeline.options
        elapsed = self._elapsed()
        pipeline.notify(
            lambda: AttemptFailed(
                operation=request.operation,
                call=self._number,
                attempt=number,
                elapsed=elapsed,
                failure=_line(failure),
            )
        )
        plainer = (
            pipeline.dialect.plainer(request, failure) if isinstance(failure, ApiError) else None
        )
        if plainer is not None:
            self._request = plainer
            return self._noted(failure, number, elapsed, delay=0.0)
        transient = pipeline.dialect.transient
        if not may_repeat(failure, idempotent=request.idempotent, transient=transient):
            return None
        asked = None
        if isinstance(failure, ApiError):
            asked = retry_after(failure.retry_after, options.clock.time())
        policy = msgspec.structs.replace(options.retry, deadline=pipeline.deadline(request))
        delay = wait_before(
            policy, attempt=number, elapsed=elapsed, asked=asked, random=random.random
        )
        if delay is None:
            return None
        if not pipeline.budget.spend(options.clock.monotonic()):
            failure.add_note("Not tried again: too many calls to this server fail at the moment.")
            return None
        return self._noted(failure, number, elapsed, delay=delay)

    def _noted(self, failure: Exception, number: int, elapsed: float, *, delay: float) -> float:
        """Note an attempt that is followed by another."""
        self._failed.append(Attempt(number=number, elapsed=elapsed, failure=_line(failure)))
        self._pipeline.notify(
            lambda: RetryScheduled(
                operation=self._request.operation,
                call=self._number,
                attempt=number + 1,
                delay=delay,
            )
        )
        return delay

    def _elapsed(self) -> float:
        return self._pipeline.options.clock.monotonic() - self._began


def _line(error: BaseException) -> str:
    if isinstance(error, ApiError):
        code = f", code {error.code}" if error.code is not None else ""
        return f"{type(error).__name__} ({error.status}{code}): {error.message}"
    return f"{type(error).__name__}: {error}"
