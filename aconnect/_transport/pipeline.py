"""What a call runs through, outer to inner: events, retries, permit, one attempt, judgement.

The first attempt goes out with as little as possible around it; what only failures and subscribers
need (`calls`) is made when there are any.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Self

from aconnect._core.dialect import Dialect
from aconnect._core.events import Event, Subscriber
from aconnect._core.limits import RetryBudget
from aconnect._core.message import Request, Response, StreamingResponse
from aconnect._core.redaction import Secret
from aconnect._transport.calls import Call
from aconnect._transport.deprecation import warn_caller
from aconnect._transport.limiter import Limiter
from aconnect._transport.options import Options
from aconnect._transport.session import Session
from aconnect._transport.signin import SignIn
from aconnect.errors import (
    AconnectError,
    ApiError,
    ConnectTimeoutError,
    DeadlineExceededError,
    ReadTimeoutError,
)

_REFUSED: Final = 401
_LONGEST_ERROR: Final = 64 * 1024


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

    async def send(self, request: Request) -> Response:
        """Carry out a call and give its successful answer, or raise what went wrong at last."""
        self.budget.earn()
        began = self.options.clock.monotonic()
        attempt = self._plain if self.auth is None else self._signed_in
        if self.subscribers:
            return await Call(self, request, attempt, began).observed()
        try:
            return await attempt(request, began, first=True)
        except AconnectError as error:
            return await Call(self, request, attempt, began).go_on(error)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[StreamingResponse, None]:
        """Carry out a call whose body is read piece by piece.

        It is tried again until an answer begins; what breaks later is raised, because the caller
        has seen a part already. The permit is kept until the body is done.
        """
        self.budget.earn()
        request.transfer = True
        began = self.options.clock.monotonic()
        stack, stream = await Call(self, request, self._open, began).observed()
        async with stack:
            yield stream

    async def _plain(self, request: Request, began: float, *, first: bool = False) -> Response:
        """Make one attempt."""
        borrower = object()
        limiter = self._limiter
        waited = not limiter.try_enter(borrower) and await self._enter(request, borrower, began)
        try:
            late = waited or not first or request.within is not None
            left = self.left(request, began) if late else None
            response = await self.session.send(request, self.options, left)
        except (ReadTimeoutError, ConnectTimeoutError):
            limiter.overloaded()
            raise
        finally:
            limiter.leave(borrower)
        if response.status < 300:
            limiter.succeeded()
            deprecation = self.dialect.deprecation(request, response.headers)
            if deprecation is not None:
                self._warn(request.operation, deprecation)
            return response
        raise self._refused(request, response)

    async def _signed_in(self, request: Request, began: float, *, first: bool = False) -> Response:
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

    async def _open(
        self, request: Request, began: float
    ) -> tuple[AsyncExitStack, StreamingResponse]:
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
                response = Response(status=stream.status, headers=stream.headers, body=body)
                if auth is not None and request.credentials and response.status == _REFUSED:
                    auth.forget(request.credentials)
                raise self._refused(request, response)
            deprecation = self.dialect.deprecation(request, stream.headers)
            if deprecation is not None:
                self._warn(request.operation, deprecation)
            return stack.pop_all(), stream
        raise AssertionError  # pragma: no cover  the stack swallows nothing

    async def _enter(self, request: Request, borrower: object, began: float) -> bool:
        try:
            return await self._limiter.enter(borrower, lambda: self.left(request, began))
        except TimeoutError as error:
            raise DeadlineExceededError(
                f"{self.describe(request)}: no permit to send it before the deadline "
                f"({self.deadline(request)} s); {self._limiter.limit} calls may be in flight"
            ) from error

    def _warn(self, operation: str, deprecation: str) -> None:
        """Warn of an operation once."""
        if operation not in self._deprecated:
            self._deprecated.add(operation)
            warn_caller(deprecation)

    def _refused(self, request: Request, response: Response) -> ApiError:
        if response.status in {429, 503}:
            self._limiter.overloaded()
        secrets = [*self.secrets, *request.secrets]
        if request.credentials is not None:
            # A token that is good for this call only is not among those that the client knows.
            own = (Secret(value.rpartition(" ")[2]) for value in request.credentials.values())
            secrets = [*secrets, *own]
        return self.dialect.error(request, response, self.root, secrets)

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
