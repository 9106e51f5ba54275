"""A simulated CloudEndure: users with sessions, projects with audit logs.

Decides who is signed in, and what errors look like; the operations are in `routes`. Where the
documentation is silent, it is strict: every call of a session needs its cookie and the XSRF header,
not only those that change something.
"""

from datetime import timedelta
from typing import Unpack

from aconnect.testing.base import FakeServer, Options
from aconnect.testing.cloudendure.routes import ROUTES, check_xsrf
from aconnect.testing.cloudendure.state import EPOCH, AccountState, CloudEndureCall
from aconnect.testing.wire import Response, Route, ServiceFault, ok

__all__ = ["AccountState", "FakeCloudEndure"]


class FakeCloudEndure(FakeServer[AccountState]):
    """CloudEndure on the loopback interface, with an owner, a user and a project.

    Args:
        events: Entries in the project's audit log, a minute apart.
        options: What every simulated server takes.
    """

    root = "/api/latest"
    routes = ROUTES

    def __init__(self, events: int = 10, **options: Unpack[Options]) -> None:
        state = AccountState()
        self.username = "owner@example.com"
        self.password = "fake-password"  # noqa: S105  it is fake
        owner = state.add_user(self.username, self.password, roles=["ACCOUNT_OWNER"])
        state.add_user("user@example.com", "another-fake-password")
        state.add_user("invited@example.com")
        project = state.add_project("first")
        project["usersIDs"].append(owner["id"])
        for minute in range(events):
            state.add_event(project["id"], EPOCH + timedelta(minutes=minute))
        super().__init__(state, **options)

    @property
    def user_api_token(self) -> str:
        """The owner's current API token."""
        token: str = self.state.users["user-1"]["apiToken"]
        return token

    def end_sessions(self) -> None:
        """End all sessions, as if they had expired."""
        self.state.sessions.clear()

    def admit(self, call: CloudEndureCall, route: Route) -> None:
        if route.public:
            return
        known = call.state.sessions.get(call.request.cookies.get("session", ""))
        if known is None:
            raise ServiceFault(401, "There is no session.", code="NOT_SIGNED_IN")
        user, xsrf = known
        check_xsrf(call, xsrf)
        call.user = call.state.users[user]

    def error(self, fault: ServiceFault) -> Response:
        code = "BAD_REQUEST" if fault.code is None and fault.status == 400 else fault.code
        return ok({"message": fault.message, "code": code}, fault.status)
