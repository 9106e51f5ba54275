"""One valid request for every operation of authentik, for the tests of all services."""

from __future__ import annotations

from aconnect.authentik import Client
from aconnect.testing.authentik import FakeAuthentik
from tests.scenarios import Scene, Setting

ENDPOINT = {
    "name": "new",
    "provider": 1,
    "protocol": "ssh",
    "host": "new.example.com",
    "auth_mode": "prompt",
}


class AuthentikScene(Scene[FakeAuthentik, Client]):
    """A server with three endpoints and four connection tokens."""

    async def set_up(self) -> None:
        """Record the ids."""
        state = self.server.state
        endpoint, *_, other = state.endpoints
        self.ids = {
            "connection_tokens": {"connection_token_uuid": next(iter(state.connection_tokens))},
            "endpoints": {"pbm_uuid": endpoint},
            "providers": {"id": "1"},
            "users": {"id": "1"},
        }
        self.bodies = {
            "connection_tokens.update": {"provider": 1, "endpoint": other},
            "connection_tokens.patch": {"endpoint": other},
            "endpoints.create": ENDPOINT,
            "endpoints.update": ENDPOINT,
            "endpoints.patch": {"host": "other.example.com"},
        }


SETTING = Setting(
    lambda _: FakeAuthentik(),
    lambda server, **options: Client(server.url, server.token, **options),
    AuthentikScene,
)
