"""What a call passes through, from outside in: events, retries, its turn, one attempt, judgement.

The first attempt goes out with as little as possible around it; what only failures and subscribers
need (`calls`) is created when there are any.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Final, Self, TypeVar

import msgspec

from aconnect._core.clock import Clock
from aconnect._core.dialect import Dialect
from aconnect._core.events import CallsHeldBack, Event, Subscriber
from aconnect._core.limits import RetryBudget
from aconnect._core.message import (
    NO_OPTIONS,
    CallOptions,
    Request,
    Response,
    StreamingResponse,
    Upload,
)
from aconnect._core.pace import Ticket
from aconnect._core.redaction import Secret, credentials_in, redact
from aconnect._core.retry import ONLY_ONCE, is_refusal, retry_after
from aconnect._transport.calls import Call, summary
from aconnect._transport.deprecation import warn_caller
from aconnect._transport.limiter import Limiter, NotAdmittedError, Patience
from aconnect._transport.options import Options
from aconnect._transport.session import Session
from aconnect._transport.signin import SignIn
from aconnect.errors import (
    AconnectError,
    ApiError,
    ClientClosedError,
    ConnectionFailedError,
    ConnectionLostError,
    ConnectTimeoutError,
    DeadlineExceededError,
    OutageError,
    ReadTimeoutError,
)

T = TypeVar("T")

_UNAUTHORIZED: Final = 401
_CONTENT: Final = Dialect()
"""That of content: its bodies have no format, and no error codes."""
_GATEWAY_FAILED: Final = frozenset({502, 504})
"""The statuses of a proxy that got no response."""

Credentials = Mapping[str, str]

_responses: ContextVar[list[Response] | None] = ContextVar("aconnect responses", default=None)


@contextmanager
def record_responses() -> Generator[list[Response], None, None]:
    """Collect the successful responses of the calls made in the block, the last one only."""
    outer, responses = _responses.get(), list[Response]()
    token = _responses.set(responses)
    try:
        yield responses
    finally:
        _responses.reset(token)
        if outer is not None and responses:
            outer[:] = responses


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
        self.session: Session = Session(api_root, headers, options, self.redact)
        # What follows is shared by all clients that `with_options` makes of one.
        self.subscribers: list[Subscriber] = []
        self._secrets = list(secrets)
        self._budget = RetryBudget()
        self._limiter = Limiter(options.limits, options.clock)
        self._deprecated: set[str] = set()
        self._owns_connections = True

    def with_options(self, options: Options) -> Self:
        """Return the same connections, limits and budget under other timeouts and retries."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.options = options
        return other

    def with_sign_in(self, auth: SignIn, dialect: Dialect | None = None) -> Self:
        """Return the same connections, limits and budget with other credentials.

        Closing it ends its own session only. Another dialect says what is special about them.
        """
        other = self.with_options(self.options)
        other.dialect = dialect or self.dialect
        # Its tokens are forgotten with it.
        vars(other).update(auth=auth, _secrets=list(self._secrets), _owns_connections=False)
        return other

    @property
    def api_root(self) -> str:
        """The address that the paths of the API begin with; a sign-in may change it."""
        return self.session.api_root

    @property
    def server(self) -> str:
        """The server's address, which the paths outside the API begin with."""
        return self.session.server

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

    @property
    def refusals(self) -> int:
        """How often the server has refused a call for now."""
        return self._limiter.refusals

    @property
    def seconds_held_back(self) -> float:
        """For how many seconds calls were held back, in all."""
        return self._limiter.seconds_held_back

    @property
    def closed(self) -> bool:
        """Whether it was closed, or the connections that it uses."""
        return self.session.closed or (self.auth is not None and self.auth.closed)

    def check_loop(self) -> None:
        """Belong to the running event loop from the first call on; raise in any other one.

        What follows shares locks, futures and timers between calls, which other loops must not
        touch, so this comes first.

        Raises:
            EventLoopError: The client belongs to another event loop.
        """
        if self.session.loop is not (loop := asyncio.get_running_loop()):
            self.session.claim(loop)

    async def close(self) -> None:
        """Sign out if signed in, give up the calls that wait, and close all connections.

        Raises:
            EventLoopError: They belong to another event loop, which has not ended.
        """
        loop = self.session.loop
        # After the end of a loop, there is no other way to close what belongs to it.
        if loop is not None and not loop.is_closed() and not self.session.closed:
            self.check_loop()
        if self.auth is not None:
            await self.auth.close()
        if self._owns_connections:
            self._limiter.close()
            await self.session.close()

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
        self.check_loop()
        self._budget.earn()
        began = self.options.clock.monotonic()
        attempt = self._attempt if self.auth is None else self._signed_in
        if self.subscribers:
            again = partial(attempt, call=call, began=began)
            observed = self._call(request, call, began, again)
            response = await observed.observed()
            response.attempts = observed.attempts
            observed.finished(response.status)
        else:
            try:
                response = await attempt(request, began, call, began, first=True)
            except AconnectError as error:
                again = partial(attempt, call=call, began=began)
                retried = self._call(request, call, began, again)
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
        seen a part already. It counts as in flight until the body is done.
        """
        self.check_loop()
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
        attempt: Callable[[Request, float], Awaitable[T]],
        *,
        is_transfer: bool = False,
    ) -> Call[T]:
        return Call(
            request,
            attempt,
            title=self._title(request),
            began=began,
            policy=msgspec.structs.replace(self.options.retry, deadline=self._deadline(call)),
            is_transfer=is_transfer or isinstance(request.body, Upload),
            dialect=self.dialect,
            budget=self._budget,
            limiter=self._limiter,
            clock=self.options.clock,
            notify=self.notify,
            redact=self.redact,
        )

    async def _attempt(
        self,
        request: Request,
        place: float,
        call: CallOptions,
        began: float,
        *,
        first: bool = False,
        credentials: Credentials | None = None,
    ) -> Response:
        """Make one attempt; `place` is the time that determines its place in line."""
        limiter = self._limiter
        ticket = limiter.try_enter(began) if first else None
        late = ticket is None or call.deadline is not None
        if ticket is None:
            ticket = await self._enter(request, place, call, began)
        try:
            remaining = self._remaining(call, began) if late else None
            response = await self.session.send(
                request, self.options, call, credentials or call.credentials, remaining
            )
        except BaseException as error:
            self._failed(request, ticket, error)
            raise
        if response.status < 300 or request.is_success(response.status):
            limiter.accepted(ticket)
            limiter.left()
            self._warn_deprecated(request, response.headers)
            return response
        raise self._refused(request, ticket, response, call, credentials)

    async def _signed_in(
        self,
        request: Request,
        place: float,
        call: CallOptions,
        began: float,
        *,
        first: bool = False,
    ) -> Response:
        """Make an attempt, signed in if the request is not anonymous."""
        if self.auth is None or request.anonymous or call.credentials is not None:
            return await self._attempt(request, place, call, began, first=first)
        return await self._with_fetched(self.auth, self._attempt, request, place, call, began)

    async def _with_fetched(
        self,
        auth: SignIn,
        attempt: Callable[..., Awaitable[T]],
        request: Request,
        place: float,
        call: CallOptions,
        began: float,
    ) -> T:
        """Make an attempt with fetched credentials; once more with fresh ones if refused."""

        async def fetched() -> Credentials:
            try:
                return await auth.headers(self._remaining(call, began))
            except TimeoutError as error:
                late = DeadlineExceededError(
                    f"{self._title(request)}: not signed in before the deadline "
                    f"({self._deadline(call)} s)"
                )
                late.signing_in = True
                raise late from error

        credentials = await fetched()
        try:
            return await attempt(request, place, call, began, credentials=credentials)
        except ApiError as error:
            if error.status != _UNAUTHORIZED:
                raise
            auth.forget(credentials)
            if request.is_used_up:
                error.add_note(ONLY_ONCE)
                raise
            if request.to_content and not request.idempotent:
                # It may be from the content, which may have acted before.
                raise
        # The server did nothing, or may do it twice.
        return await attempt(request, place, call, began, credentials=await fetched())

    async def _open(
        self, request: Request, place: float, call: CallOptions, began: float
    ) -> tuple[AsyncExitStack, StreamingResponse]:
        if self.auth is None or request.anonymous or call.credentials is not None:
            return await self._open_once(request, place, call, began, credentials=call.credentials)
        return await self._with_fetched(self.auth, self._open_once, request, place, call, began)

    async def _open_once(
        self,
        request: Request,
        place: float,
        call: CallOptions,
        began: float,
        *,
        credentials: Credentials | None,
    ) -> tuple[AsyncExitStack, StreamingResponse]:
        ticket = await self._enter(request, place, call, began)
        async with AsyncExitStack() as stack:
            try:
                stream = await stack.enter_async_context(
                    self.session.stream(request, self.options, call, credentials)
                )
                failed = not request.is_success(stream.status)
                # The session has read the body of an error, as much as a message needs.
                body = b"".join([chunk async for chunk in stream]) if failed else b""
            except BaseException as error:
                self._failed(request, ticket, error)
                raise
            if failed:
                response = Response(status=stream.status, headers=stream.headers, body=body)
                raise self._refused(request, ticket, response, call, credentials)
            self._limiter.accepted(ticket)
            async with AsyncExitStack() as closing:
                closing.callback(self._limiter.left)
                await closing.enter_async_context(stack.pop_all())
                self._warn_deprecated(request, stream.headers)
                return closing.pop_all(), stream
        raise AssertionError  # pragma: no cover  the stack swallows nothing

    async def _enter(
        self, request: Request, place: float, call: CallOptions, began: float
    ) -> Ticket:
        """Wait until the request may be sent."""
        deadline, policy = self._deadline(call), self.options.retry
        patience = Patience(None if deadline is None else began + deadline, policy.max_retry_after)
        try:
            return await self._limiter.enter(place, patience)
        except NotAdmittedError as error:
            raise self._not_sent(request, error, deadline) from error

    def _not_sent(
        self, request: Request, reason: NotAdmittedError, deadline: float | None
    ) -> AconnectError:
        """Return the public error for a call that could not be sent in time."""
        title = self._title(request)
        if reason.is_closed:
            return ClientClosedError(f"{title}: not sent, because the client was closed")
        if reason.refusal is not None:
            reason.refusal.add_note(f"{title} was not sent, because the server asked to wait")
            return reason.refusal
        if reason.outage is not None:
            return OutageError(
                f"{title}: not sent, because the server has not responded to any call for a while; "
                f"the last failure: {summary(reason.outage)}"
            )
        return DeadlineExceededError(
            f"{title}: not sent before the deadline ({deadline} s), because {reason}; "
            f"{self._limiter.limit} calls may be in flight"
        )

    def _failed(self, request: Request, ticket: Ticket, error: BaseException) -> None:
        """Learn from an attempt that has got no response."""
        if request.to_content and isinstance(error, ConnectionLostError | ReadTimeoutError):
            # Of the content, which may be starting or broken.
            held_back = 0.0
            self._limiter.left()
        elif isinstance(error, ConnectionFailedError | ConnectionLostError):
            held_back = self._limiter.failed(ticket, error)
        elif isinstance(error, ReadTimeoutError | ConnectTimeoutError):
            held_back = self._limiter.failed(ticket, error, is_slow=True)
        else:
            # Cancelled, or something that says nothing about what the server can bear.
            held_back = 0.0
            self._limiter.left()
        self._notify_held_back(request, held_back, requested=False)

    def _refused(
        self,
        request: Request,
        ticket: Ticket,
        response: Response,
        call: CallOptions,
        credentials: Credentials | None,
    ) -> ApiError:
        """Return the error of an unsuccessful response, and learn from it."""
        # What is valid for this call only is not among the client's secrets.
        own = credentials_in(credentials, call.credentials, {"Cookie": call.cookies})
        error = self._error(request, response, own)
        error.from_content = request.to_content
        if is_refusal(error):
            most = self.options.retry.max_retry_after
            held_back = self._limiter.refused(ticket, error, most)
        elif (
            error.status in _GATEWAY_FAILED
            and not error.from_content
            and self.dialect.is_transient(error) is not False
        ):
            held_back = self._limiter.failed(ticket, error)
        else:
            held_back = 0.0
            self._limiter.accepted(ticket)
            self._limiter.left()
        self._notify_held_back(request, held_back, requested=bool(error.retry_after_seconds))
        return error

    def _notify_held_back(self, request: Request, seconds: float, *, requested: bool) -> None:
        if seconds:
            self.notify(
                lambda: CallsHeldBack(
                    operation=request.operation, seconds=seconds, requested=requested
                )
            )

    def _warn_deprecated(self, request: Request, headers: Mapping[str, str]) -> None:
        """Warn once of an operation, whichever of the clients made of this one calls it."""
        message = self.dialect.deprecation(request, headers)
        if message is not None and request.operation not in self._deprecated:
            self._deprecated.add(request.operation)
            warn_caller(self.redact(message))

    def _error(self, request: Request, response: Response, own: Sequence[Secret]) -> ApiError:
        secrets = [*self._secrets, *request.secrets, *own]
        dialect = _CONTENT if request.to_content else self.dialect
        error = dialect.error(request, response, self.session.root(request), secrets)
        error.retry_after_seconds = retry_after(
            error.retry_after, self.options.clock.time(), date=response.headers.get("Date")
        )
        return error

    def _remaining(self, call: CallOptions, began: float) -> float | None:
        """Return the seconds that remain for a call; None if there is no limit."""
        deadline = self._deadline(call)
        if deadline is None:
            return None
        return max(began + deadline - self.options.clock.monotonic(), 0.001)

    def _deadline(self, call: CallOptions) -> float | None:
        """Return the seconds for a whole call; None if there is no limit."""
        limits = [t for t in (self.options.retry.deadline, call.deadline) if t is not None]
        return min(limits, default=None)

    def _title(self, request: Request) -> str:
        return f"{request.method} {self.session.root(request)}{request.path}"
