"""A simulated Looker instance: the administration of roles in API 4.0, with users and groups.

Decides how callers are authenticated and what errors look like. The operations are in `routes`,
`people` and `sessions`.
"""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Unpack

from aconnect.testing.base import FakeServer, Options
from aconnect.testing.looker.routes import ROUTES
from aconnect.testing.looker.state import (
    CLIENT_ID,
    CLIENT_SECRET,
    DOCUMENTATION,
    LookerCall,
    LookerState,
    request_token,
    seeded,
)
from aconnect.testing.wire import Response, Route, Row, ServiceFault, ok

for _module in ("people", "sessions"):
    # They register their operations.
    import_module(f"{__name__}.{_module}")


class FakeLooker(FakeServer[LookerState]):
    """A Looker server on the loopback interface, with data, scripted faults and recorded requests.

    Args:
        users: The initial number of users.
        groups: The initial number of groups; each user is a member of one.
        expires_in: The lifetime of access tokens in seconds.
        max_limit: The maximum number of rows of a search response, whatever limit is requested.
        clock: A function that returns the time in seconds, such as that of a virtual clock.
        options: The arguments of every simulated server.
    """

    root = "/api/4.0"
    routes = ROUTES

    def __init__(
        self,
        *,
        users: int = 5,
        groups: int = 2,
        expires_in: int = 3600,
        max_limit: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(seeded(users, groups), **options)
        self.state.expires_in = expires_in
        self.state.max_limit = max_limit
        self.state.clock = clock
        self.client_id = CLIENT_ID
        self.client_secret = CLIENT_SECRET

    @property
    def logins(self) -> int:
        """The number of login attempts."""
        return self.count("POST", "/login")

    def invalidate(self) -> None:
        """End all sessions, as an administrator of Looker can."""
        self.state.tokens.clear()

    def admit(self, call: LookerCall, route: Route) -> None:
        if not route.public and self.state.tokens.get(request_token(call), 0) <= self.state.clock():
            raise ServiceFault(401, "Requires authentication.")

    def error(self, fault: ServiceFault) -> Response:
        body: Row = {"message": fault.message, "documentation_url": DOCUMENTATION}
        if fault.details is not None:
            body["errors"] = fault.details
        return ok(body, fault.status)

    def unknown(self, call: LookerCall, allowed: list[str]) -> Response:
        return self.error(ServiceFault(404, "Not found"))
