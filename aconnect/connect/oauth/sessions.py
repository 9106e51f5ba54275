"""OAuth sessions: logins of users to the services of integrations."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class OAuthSession(ConnectBound, kw_only=True):
    """A user's login to the service of an integration, kept by the server."""

    id: Id | None = None
    guid: str = ""
    user_guid: str | None = None
    oauth_integration_guid: str | None = None
    has_refresh_token: bool | None = None
    """Whether the server can renew it without the user."""
    created_time: datetime | None = None
    updated_time: datetime | None = None

    async def delete(self) -> None:
        """Delete the session; its user must log in to the service again."""
        await self.client.oauth.sessions.delete(self.guid)


class OAuthSessions(ConnectResource, name="oauth.sessions", since="2024.08.0", role="viewer"):
    """Logins of users to the services of integrations."""

    @paged("/v1/oauth/sessions", by=Unpaged())
    def find(self, *, all: bool | None = None) -> Paged[OAuthSession]:  # noqa: A002  the vendor's
        """List the sessions of the key's owner, or of all users.

        Args:
            all: Whether to list those of all users; for administrators.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/oauth/sessions/{guid}")
    async def get(self, guid: str) -> OAuthSession:
        """Get one session."""
        ...

    @endpoint("DELETE", "/v1/oauth/sessions/{guid}")
    async def delete(self, guid: str) -> None:
        """Delete a session; its user must log in to the service again."""
        ...
