"""A simulated authentik server: remote access (RAC), with users.

Decides what tokens may do and what errors look like; the operations are in `routes` and `people`.
Like the real
server, it returns 403 instead of 401 for an unknown token.
"""

from __future__ import annotations

from importlib import import_module
from typing import Unpack, cast

from aconnect.testing.authentik.routes import ROUTES
from aconnect.testing.authentik.state import AuthentikCall, AuthentikState, seeded
from aconnect.testing.base import FakeServer, Options
from aconnect.testing.wire import MalformedFault, Response, Route, Row, ServiceFault, ok

# It registers its operations.
import_module(f"{__name__}.people")

__all__ = ["AuthentikState", "FakeAuthentik"]


class FakeAuthentik(FakeServer[AuthentikState]):
    """An authentik server on the loopback interface.

    `token` is the token of a superuser; `reader_token` gives read-only access to all objects.

    Args:
        endpoints: The initial number of endpoints, which are distributed over two providers.
        connection_tokens: The initial number of connection tokens.
        options: The arguments of every simulated server.
    """

    root = "/api/v3"
    routes = ROUTES

    def __init__(
        self, *, endpoints: int = 3, connection_tokens: int = 4, **options: Unpack[Options]
    ) -> None:
        super().__init__(seeded(endpoints, connection_tokens), **options)
        self.token = "fake-authentik-token"  # noqa: S105 - not a secret
        self.reader_token = "fake-reader-token"  # noqa: S105 - not a secret

    def admit(self, call: AuthentikCall, route: Route) -> None:
        authorization = call.request.headers.get("Authorization", "")
        if not authorization.startswith("Bearer "):
            raise ServiceFault(
                403, "Authentication credentials were not provided.", code="not_authenticated"
            )
        token = authorization.removeprefix("Bearer ")
        if token not in {self.token, self.reader_token}:
            raise ServiceFault(403, "Token invalid/expired", code="authentication_failed")
        call.user = {"superuser": token == self.token}
        if route.method != "GET" and not call.user["superuser"]:
            raise ServiceFault(
                403,
                "You do not have permission to perform this action.",
                code="permission_denied",
            )

    def error(self, fault: ServiceFault) -> Response:
        if isinstance(fault, MalformedFault):
            return ok({"detail": f"JSON parse error - {fault.message}", "code": "parse_error"}, 400)
        if fault.details is not None:
            return ok({**cast("Row", fault.details), "code": fault.code or "invalid"}, fault.status)
        body = {"detail": fault.message}
        return ok(body if fault.code is None else {**body, "code": fault.code}, fault.status)

    def unknown(self, call: AuthentikCall, allowed: list[str]) -> Response:
        if allowed:
            detail = f'Method "{call.request.method}" not allowed.'
            return ok({"detail": detail, "code": "method_not_allowed"}, 405)
        return Response(b"<html>Not Found</html>", 404, "text/html; charset=utf-8")
