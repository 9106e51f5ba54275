"""Signing in to Looker and out of it; the client does both automatically."""

from __future__ import annotations

from typing import ClassVar, TypedDict, Unpack

from aconnect._client.client import ApiResponse, BaseClient
from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential
from aconnect._core.redaction import Secret
from aconnect._transport.signin import Credentials
from aconnect.errors import DecodeError
from aconnect.looker.base import LookerResource


class AccessToken(Confidential, kw_only=True):
    """The result of a login; the tokens are not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token")

    access_token: str = ""
    token_type: str | None = None
    expires_in: int | None = None
    """Seconds from the login."""
    refresh_token: str | None = None


class Tokens:
    """Turns the results of logins into credentials whose token is redacted."""

    def __init__(self) -> None:
        self._current: Secret | None = None

    def credentials(
        self, response: ApiResponse[AccessToken], client: BaseClient, path: str
    ) -> Credentials:
        """Return credentials for the calls of a client, which redacts the token from now on."""
        token = response.value
        text = token.access_token
        # It becomes a header.
        if not (text.isascii() and text.isprintable() and text.strip()):
            raise DecodeError(
                f"POST {client.api_root}/{path} returned {response.status} without a usable "
                "access_token; check that the address is Looker's (LOOKERSDK_BASE_URL)"
            )
        secret = Secret(text)
        client.redact_also(secret, replaces=self._current)
        self._current = secret
        lifetime = None if token.expires_in is None else float(token.expires_in)
        return Credentials({"Authorization": f"token {text}"}, lifetime)


class LoginParams(TypedDict):
    """API credentials of a Looker user."""

    client_id: str
    client_secret: str


class Session(LookerResource, name="session"):
    """The client's own session."""

    @endpoint(
        "POST", "/login", form=True, anonymous=True, idempotent=True, secret=("client_secret",)
    )
    async def login(self, **fields: Unpack[LoginParams]) -> AccessToken:
        """Get an access token; the client's own calls do not need it."""
        ...

    @endpoint("POST", "/login/{user_id}", idempotent=True)
    async def login_user(self, user_id: str) -> AccessToken:
        """Get an access token that acts as another user; `Client.login_user` does it for you."""
        ...

    # A retry would be refused, and would sign in again to sign out.
    @endpoint("DELETE", "/logout", idempotent=False)
    async def logout(self) -> None:
        """End the session whose token the client uses; the next call signs in again."""
        ...
