"""Signing in and out: a client's secrets, and the headers of its session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict, Unpack

from aconnect._client.endpoint import endpoint
from aconnect._core.cookies import cookie_header, updated_cookies
from aconnect._core.message import Response
from aconnect._core.redaction import Secret
from aconnect.cloudendure.base import CloudEndureResource
from aconnect.cloudendure.users import User
from aconnect.errors import DecodeError

_XSRF: Final = "XSRF-TOKEN"


class LoginParams(TypedDict, total=False):
    """Credentials: a user's API token, or user name and password."""

    user_api_token: str
    username: str
    password: str


class Keyring:
    """The credentials of a client, shared by all clients that `with_options` makes of one."""

    def __init__(self, token: Secret | None, username: str | None, password: Secret | None) -> None:
        self.token = token
        self.username = username
        self.password = password
        self.headers: Mapping[str, str] = {}
        """The headers of the current session; empty if there is none."""

    def secrets(self) -> tuple[Secret, ...]:
        """Return the values that must never be printed."""
        return tuple(secret for secret in (self.token, self.password) if secret is not None)

    def login(self) -> LoginParams:
        """Return the body of a login."""
        if self.token is not None:
            return {"user_api_token": self.token.reveal()}
        password = self.password.reveal() if self.password is not None else ""
        return {"username": self.username or "", "password": password}


class Session(CloudEndureResource, name="session"):
    """The client's session, which is opened before the first call and closed with the client."""

    @endpoint(
        "POST", "/login", anonymous=True, idempotent=True, secret=("user_api_token", "password")
    )
    async def login(self, **fields: Unpack[LoginParams]) -> User:
        """Check credentials and return their user; does not change the client's own session."""
        ...

    @endpoint("POST", "/logout", idempotent=True)
    async def logout(self) -> None:
        """End the client's session; its next call opens another."""
        ...


def session_headers(response: Response, call: str) -> dict[str, str]:
    """Return the headers of later calls, from the cookies that a login sets."""
    cookies = updated_cookies({}, response.set_cookies, response.headers.get("Date"))
    if not any(cookies.values()):
        raise DecodeError(
            f"{call} returned {response.status} without a session cookie; check that the address "
            "is CloudEndure's and that no proxy removes cookies",
            body=b"",
        )
    headers = {"Cookie": cookie_header(cookies)}
    if _XSRF in cookies:
        headers["X-XSRF-TOKEN"] = cookies[_XSRF].strip('"')
    return headers
