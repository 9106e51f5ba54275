"""Calls, routes and errors of the simulated Connect server.

Decides what handlers of Connect need in addition to `wire`: roles, versions, nodes and error codes.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from aconnect.testing import wire
from aconnect.testing.connect.versions import Features
from aconnect.testing.wire import Host, MalformedFault, Response, RouteTable, ServiceFault, ok

if TYPE_CHECKING:
    from aconnect.testing.connect.state import State

ROLES = {"viewer": 0, "publisher": 1, "administrator": 2}
"""The rank of each role."""


class ApiFault(ServiceFault):
    """An error response of Connect, with one of its error codes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, message, code=code)


def bad_request(message: str, code: int = 3) -> ApiFault:
    """Return the fault for an invalid request; the simulation uses code 3 for invalid values."""
    return ApiFault(400, code, message)


def not_found(what: str = "The requested object") -> ApiFault:
    """Return the fault for an object that does not exist."""
    return ApiFault(404, 4, f"{what} does not exist.")


def already_deleted(what: str) -> ApiFault:
    """Return the fault for an object that has already been deleted."""
    return ApiFault(404, 17, f"{what} has already been deleted.")


def forbidden() -> ApiFault:
    """Return the fault for a caller that may not perform the operation."""
    return ApiFault(403, 22, "You don't have permission to perform this operation.")


def error(fault: ServiceFault) -> Response:
    """Return an error response in the format of Connect."""
    code = fault.code
    if code is None:
        code = 2 if isinstance(fault, MalformedFault) else 3
    return ok({"code": code, "error": fault.message, "payload": None}, fault.status)


class Call(wire.Call["State"]):
    """An authenticated request to a node of the simulated Connect server."""

    __slots__ = ("features", "node", "role", "version")

    def __init__(
        self,
        host: Host["State"],
        request: web.BaseRequest,
        path: str,
        query_string: str,
        *,
        node: int,
        version: str | None,
        features: Features,
    ) -> None:
        super().__init__(host, request, path, query_string)
        self.node: int = node
        self.version: str | None = version
        self.features: Features = features
        self.role: str = ""
        """The role of the user, limited by the role of the API key."""

    @property
    def authorization(self) -> str:
        """The header with the API key; behind Snowflake, the platform uses the usual one."""
        headers = self.request.headers
        return headers.get("X-RSC-Authorization") or headers.get("Authorization") or ""

    @property
    def is_admin(self) -> bool:
        return self.role == "administrator"

    def needs(self, role: str) -> None:
        """Raise a fault if the role of the caller is lower than `role`."""
        if ROLES[self.role] < ROLES[role]:
            raise forbidden()


R = TypeVar("R", bound="Response | Awaitable[Response]")

ROUTES: RouteTable[Call] = RouteTable(role="viewer")


def route(
    method: str,
    template: str,
    *,
    role: str | None = None,
    since: tuple[int, int, int] = (0, 0, 0),
    until: tuple[int, int, int] | None = None,
    public: bool = False,
    deprecated: str | None = None,
) -> Callable[[Callable[[Call], R]], Callable[[Call], R]]:
    """Declare the handler of an operation; `role` is the lowest role that may call it.

    `deprecated` is the path that replaces the operation, or "n/a".
    """
    return ROUTES.route(
        method,
        template,
        role=role,
        since=since,
        until=until,
        public=public,
        headers={"X-Deprecated-Endpoint": deprecated} if deprecated is not None else None,
    )
