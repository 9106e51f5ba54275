"""Signing in to Looker and out of it; the client does both automatically."""

from __future__ import annotations

from typing import ClassVar, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential
from aconnect.looker.base import LookerResource


class AccessToken(Confidential, kw_only=True):
    """The result of a login; the tokens are not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token")

    access_token: str = ""
    token_type: str | None = None
    expires_in: int | None = None
    """Seconds from the login."""
    refresh_token: str | None = None


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

    # A retry would be refused, and would sign in again to sign out.
    @endpoint("DELETE", "/logout", idempotent=False)
    async def logout(self) -> None:
        """End the session whose token the client uses; the next call signs in again."""
        ...
