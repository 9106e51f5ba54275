"""The simulated Connect server: keys, nodes, versions and paths outside its API.

Decides what makes a server Connect. The operations are in `routes`; `base` has the sockets,
the records and the scripts of faults.
"""

from typing import Any, ClassVar, cast

from aiohttp import web

from aconnect.testing import wire
from aconnect.testing.base import FakeServer
from aconnect.testing.connect import dialect
from aconnect.testing.connect.dialect import ROLES, ApiFault, Call, forbidden
from aconnect.testing.connect.routes import ROUTES
from aconnect.testing.connect.routes.oauth import (
    oauth as oauth_credentials,
    sessions as oauth_sessions,
)
from aconnect.testing.connect.routes.users import ADMIN_KEY
from aconnect.testing.connect.seeding import seeded_state
from aconnect.testing.connect.state import Seed, State
from aconnect.testing.connect.versions import Features, parse_version
from aconnect.testing.wire import Response, Route, RouteTable, Row, ServiceFault


class FakeConnect(FakeServer[State]):
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

    root = "/__api__"
    routes: ClassVar[RouteTable[Any]] = ROUTES

    def __init__(
        self,
        seed: Seed | None = None,
        *,
        version: str | None = "2026.06.0",
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
        super().__init__(
            seeded_state(seed or Seed(), self.features, page_cache),
            version=number,
            prefix=prefix,
            record=record,
            host=host,
            port=port,
        )
        self.api_key = ADMIN_KEY
        self.nodes = nodes
        self._turn = 0

    async def stop(self) -> None:
        """Close all connections, including those that wait, and stop listening."""
        await super().stop()
        self.state.close()

    def api_key_for(self, username: str) -> str:
        """Return a user's key, creating one if there is none."""
        row = self.state.known_user(username)
        for key, guid in self.state.keys.items():
            if guid == row["guid"]:
                return key
        key = f"fake-key-of-{username}"
        self.state.add_key(key, row["guid"], "default", row["user_role"], self.state.now())
        return key

    def user_session_token(self, username: str, content_guid: str) -> str:
        """Return the token that content receives with a request of this viewer."""
        return oauth_credentials.user_session_token(self.state, username, content_guid)

    def content_session_token(self, content_guid: str) -> str:
        """Return the token of running content itself."""
        return oauth_credentials.content_session_token(self.state, content_guid)

    def oauth_login(self, username: str, integration_guid: str) -> str:
        """Create a session of a user with the service behind an integration; return its GUID."""
        return oauth_sessions.log_in(self.state, username, integration_guid)

    def make_call(self, request: web.BaseRequest, path: str, query_string: str) -> Call:
        """Assign a request to a node, and set a cookie if the client has none."""
        node, fresh = self._node(request) if self.nodes > 1 else (1, False)
        call = Call(
            self,
            request,
            path,
            query_string,
            node=node,
            version=self.version,
            features=self.features,
        )
        if fresh:
            call.set_cookie(f"rscid={node}; Path=/; HttpOnly")
        return call

    def _node(self, request: web.BaseRequest) -> tuple[int, bool]:
        """Return the node that serves a request, and whether to set a cookie."""
        given = request.cookies.get("rscid", "")
        if given.isdecimal() and 1 <= int(given) <= self.nodes:
            return int(given), False
        self._turn = self._turn % self.nodes + 1
        return self._turn, True

    def outside(self, call: wire.Call[State]) -> Response:
        if call.path == "/__ping__" and call.request.method == "GET":
            return Response(b"{}", 402 if self.state.license_expired else 200)
        return super().outside(call)

    def admit(self, call: wire.Call[State], route: Route) -> None:
        """Authenticate the caller, and refuse it if its role is too low."""
        headers = call.request.headers
        # Behind Snowflake, the platform uses Authorization, and the key is in another header.
        given = headers.get("X-RSC-Authorization") or headers.get("Authorization")
        scheme, _, key = (given or "").partition(" ")
        # Bootstrapping uses a token instead of a key, which the operation checks.
        if route.public and (given is None or scheme == "Connect-Bootstrap"):
            return
        guid = self.state.keys.get(key) if scheme.lower() == "key" else None
        user: Row | None = self.state.users.get(guid) if guid is not None else None
        known = self.state.api_keys.get(key)
        if user is None or (known is not None and _expired(known, self.state)):
            raise ApiFault(401, 30, "The API key is missing or not valid.")
        if user["locked"]:
            raise ApiFault(403, 31, "The account is locked.")
        call.user = user
        role = user["user_role"]
        if known is not None:
            role = min(role, known["user_role"], key=ROLES.__getitem__)
            known["active_time"] = self.state.now()
        cast("Call", call).role = role
        if ROLES[role] < ROLES[route.role]:
            raise forbidden()

    def error(self, fault: ServiceFault) -> Response:
        """Return an error in Connect's format."""
        return dialect.error(fault)


def _expired(key: Row, state: State) -> bool:
    return key["expires_at"] is not None and bool(key["expires_at"] <= state.now())
