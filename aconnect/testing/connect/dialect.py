"""How Connect's simulated operations speak: roles, codes of errors, versions and nodes.

Decides what a handler of Connect sees beyond what any service's does (`wire`), and how it refuses.
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


class ApiFault(ServiceFault):
    """An error response of Connect, with one of its codes."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, message, code=code)


def bad_request(message: str, code: int = 3) -> ApiFault:
    """Refuse the request; 3 is this simulation's code for any invalid value."""
    return ApiFault(400, code, message)


def not_found(what: str = "The requested object") -> ApiFault:
    """Report that an object does not exist."""
    return ApiFault(404, 4, f"{what} does not exist.")


def already_gone(what: str) -> ApiFault:
    """Report that an object was already deleted."""
    return ApiFault(404, 17, f"{what} has already been deleted.")


def forbidden() -> ApiFault:
    """Refuse an operation to this caller."""
    return ApiFault(403, 22, "You don't have permission to perform this operation.")


def error(fault: ServiceFault) -> Response:
    """Return an error in Connect's format."""
    code = fault.code
    if code is None:
        code = 2 if isinstance(fault, MalformedFault) else 3
    return ok({"code": code, "error": fault.message, "payload": None}, fault.status)


class Call(wire.Call["State"]):
    """One authenticated request to one node of Connect."""

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
        """The caller's role, limited by the role of its key."""

    @property
    def is_admin(self) -> bool:
        return self.role == "administrator"

    def needs(self, role: str) -> None:
        """Refuse callers with a lower role than `role`."""
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
    """Declare the handler of an operation; `role` is the least that may call it.

    `deprecated` names the path to use instead, or is "n/a".
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
