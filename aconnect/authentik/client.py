"""The client of authentik, and the address of its API."""

from __future__ import annotations

import os
from typing import Final, Unpack

from aconnect._client.client import BaseClient, setting
from aconnect._client.resource import resource
from aconnect._core.redaction import Secret
from aconnect._core.url import split_address
from aconnect._transport.options import Connection, options_of
from aconnect.authentik.connection_tokens import ConnectionTokens
from aconnect.authentik.dialect import AuthentikDialect
from aconnect.authentik.endpoints import Endpoints
from aconnect.authentik.providers import Providers
from aconnect.authentik.users import Users
from aconnect.errors import InvalidArgumentError

API: Final = "/api/v3"


class Client(BaseClient):
    """A client of one authentik server, for its remote access.

    Without arguments it reads `AUTHENTIK_URL` and `AUTHENTIK_TOKEN`. The address may be the
    server's or the API's (`…/api/v3`). No request is made before the first call.
    """

    connection_tokens: Final = resource(ConnectionTokens)
    endpoints: Final = resource(Endpoints)
    providers: Final = resource(Providers)
    users: Final = resource(Users)

    _address = ("AUTHENTIK_URL", API)

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Make a client; makes no request.

        Args:
            base_url: The server; by default AUTHENTIK_URL.
            token: A token with the intent API; by default AUTHENTIK_TOKEN.
            connection: See `Connection`.
        """
        secret = Secret(setting(token, "AUTHENTIK_TOKEN", "token"))
        super().__init__(
            api_root(base_url if base_url is not None else os.environ.get("AUTHENTIK_URL", "")),
            credentials={"Authorization": f"Bearer {secret.reveal()}"},
            dialect=AuthentikDialect(),
            secrets=(secret,),
            options=options_of(connection),
        )

    @property
    def url(self) -> str:
        """The server's address, without the API's part."""
        return self.api_root.removesuffix(API)


def api_root(address: str) -> str:
    """Return the address that the paths of the API begin with, from the server's or the API's."""
    address = address.strip()
    if not address:
        raise InvalidArgumentError(
            "no server address: pass it as Client('https://auth.example.com') or set AUTHENTIK_URL"
        )
    origin, segments = split_address(address)
    if segments[-2:] == ["api", "v3"]:
        del segments[-2:]
    return "/".join([origin, *segments]) + API
