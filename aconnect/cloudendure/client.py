"""The client of CloudEndure: its address, credentials and session."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import zip_longest
from typing import Final, Unpack
from urllib.parse import urlsplit

from aconnect._client.client import BaseClient
from aconnect._client.endpoint import call_with
from aconnect._client.resource import resource
from aconnect._core.message import CallOptions
from aconnect._core.redaction import Secret, credentials_in
from aconnect._transport.options import Connection, options_of
from aconnect._transport.pipeline import record_responses
from aconnect._transport.signin import Credentials, SignIn
from aconnect.cloudendure.accounts import Accounts
from aconnect.cloudendure.base import LATEST, api_root, console
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

    _address = ("CLOUDENDURE_BASE_URL", LATEST)

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
            base_url: The console, or an entry point of its API (`…/api/v13`); by default
            CLOUDENDURE_BASE_URL, or else the public console.
            connection: See `Connection`.
        """
        self._keyring = _keyring(user_api_token, username, password)
        address = base_url or os.environ.get("CLOUDENDURE_BASE_URL") or CONSOLE
        options = options_of(connection)
        self._auth = SignIn(self._sign_in, sign_out=self._sign_out, clock=options.clock)
        super().__init__(
            api_root(address),
            credentials={},
            dialect=CloudEndureDialect(),
            secrets=self._keyring.secrets(),
            options=options,
            auth=self._auth,
        )

    @property
    def url(self) -> str:
        """The console's address, without the API's part."""
        return console(self.api_root)

    async def _sign_in(self) -> Credentials:
        with record_responses() as responses:
            await self.session.login(**self._keyring.login())
        response = responses[-1]
        headers = session_headers(response, f"POST {self.api_root}/login")
        old, new = credentials_in(self._keyring.headers), credentials_in(headers)
        for cookie, replaced in zip_longest(new, old):
            self._pipeline.add_secret(cookie or replaced, replaces=replaced)
        self._keyring.headers = headers
        # The login may redirect to the entry point of the account (`/api/v13/login`), which then
        # serves all its calls.
        path = urlsplit(str(response.url)).path
        if path.endswith("/login"):
            self._pipeline.session.rebase(path.removesuffix("/login"))
        return Credentials(headers)

    async def _sign_out(self, headers: Mapping[str, str]) -> None:
        # With the current session or not at all: none is opened just to be closed.
        await call_with(CallOptions(credentials=headers), self.session.logout)

    def use_token(self, token: str) -> Secret:
        """Sign in with this API token from now on, and return it as a secret."""
        secret = self._keyring.token = Secret(token)
        self._pipeline.add_secret(secret)
        self._auth.forget_refusal()
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
