"""The simulated server: sockets, keys, nodes, records of requests and scripts of faults.

Decides what happens to a request before and after its operation. It knows no operation: `routes`
does, and `faults` knows how answers go wrong. It is built on aiohttp's low-level server, since an
application with its router and middlewares would cost more than most of the simulated operations.
"""

import asyncio
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Self, cast

from aiohttp import web

from aconnect.testing import routes
from aconnect.testing.exchange import ServedExchange
from aconnect.testing.faults import Fault
from aconnect.testing.routing import Router
from aconnect.testing.seeding import ADMIN_KEY, seeded_state
from aconnect.testing.state import Seed, State
from aconnect.testing.versions import Features, parse_version
from aconnect.testing.wire import (
    ROLES,
    Answer,
    ApiFault,
    Call,
    Recorded,
    Route,
    Row,
    error,
    forbidden,
    text,
)

# Importing the routes registers them; naming them here keeps the import in use.
RESOURCE_GROUPS = tuple(routes.__all__)


class FakeConnect:
    """A Posit Connect server on the loopback interface, with data, faults and a record.

    Args:
        seed: What the server holds when it begins.
        version: What it says it is and behaves like; None or "" hides it and means the newest.
        prefix: Path that the server lives under, such as "/rsc".
        nodes: How many nodes the cluster has; more than one makes tasks depend on cookies.
        record: Keep every request in `requests`; off for benchmarks.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        page_cache: How many encoded keyset pages are kept; about 170 KB each at 500 visits.
    """

    def __init__(
        self,
        seed: Seed | None = None,
        *,
        version: str | None = "2026.03.0",
        prefix: str = "",
        nodes: int = 1,
        record: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        page_cache: int = 2100,
    ) -> None:
        number = parse_version(version)
        self.version = version
        self.features: Features = Features.of(number)
        self.state: State = seeded_state(seed or Seed(), self.features, page_cache)
        self.requests: list[Recorded] = []
        self.elsewhere_requests: list[Recorded] = []
        self.api_key = ADMIN_KEY
        self.prefix: str = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self.nodes = nodes
        self._record = record
        self._address = (host, port)
        self._router = Router(number)
        self._root = f"{self.prefix}/__api__"
        self._script: list[tuple[str, str, Fault]] = []
        self._arrived = 0
        self._turn = 0
        self._url = ""
        self._elsewhere = ""
        self._stopping = asyncio.Event()
        self._runners: list[web.ServerRunner] = []

    @property
    def url(self) -> str:
        """Address of the server with its prefix, without a slash at the end."""
        return self._url

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def elsewhere(self) -> str:
        """Address of a second listener, another origin, that only records."""
        return self._elsewhere

    async def start(self) -> None:
        """Begin to listen."""
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
        bound: int = runner.addresses[0][1]
        return f"http://{f'[{host}]' if ':' in host else host}:{bound}"

    async def stop(self) -> None:
        """End all connections, also those that wait, and stop listening."""
        self._stopping.set()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        self.state.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def script(self, *faults: Fault, on: str = "*") -> None:
        """Let the next requests that match `on` meet these faults, one each, in order.

        Args:
            faults: What happens to them.
            on: `METHOD /path`, the path below `/__api__`, both with wild-cards; `*` is every
                request.
        """
        method, space, path = on.partition(" ")
        if not space:
            method, path = "*", on
        self._script.extend((method, path, fault) for fault in faults)

    def assert_script_used(self) -> None:
        """Fail if a scripted fault was not met."""
        left = [f"{fault!r} on {method} {path}" for method, path, fault in self._script]
        if left:
            raise AssertionError("These scripted faults were not met:\n" + "\n".join(left))

    def count(self, method: str, path: str) -> int:
        """Count recorded requests; the path may have wild-cards."""
        return sum(r.method == method and fnmatchcase(r.path, path) for r in self.requests)

    def api_key_for(self, username: str) -> str:
        """Return a user's key, making one if the user has none."""
        row = self.state.user_named(username)
        if row is None:
            raise KeyError(f"the server has no user {username!r}")
        for key, guid in self.state.keys.items():
            if guid == row["guid"]:
                return key
        key = f"fake-key-of-{username}"
        self.state.keys[key] = row["guid"]
        return key

    async def hold(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        if path.startswith(self._root):
            path = path[len(self._root) :]
            inside = True
        else:
            path = path.removeprefix(self.prefix)
            inside = False
        node, fresh = self._node(request) if self.nodes > 1 else (1, False)
        call = Call(self, request, path, query_string, node)
        if self._record:
            self._arrived += 1
            call.record = Recorded(
                self._arrived, request.method, path, query_string, request.headers
            )
            self.requests.append(call.record)
        exchange = ServedExchange(self, call, inside, fresh)
        if self._script:
            fault = self._next_fault(request.method, path)
            if fault is not None:
                return await exchange.meet(fault)
        return await exchange.send(await exchange.answer())

    def _node(self, request: web.BaseRequest) -> tuple[int, bool]:
        """Return the node that serves a request, and whether the client is to be told."""
        given = request.cookies.get("rscid", "")
        if given.isdecimal() and 1 <= int(given) <= self.nodes:
            return int(given), False
        self._turn = self._turn % self.nodes + 1
        return self._turn, True

    def _next_fault(self, method: str, path: str) -> Fault | None:
        for i, (methods, paths, fault) in enumerate(self._script):
            if fnmatchcase(method, methods) and (paths == "*" or fnmatchcase(path, paths)):
                del self._script[i]
                return fault
        return None

    async def serve(self, call: Call, *, inside: bool) -> Answer:
        """Let an operation happen and return its answer, also if it is an error."""
        if not inside:
            return self._outside(call)
        found = self._router.find(call.request.method, call.path)
        if found is None:
            return text("404 page not found\n", 404)
        entry, call.args = found
        try:
            self._admit(call, entry)
            answer: Answer = entry.handler(call)
            if entry.waits:
                answer = await cast("Awaitable[Answer]", answer)
        except ApiFault as fault:
            return error(fault.status, fault.code, fault.message)
        return answer

    def _outside(self, call: Call) -> Answer:
        if call.path == "/__ping__" and call.request.method == "GET":
            return Answer(b"{}", 402 if self.state.license_expired else 200)
        return text("404 page not found\n", 404)

    def _admit(self, call: Call, entry: Route) -> None:
        """Find out who calls, and refuse those who may not."""
        headers = call.request.headers
        # Behind Snowflake the platform takes Authorization and the key moves.
        given = headers.get("X-RSC-Authorization") or headers.get("Authorization")
        if given is None and entry.public:
            return
        scheme, _, key = (given or "").partition(" ")
        guid = self.state.keys.get(key) if scheme.lower() == "key" else None
        user: Row | None = self.state.users.get(guid) if guid is not None else None
        if user is None:
            raise ApiFault(401, 30, "The API key is missing or not valid.")
        if user["locked"]:
            raise ApiFault(403, 31, "The account is locked.")
        call.user = user
        if ROLES[user["user_role"]] < ROLES[entry.role]:
            raise forbidden()

    async def _handle_elsewhere(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query_string = request.raw_path.partition("?")
        call = Call(self, request, path, query_string, 1)
        number = len(self.elsewhere_requests) + 1
        call.record = Recorded(number, request.method, path, query_string, request.headers)
        self.elsewhere_requests.append(call.record)
        await call.drain()
        return web.Response(body=b"{}", content_type="application/json")
