"""Bootstrap: the call that creates the first administrator of a new server."""

from __future__ import annotations

from typing import ClassVar

from aconnect._client.endpoint import endpoint
from aconnect._core.model import Confidential
from aconnect.connect._base.resource import ConnectResource


class BootstrapSuccess(Confidential, kw_only=True):
    """The response of a new server; the key is not printed."""

    _hidden: ClassVar[tuple[str, ...]] = ("api_key",)

    api_key: str | None = None
    """The key of the first administrator; the server returns it only once."""


class Bootstrap(ConnectResource, name="bootstrap"):
    """The first administrator of a new server; `aconnect.connect.bootstrap` does everything.

    The call is sent with the token instead of the client's key.
    """

    @endpoint(
        "POST",
        "/v1/bootstrap",
        authorization="Connect-Bootstrap {token}",
        since="2024.05.0",
        role="anonymous",
    )
    async def create(self, token: str) -> BootstrapSuccess:
        """Create the first administrator and its key; `PermissionDeniedError` if users exist."""
        ...
