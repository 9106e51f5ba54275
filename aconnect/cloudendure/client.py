"""The client of CloudEndure: its address, credentials and session."""

from __future__ import annotations

import os
from typing import Final, Unpack

from aconnect._client.client import BaseClient
from aconnect._client.endpoint import call_with
from aconnect._client.resource import resource
from aconnect._core.message import CallOptions
from aconnect._core.redaction import Secret
from aconnect._transport.options import Connection, options_of
from aconnect._transport.signin import Credentials, SignIn
from aconnect.cloudendure.accounts import Accounts
from aconnect.cloudendure.base import API
from aconnect.cloudendure.dialect import CloudEndureDialect
from aconnect.cloudendure.machines import Machines
from aconnect.cloudendure.projects import Projects
from aconnect.cloudendure.session import Keyring, Session, session_headers
from aconnect.cloudendure.users import Users
from aconnect.errors import InvalidArgumentError

CONSOLE: Final = "https://console.cloudendure.com"


class Client(BaseClient):
    """A client of CloudEndure.

    It signs in before its first call, once more if the session has expired, and signs out when it
    is closed.
    """

    accounts: Final = resource(Accounts)
    projects: Final = resource(Projects)
    machines: Final = resource(Machines)
    users: Final = resource(Users)
    session: Final = resource(Session)

    _address = ("CLOUDENDURE_BASE_URL", API)

    def __init__(
        self,
        *,
        user_api_token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        base_url: str | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        """Make a client; makes no request.

        Args:
            user_api_token: A user's API token; or pass `username` and `password`. By default
            CLOUDENDURE_USER_API_TOKEN, or else CLOUDENDURE_USERNAME and CLOUDENDURE_PASSWORD.
            username: The user's e-mail address.
            password: The user's password.
            base_url: The console; by default CLOUDENDURE_BASE_URL, or else the public one.
            connection: See `Connection`.
        """
        self._keyring = _keyring(user_api_token, username, password)
        address = base_url or os.environ.get("CLOUDENDURE_BASE_URL") or CONSOLE
        options = options_of(connection)
        super().__init__(
            address.strip().rstrip("/").removesuffix(API) + API,
            credentials={},
            dialect=CloudEndureDialect(),
            secrets=self._keyring.secrets(),
            options=options,
            auth=SignIn(self._sign_in, sign_out=self._sign_out, clock=options.clock),
        )

    @property
    def url(self) -> str:
        """The console's address, without the API's part."""
        return self.api_root.removesuffix(API)

    async def _sign_in(self) -> Credentials:
        response = await self.with_response(self.session.login, **self._keyring.login())
        self._keyring.headers = session_headers(response, f"POST {self.api_root}/login")
        return Credentials(self._keyring.headers)

    async def _sign_out(self) -> None:
        # With the current session or not at all: none is opened just to be closed.
        await call_with(CallOptions(credentials=self._keyring.headers), self.session.logout)

    def use_token(self, token: str) -> Secret:
        """Sign in with this API token from now on, and return it as a secret."""
        secret = self._keyring.token = Secret(token)
        self._pipeline.add_secret(secret)
        return secret


def _keyring(user_api_token: str | None, username: str | None, password: str | None) -> Keyring:
    token = (user_api_token or "").strip()
    if user_api_token is not None and (username is not None or password is not None):
        raise InvalidArgumentError("pass either user_api_token or username and password, not both")
    if user_api_token is None and username is None and password is None:
        token = os.environ.get("CLOUDENDURE_USER_API_TOKEN", "").strip()
    if token:
        return Keyring(Secret(token), None, None)
    if user_api_token is None:
        name = username if username is not None else os.environ.get("CLOUDENDURE_USERNAME", "")
        word = password if password is not None else os.environ.get("CLOUDENDURE_PASSWORD", "")
        if name.strip() and word:
            return Keyring(None, name.strip(), Secret(word))
    raise InvalidArgumentError(
        "no credentials: pass user_api_token= or set CLOUDENDURE_USER_API_TOKEN, or pass "
        "username= and password= or set CLOUDENDURE_USERNAME and CLOUDENDURE_PASSWORD"
    )
