"""The base class of simulated services: sockets, recorded requests and scripted faults.

Decides what happens to a request before and after its operation, for any service. It uses
aiohttp's low-level server, because the router and the middlewares of an `aiohttp.web.Application`
would take more time than most of the simulated operations. A subclass defines the service:

    @dataclass
    class Shelf:
        books: dict[str, Row] = field(default_factory=dict[str, Row])

    LibraryCall: TypeAlias = Call[Shelf]
    ROUTES: RouteTable[LibraryCall] = RouteTable()

    @ROUTES.route("GET", "/books/{id}/")
    def get_book(call: LibraryCall) -> Response:
        if call.args["id"] not in call.state.books:
            raise ServiceFault(404, "No such book.")
        return ok(call.state.books[call.args["id"]])

    class FakeLibrary(FakeServer[Shelf]):
        root = "/api/v3"
        routes = ROUTES

        def __init__(self, **options: Unpack[Options]) -> None:
            super().__init__(Shelf(), **options)

        def admit(self, call: LibraryCall, route: Route) -> None:
            if not route.public and call.request.headers.get("Authorization") != "Bearer token":
                raise ServiceFault(401, "Unknown token.")

        def error(self, fault: ServiceFault) -> Response:
            return ok({"detail": fault.message}, fault.status)

Handlers may be coroutine functions; `Call` parses queries, JSON and forms for them. A request
without a route is passed to `unknown` if its path is below `root`, and otherwise to `outside`; both
return 404 unless overridden. If handlers need more than the state, as those of Connect do, override
`make_call` to return a subclass of `Call`.
"""

import asyncio
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any, ClassVar, Generic, Self, TypedDict, TypeVar, cast

from aiohttp import web

from aconnect.testing.exchange import ServedExchange
from aconnect.testing.faults import Fault
from aconnect.testing.limits import ConcurrencyLimit, RateLimit
from aconnect.testing.ranges import check_range
from aconnect.testing.routing import router_for
from aconnect.testing.wire import Call, Recorded, Response, Route, RouteTable, ServiceFault, text

S = TypeVar("S")

_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared only
"""What stands for all addresses, and one of these that this machine can connect to."""


class Options(TypedDict, total=False):
    """The keyword arguments that subclasses pass to `FakeServer`, which documents them."""

    prefix: str
    record: bool
    host: str
    port: int
    latency: float
    rate_limit: RateLimit | None
    concurrency_limit: ConcurrencyLimit | None


