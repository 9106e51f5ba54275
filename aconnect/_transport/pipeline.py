"""What a call passes through, from outside in: events, retries, permit, one attempt, judgement.

The first attempt goes out with as little as possible around it; what only failures and subscribers
need (`calls`) is created when there are any.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Final, Self, TypeVar

import msgspec

from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.events import Event, Subscriber
from aconnect._core.limits import RetryBudget
from aconnect._core.message import (
    NO_OPTIONS,
    CallOptions,
    Request,
    Response,
    StreamingResponse,
    Upload,
)
from aconnect._core.redaction import Secret, redact
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

T = TypeVar("T")

_UNAUTHORIZED: Final = 401
_MAX_ERROR_BODY: Final = 64 * 1024

Credentials = Mapping[str, str]

_responses: ContextVar[list[Response] | None] = ContextVar("aconnect responses", default=None)


@contextmanager
def record_responses() -> Generator[list[Response], None, None]:
    """Collect the successful responses of the calls made in the block, the last one only."""
    responses: list[Response] = []
    token = _responses.set(responses)
    try:
        yield responses
    finally:
        _responses.reset(token)


class Pipeline:
    """Makes calls to one origin under one set of options."""

    def __init__(
        self,
        api_root: str,
        headers: Mapping[str, str],
        options: Options,
        dialect: Dialect,
        secrets: Sequence[Secret] = (),
        auth: SignIn | None = None,
    ) -> None:
        self.options = options
        self.dialect = dialect
        self.auth = auth
        self.session = Session(api_root, headers, options)
        # What follows is shared by all clients that `with_options` makes of one.
        self.subscribers: list[Subscriber] = []
        self._secrets = list(secrets)
        self._budget = RetryBudget()
        self._limiter = Limiter(options.limits, options.clock)
        self._deprecated: set[str] = set()

    def with_options(self, options: Options) -> Self:
        """Return the same connections, limits and budget under other timeouts and retries."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.options = options
        return other

    @property
    def api_root(self) -> str:
        """The address that the paths of the API begin with; a sign-in may change it."""
        return self.session.api_root

    @property
    def clock(self) -> Clock:
        """The source of time."""
        return self.options.clock

    @property
    def in_flight(self) -> int:
        """How many calls are in flight."""
        return self._limiter.in_flight

    @property
    def limit(self) -> int:
        """How many calls may be in flight at the moment."""
        return self._limiter.limit

    def notify(self, make: Callable[[], Event], /) -> None:
        """Send an event to the subscribers; it is not built if there are none."""
        if self.subscribers:
            event = make()
            for subscriber in self.subscribers:
                subscriber(event)

    def redact(self, text: str, secrets: Sequence[Secret] = (), /) -> str:
        """Replace the client's secrets, and these, in a text that came from elsewhere."""
        return redact(text, [*self._secrets, *secrets])

    def add_secret(self, secret: Secret, *, replaces: Secret | None = None) -> None:
        """Redact a further value from now on, in place of one that has become invalid."""
        if replaces is not None and replaces in self._secrets:
            self._secrets.remove(replaces)
        self._secrets.append(secret)

    async def send(self, request: Request, call: CallOptions = NO_OPTIONS, /) -> Response:
        """Make a call and return its successful response, or raise its last failure."""
        self._budget.earn()
        began = self.options.clock.monotonic()
        attempt = self._attempt if self.auth is None else self._signed_in
        if self.subscribers:
            observed = self._call(request, call, began, partial(attempt, call=call, began=began))
            response = await observed.observed()
            response.attempts = observed.attempts
            observed.finished(response.status)
        else:
            try:
                response = await attempt(request, call, began, first=True)
            except AconnectError as error:
                retried = self._call(request, call, began, partial(attempt, call=call, began=began))
                response = await retried.retry(error)
                response.attempts = retried.attempts
        responses = _responses.get()
        if responses is not None:
            responses[:] = [response]
        return response

    @asynccontextmanager
    async def stream(
        self, request: Request, call: CallOptions = NO_OPTIONS, /
    ) -> AsyncGenerator[StreamingResponse, None]:
        """Make a call whose response body is read chunk by chunk.

        It is retried until a response begins; a later failure is raised, because the caller has
        seen a part already. The permit is kept until the body is done.
        """
        self._budget.earn()
        began = self.options.clock.monotonic()
        observed = self._call(
            request, call, began, partial(self._open, call=call, began=began), is_transfer=True
        )
        stack, stream = await observed.observed()
        async with stack:
            stream.attempts = observed.attempts
            observed.finished(stream.status)
            responses = _responses.get()
            if responses is not None:
                responses[:] = [
                    Response(status=stream.status, headers=stream.headers, attempts=stream.attempts)
                ]
            yield stream

    def _call(
        self,
        request: Request,
        call: CallOptions,
        began: float,
        attempt: Callable[[Request], Awaitable[T]],
        *,
        is_transfer: bool = False,
    ) -> Call[T]:
        deadline = None if is_transfer else self._deadline(request, call)
        return Call(
            request,
            attempt,
            title=self._title(request),
            began=began,
            policy=msgspec.structs.replace(self.options.retry, deadline=deadline),
            dialect=self.dialect,
            budget=self._budget,
            clock=self.options.clock,
            notify=self.notify,
        )

    async def _attempt(
        self,
        request: Request,
        call: CallOptions,
        began: float,
        *,
        first: bool = False,
        credentials: Credentials | None = None,
    ) -> Response:
        """Make one attempt."""
        borrower = object()
        limiter = self._limiter
        waited = not limiter.try_acquire(borrower) and await self._acquire(
            request, call, borrower, began
        )
        try:
            late = waited or not first or call.deadline is not None
            remaining = self._remaining(request, call, began) if late else None
            response = await self.session.send(
                request, self.options, call, credentials or call.credentials, remaining
            )
        except (ReadTimeoutError, ConnectTimeoutError):
            limiter.overloaded()
            raise
        finally:
            limiter.release(borrower)
        if response.status < 300:
            limiter.succeeded()
            self._warn_deprecated(request, response.headers)
            return response
        raise self._error(request, response, credentials or call.credentials)

    async def _signed_in(
        self, request: Request, call: CallOptions, began: float, *, first: bool = False
    ) -> Response:
        """Make an attempt, signed in if the request is not anonymous."""
        if self.auth is None or request.anonymous or call.credentials is not None:
            return await self._attempt(request, call, began, first=first)
        return await self._with_fetched(self.auth, self._attempt, request, call, began)

    async def _with_fetched(
        self,
        auth: SignIn,
        attempt: Callable[..., Awaitable[T]],
        request: Request,
        call: CallOptions,
        began: float,
        *,
        is_transfer: bool = False,
    ) -> T:
        """Make an attempt with fetched credentials; once more with fresh ones if refused."""

        async def fetched() -> Credentials:
            try:
                return await auth.headers(
                    None if is_transfer else self._remaining(request, call, began)
                )
            except TimeoutError as error:
                late = DeadlineExceededError(
                    f"{self._title(request)}: not signed in before the deadline "
                    f"({self._deadline(request, call)} s)"
                )
                late.signing_in = True
                raise late from error

        credentials = await fetched()
        try:
            return await attempt(request, call, began, credentials=credentials)
        except ApiError as error:
            if error.status != _UNAUTHORIZED:
                raise
        # The server did nothing, so this is safe for every call.
        auth.forget(credentials)
        return await attempt(request, call, began, credentials=await fetched())

    async def _open(
        self, request: Request, call: CallOptions, began: float
    ) -> tuple[AsyncExitStack, StreamingResponse]:
        if self.auth is None or request.anonymous or call.credentials is not None:
            return await self._open_once(request, call, began, credentials=call.credentials)
        return await self._with_fetched(
            self.auth, self._open_once, request, call, began, is_transfer=True
        )

    async def _open_once(
        self, request: Request, call: CallOptions, began: float, *, credentials: Credentials | None
    ) -> tuple[AsyncExitStack, StreamingResponse]:
        borrower = object()
        await self._acquire(request, call, borrower, began, is_transfer=True)
        async with AsyncExitStack() as stack:
            stack.callback(self._limiter.release, borrower)
            stream = await stack.enter_async_context(
                self.session.stream(request, self.options, call, credentials)
            )
            if stream.status >= 300:
                body = b""
                async for chunk in stream:
                    body += chunk
                    if len(body) > _MAX_ERROR_BODY:
                        break
                response = Response(status=stream.status, headers=stream.headers, body=body)
                raise self._error(request, response, credentials)
            self._warn_deprecated(request, stream.headers)
            return stack.pop_all(), stream
        raise AssertionError  # pragma: no cover  the stack swallows nothing

    async def _acquire(
        self,
        request: Request,
        call: CallOptions,
        borrower: object,
        began: float,
        *,
        is_transfer: bool = False,
    ) -> bool:
        def remaining() -> float | None:
            return None if is_transfer else self._remaining(request, call, began)

        try:
            return await self._limiter.acquire(borrower, remaining)
        except TimeoutError as error:
            raise DeadlineExceededError(
                f"{self._title(request)}: no permit to send it before the deadline "
                f"({self._deadline(request, call)} s); {self._limiter.limit} calls may be in flight"
            ) from error

    def _warn_deprecated(self, request: Request, headers: Mapping[str, str]) -> None:
        """Warn once of an operation, whichever of the clients made of this one calls it."""
        message = self.dialect.deprecation(request, headers)
        if message is not None and request.operation not in self._deprecated:
            self._deprecated.add(request.operation)
            warn_caller(message)

    def _error(
        self, request: Request, response: Response, credentials: Credentials | None
    ) -> ApiError:
        if response.status in {429, 503}:
            self._limiter.overloaded()
        # A token that is valid for this call only is not among the client's secrets.
        own = (Secret(value.rpartition(" ")[2]) for value in (credentials or {}).values())
        secrets = [*self._secrets, *request.secrets, *own]
        return self.dialect.error(request, response, self.api_root, secrets)

    def _remaining(self, request: Request, call: CallOptions, began: float) -> float | None:
        """Return the seconds that remain for a call; None if there is no deadline."""
        deadline = self._deadline(request, call)
        if deadline is None:
            return None
        return max(began + deadline - self.options.clock.monotonic(), 0.001)

    def _deadline(self, request: Request, call: CallOptions) -> float | None:
        """Return the seconds for a whole call; None if there is no limit."""
        if isinstance(request.body, Upload):
            # The time depends on the size.
            return None
        limits = [t for t in (self.options.retry.deadline, call.deadline) if t is not None]
        return min(limits, default=None)

    def _title(self, request: Request) -> str:
        return f"{request.method} {self.api_root}{request.path}"
