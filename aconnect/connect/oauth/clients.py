"""OAuth clients: applications that can sign users in with this server."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Id
from aconnect.connect._base.paging import PageNumber
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class OAuthClient(ConnectBound, kw_only=True):
    """An application that can sign users in with this server."""

    id: Id | None = None
    client_id: str = ""
    client_name: str | None = None
    redirect_uris: list[str] | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    """None if it was never used."""

    async def delete(self) -> None:
        """Delete the client."""
        await self.client.oauth.clients.delete(self.client_id)


class OAuthClients(ConnectResource, name="oauth.clients"):
    """Applications that can sign users in with this server."""

    # The largest page is not documented; users and groups refuse larger ones.
    @paged("/v1/oauth/clients", by=PageNumber(max_size=100), role="viewer")
    def find(self, *, asc_order: bool | None = None) -> Paged[OAuthClient]:
        """List all clients."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/v1/oauth/clients/{client_id}", role="viewer")
    async def get(self, client_id: str) -> OAuthClient:
        """Get one client."""
        ...

    @endpoint("DELETE", "/v1/oauth/clients/{client_id}", role="administrator")
    async def delete(self, client_id: str) -> None:
        """Delete a client."""
        ...