class FakeServer(ABC, Generic[S]):
    """A service on the loopback interface, with a state, scripted faults and recorded requests.

    Args:
        state: The initial state of the server.
        version: The version whose routes the server has; None for the routes of all versions.
        prefix: The path below which the server is available, such as "/rsc".
        record: Record every request in `requests`; benchmarks switch this off.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        latency: The seconds by which each response is delayed, in real time. Concurrent requests
            wait at the same time.
        rate_limit: The requests per second that the server accepts; by default any number.
        concurrency_limit: The requests that it performs at the same time; by default any number.
    """

    root: str
    """The path of the API below the prefix, without a trailing slash."""
    routes: ClassVar[RouteTable[Any]]

    def __init__(
        self,
        state: S,
        *,
        version: tuple[int, int, int] | None = None,
        prefix: str = "",
        record: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        latency: float = 0.0,
        rate_limit: RateLimit | None = None,
        concurrency_limit: ConcurrencyLimit | None = None,
    ) -> None:
        check_range("port", port, 0, 65535)
        check_range("latency", latency, 0)
        self.state: S = state
        self.latency = latency
        self.rate_limit = rate_limit
        self.concurrency_limit = concurrency_limit
        self.outage: Fault | None = None
        """A fault that is applied to every request while it is set."""
        self.refused: int = 0
        """The number of requests that exceeded a limit."""
        self.requests: list[Recorded] = []
        self.elsewhere_requests: list[Recorded] = []
        self.prefix: str = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._record = record
        self._address = (host, port)
        if not _is_loopback(host):
            warnings.warn(
                f"the simulated server listens on {host or 'all addresses'}, where others may "
                "reach it: its key is publicly known, and it has no other protection",
                UserWarning,
                stacklevel=3,
            )
        self.use_routes(version)
        self._below = self.prefix + self.root
        self._script: list[tuple[str, str, Fault]] = []
        self._received = 0
        self._url = ""
        self._elsewhere = ""
        self._stopping = asyncio.Event()
        self._runners: list[web.ServerRunner] = []

    @abstractmethod
    def admit(self, call: Call[S], route: Route) -> None:
        """Authenticate the caller; raise a `ServiceFault` if it may not call the route."""

    @abstractmethod
    def error(self, fault: ServiceFault) -> Response:
        """Return an error response in the format of the service."""

    def unknown(self, call: Call[S], allowed: list[str]) -> Response:
        """Respond to a request without a route; `allowed` are the methods declared for its path."""
        del call, allowed
        return text("404 page not found\n", 404)

    async def outside(self, call: Call[S]) -> Response:
        """Respond to a request outside `root`; `call.path` does not include the prefix."""
        del call
        return text("404 page not found\n", 404)

    def make_call(self, request: web.BaseRequest, path: str, query_string: str) -> Call[S]:
        """Create the call that is passed to handlers; override it to use a subclass of `Call`."""
        return Call(self, request, path, query_string)

    def use_routes(self, version: tuple[int, int, int] | None) -> None:
        """Have the routes of this version; None for the routes of all versions."""
        self._router = router_for(self.routes, version, len(self.routes.entries))

    def now(self) -> datetime:
        """Return the time of the server, which its responses have in the `Date` header."""
        return datetime.now(UTC)

    @property
    def url(self) -> str:
        """The URL of the server, including the prefix, without a trailing slash."""
        return self._url

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def elsewhere(self) -> str:
        """The URL of a second listener (another origin), which only records requests."""
        return self._elsewhere

    async def start(self) -> None:
        """Start listening."""
        self._stopping.clear()
        host, port = self._address
        self._url = await self._listen(self._handle, host, port) + self.prefix
        self._elsewhere = await self._listen(self._handle_elsewhere, host, 0)

    async def _listen(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        host: str,
        port: int,
    ) -> str:
        server = web.Server(handler, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
        bound: str = runner.addresses[0][0]
        number: int = runner.addresses[0][1]
        host = _UNSPECIFIED.get(bound, host)
        return f"http://{f'[{host}]' if ':' in host else host}:{number}"

    async def stop(self) -> None:
        """Stop listening and close all connections, including those of requests in progress."""
        self._stopping.set()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def script(self, *faults: Fault, on: str = "*") -> None:
        """Apply these faults to the next requests that match `on`, one per request, in order.

        Args:
            faults: The faults to apply.
            on: `METHOD /path` or `/path`, with the path below `root`. Both may contain wildcards;
                `*` matches every request.
        """
        method, separator, path = on.partition(" ")
        if not separator:
            method, path = "*", on
        self._script.extend((method, path, fault) for fault in faults)

    def clear_script(self) -> None:
        """Discard the scripted faults that have not been used."""
        self._script.clear()

    def assert_script_used(self) -> None:
        """Raise AssertionError if a scripted fault has not been used."""
        unused = [f"{fault!r} on {method} {path}" for method, path, fault in self._script]
        if unused:
            raise AssertionError("These scripted faults were not used:\n" + "\n".join(unused))

    def count(self, method: str, path: str) -> int:
        """Return the number of recorded requests; `path` may contain wildcards."""
        return sum(r.method == method and fnmatchcase(r.path, path) for r in self.requests)

    async def hold(self, seconds: float) -> None:
        """Wait for a number of seconds, or until the server stops."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        if path.startswith(self._below):
            path = path[len(self._below) :]
            inside = True
        else:
            path = path.removeprefix(self.prefix)
            inside = False
        call = self.make_call(request, path, query_string)
        if self._record:
            self._received += 1
            call.record = Recorded(
                self._received, request.method, path, query_string, request.headers
            )
            self.requests.append(call.record)
        exchange = ServedExchange(self, call, inside)
        if self.latency:
            await exchange.hold(self.latency)
        if self._script:
            fault = self._next_fault(request.method, path)
            if fault is not None:
                return await exchange.apply(fault)
        if self.outage is not None:
            return await exchange.apply(self.outage)
        if self.rate_limit is not None and not self.rate_limit.accepts():
            self.refused += 1
            return await exchange.apply(self.rate_limit.refusal)
        if self.concurrency_limit is not None:
            return await self._perform(exchange, self.concurrency_limit)
        return await exchange.send(await exchange.response())

    async def _perform(
        self, exchange: ServedExchange, limit: ConcurrencyLimit
    ) -> web.StreamResponse:
        """Perform an operation, unless too many are being performed."""
        if limit.in_progress >= limit.limit:
            self.refused += 1
            return await exchange.apply(limit.refusal)
        limit.in_progress += 1
        try:
            return await exchange.send(await exchange.response())
        finally:
            limit.in_progress -= 1

    def _next_fault(self, method: str, path: str) -> Fault | None:
        for i, (methods, paths, fault) in enumerate(self._script):
            if fnmatchcase(method, methods) and (paths == "*" or fnmatchcase(path, paths)):
                del self._script[i]
                return fault
        return None

    async def serve(self, call: Call[S], *, inside: bool) -> Response:
        """Perform an operation and return its response, which may be an error response."""
        if not inside:
            return await self.outside(call)
        match = self._router.find(call.request.method, call.path)
        if match is None:
            return self.unknown(call, self._router.methods(call.path))
        route, call.args = match
        try:
            self.admit(call, route)
            response: Response = route.handler(call)
            if route.is_coroutine:
                response = await cast("Awaitable[Response]", response)
        except ServiceFault as fault:
            return self.error(fault)
        response.headers |= route.headers
        return response

    async def _handle_elsewhere(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        call = Call(self, request, path, query_string)
        number = len(self.elsewhere_requests) + 1
        call.record = Recorded(number, request.method, path, query_string, request.headers)
        self.elsewhere_requests.append(call.record)
        await call.drain()
        return web.Response(body=b"{}", content_type="application/json")


def _is_loopback(host: str) -> bool:
    """Return True if only this machine can connect to an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
