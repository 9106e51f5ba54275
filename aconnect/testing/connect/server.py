"""The simulated Connect server: API keys, nodes, versions and paths outside the API.

Decides how callers are authenticated and which node serves a request. The operations are in
`routes`; sockets, recorded requests and scripted faults are in `base`.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from typing import Any, ClassVar, Unpack, cast, get_args

from aiohttp import web

from aconnect.testing import wire
from aconnect.testing.base import FakeServer, Options
from aconnect.testing.connect import dialect, pages
from aconnect.testing.connect.dialect import ROLES, ApiFault, Call, forbidden
from aconnect.testing.connect.progress import Outcome
from aconnect.testing.connect.proxying import Proxy
from aconnect.testing.connect.routes import ROUTES
from aconnect.testing.connect.routes.oauth import (
    oauth as oauth_credentials,
    sessions as oauth_sessions,
)
from aconnect.testing.connect.routes.users import ADMIN_KEY
from aconnect.testing.connect.seeding import seeded_state
from aconnect.testing.connect.state import Seed, State
from aconnect.testing.connect.versions import Features, parse_version
from aconnect.testing.ranges import check_range
from aconnect.testing.wire import Response, Route, RouteTable, Row, ServiceFault


class FakeConnect(FakeServer[State]):
    """A Posit Connect server on the loopback interface, with data, faults and recorded requests.

    Args:
        seed: The initial data of the server.
        version: The version that the server reports and whose behavior it simulates. With None or
            "", the server hides its version and behaves like the latest one.
        nodes: The number of nodes in the cluster. If there are several, a task is only available to
            clients whose cookie selects its node.
        page_cache: The maximum number of encoded keyset pages in the cache; a page of 500 visits
            takes about 170 KB.
        builds: How deployments, builds and renderings end, in the order in which they start, and
            then from the beginning: `("ok", "ok", "fail")` fails every third.
        strict_checksums: Refuse bundles whose manifest has another checksum of a file. A real
            server ignores them.
        prefix: The path below which the server is available, such as "/rsc".
        record: Record every request in `requests`; benchmarks switch this off.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        latency: The seconds by which each response is delayed, in real time. Concurrent requests
            wait at the same time.
        rate_limit: The requests per second that the server accepts; by default any number.
        concurrency_limit: The requests that it performs at the same time; by default any number.
    """

    root = "/__api__"
    routes: ClassVar[RouteTable[Any]] = ROUTES

    def __init__(
        self,
        seed: Seed | None = None,
        *,
        version: str | None = "2026.06.0",
        nodes: int = 1,
        page_cache: int = 2100,
        builds: Sequence[Outcome] = ("ok",),
        strict_checksums: bool = False,
        **options: Unpack[Options],
    ) -> None:
        number = parse_version(version)
        check_range("nodes", nodes, 1)
        check_range("page_cache", page_cache, 0)
        self.version = version
        self.features: Features = Features.of(number)
        super().__init__(
            seeded_state(seed or Seed(), self.features, page_cache),
            version=number,
            **options,
        )
        self.state.build_outcomes = cycle(_checked(builds))
        self.state.strict_checksums = strict_checksums
        self.api_key = ADMIN_KEY
        self.nodes = nodes
        self._last_node = 0
        self._proxy = Proxy()

    async def stop(self) -> None:
        """Stop listening and close all connections, including those of requests in progress."""
        await super().stop()
        await self._proxy.close()
        self.state.close()

    def upgrade(self, version: str | None) -> None:
        """Replace the server by one of another version, older or newer, with the same data."""
        number = parse_version(version)
        self.version = version
        self.features = self.state.features = Features.of(number)
        self.use_routes(number)

    def now(self) -> datetime:
        """Return the time of the server; set `state.now` to change it."""
        return self.state.now()

    def api_key_for(self, username: str) -> str:
        """Return an API key of a user; create one if there is none."""
        row = self.state.known_user(username)
        for key, guid in self.state.keys.items():
            if guid == row["guid"]:
                return key
        key = f"fake-key-of-{username}"
        self.state.add_key(key, row["guid"], "default", row["user_role"], self.state.now())
        return key

    def user_session_token(self, username: str, content_guid: str) -> str:
        """Return the session token that content receives with a request of this user."""
        return oauth_credentials.user_session_token(self.state, username, content_guid)

    def content_session_token(self, content_guid: str) -> str:
        """Return the session token of the running content itself."""
        return oauth_credentials.content_session_token(self.state, content_guid)

    def proxy(self, content_guid: str, url: str) -> None:
        """Have the app at a URL respond to the requests to a content item.

        As on Connect, the app receives the path below the content, and for a viewer who has signed
        in the headers `Posit-Connect-User-Session-Token` and `RStudio-Connect-Credentials`, but
        never those of the client.
        """
        if content_guid not in self.state.content:
            raise KeyError(f"the server has no content {content_guid!r}")
        self.state.apps[content_guid] = self._proxy.app(url)

    def oauth_login(self, username: str, integration_guid: str) -> str:
        """Log a user in to the service of an integration and return the GUID of the session."""
        return oauth_sessions.log_in(self.state, username, integration_guid)

    def make_call(self, request: web.BaseRequest, path: str, query_string: str) -> Call:
        """Assign the request to a node; set a cookie if the client has none."""
        node, needs_cookie = self._node(request) if self.nodes > 1 else (1, False)
        call = Call(
            self,
            request,
            path,
            query_string,
            node=node,
            version=self.version,
            features=self.features,
        )
        if needs_cookie:
            call.set_cookie(f"rscid={node}; Path=/; HttpOnly")
        return call

    def _node(self, request: web.BaseRequest) -> tuple[int, bool]:
        """Return the node that serves the request, and whether to set a cookie."""
        cookie = request.cookies.get("rscid", "")
        if cookie.isdecimal() and 1 <= int(cookie) <= self.nodes:
            return int(cookie), False
        self._last_node = self._last_node % self.nodes + 1
        return self._last_node, True

    async def outside(self, call: wire.Call[State]) -> Response:
        """Respond with a page or as the content does, unless the path is unknown."""
        if not call.request.raw_path.startswith(self.prefix):
            return await super().outside(call)
        if call.path == "/__ping__":
            return Response(b"{}", 402 if self.state.license_expired else 200)
        try:
            page = await pages.page_of(cast("Call", call), self._authenticate)
        except ServiceFault as fault:
            return pages.error(fault)
        return await super().outside(call) if page is None else page

    def admit(self, call: wire.Call[State], route: Route) -> None:
        """Authenticate the caller; raise a fault if its role is too low."""
        caller = cast("Call", call)
        # Bootstrapping uses a token instead of an API key; the operation checks it.
        scheme = caller.authorization.partition(" ")[0]
        if route.public and scheme in {"", "Connect-Bootstrap"}:
            return
        self._authenticate(caller)
        if ROLES[caller.role] < ROLES[route.role]:
            raise forbidden()

    def _authenticate(self, call: Call) -> None:
        """Set the user of a call and its role; raise a fault if the API key is not valid."""
        scheme, _, key = call.authorization.partition(" ")
        guid = self.state.keys.get(key) if scheme.lower() == "key" else None
        user: Row | None = self.state.users.get(guid) if guid is not None else None
        details = self.state.api_keys.get(key)
        end = details["expires_at"] if details is not None else self.state.ephemeral_keys.get(key)
        if user is None or (end is not None and end <= self.state.now()):
            raise ApiFault(401, 30, "The API key is missing or not valid.")
        if user["locked"]:
            raise ApiFault(403, 50, "The account is locked.")
        call.user = user
        role = user["user_role"]
        if details is not None:
            role = min(role, details["user_role"], key=ROLES.__getitem__)
            details["active_time"] = self.state.now()
        call.role = role

    def error(self, fault: ServiceFault) -> Response:
        """Return an error response in the format of Connect."""
        return dialect.error(fault)


def _checked(builds: Sequence[Outcome]) -> Sequence[Outcome]:
    known = get_args(Outcome)
    if not builds or not all(outcome in known for outcome in builds):
        raise ValueError(f"builds must be a sequence of {', '.join(known)}; got {builds!r}")
    return builds
