"""A simulated CloudEndure service: users with sessions, and projects with audit logs.

Decides how callers are authenticated and what errors look like; the operations are in `routes`. If
the documentation does not specify the behavior, the simulation is strict: all requests that need a
session require its cookie and the XSRF header, not only those that change something.
"""

from datetime import timedelta
from typing import Unpack

from aconnect.testing.base import FakeServer, Options
from aconnect.testing.cloudendure.routes import ROUTES, check_xsrf
from aconnect.testing.cloudendure.state import EPOCH, AccountState, CloudEndureCall
from aconnect.testing.wire import Response, Route, ServiceFault, ok

__all__ = ["AccountState", "FakeCloudEndure"]


class FakeCloudEndure(FakeServer[AccountState]):
    """A CloudEndure server on the loopback interface, with users and a project.

    There are an owner, a user and an invited user.

    Args:
        events: The number of entries in the audit log of the project, one minute apart.
        entry_point: The path segment that serves the account, such as "v13". If it is not
            "latest", a login at the latter is redirected, and nothing else is available there.
        options: The arguments of every simulated server.
    """

    routes = ROUTES

    def __init__(
        self, events: int = 10, entry_point: str = "latest", **options: Unpack[Options]
    ) -> None:
        self.root: str = f"/api/{entry_point}"
        state = AccountState()
        self.username = "owner@example.com"
        self.password = "fake-password"  # noqa: S105 - not a secret
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
        session = call.state.sessions.get(call.request.cookies.get("session", ""))
        if session is None:
            raise ServiceFault(401, "There is no session.", code="NOT_SIGNED_IN")
        user, xsrf = session
        check_xsrf(call, xsrf)
        call.user = call.state.users[user]

    async def outside(self, call: CloudEndureCall) -> Response:
        if (call.request.method, call.path) == ("POST", "/api/latest/login"):
            return Response(b"", 307, None, {"Location": f"{self.prefix}{self.root}/login"})
        return await super().outside(call)

    def error(self, fault: ServiceFault) -> Response:
        code = "BAD_REQUEST" if fault.code is None and fault.status == 400 else fault.code
        return ok({"message": fault.message, "code": code}, fault.status)
