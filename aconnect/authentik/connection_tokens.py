"""Connection tokens: who may open which endpoint right now."""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect.authentik.base import AuthentikBound, AuthentikResource
from aconnect.authentik.endpoints import Endpoint
from aconnect.authentik.models import PartialUser, RACProvider, UsedBy
from aconnect.authentik.paging import Pages


class ConnectionToken(AuthentikBound, kw_only=True):
    """The right of a user's session to open an endpoint."""

    pk: str = ""
    provider: int = 0
    provider_obj: RACProvider | None = None
    endpoint: str = ""
    endpoint_obj: Endpoint | None = None
    user: PartialUser | None = None

    async def update(self, **fields: Unpack[ConnectionTokenUpdateParams]) -> ConnectionToken:
        """Replace the fields, passing all required ones, and return the updated token."""
        return await self.client.connection_tokens.update(self.pk, **fields)

    async def patch(self, **fields: Unpack[ConnectionTokenPatchParams]) -> ConnectionToken:
        """Change the given fields and return the updated token."""
        return await self.client.connection_tokens.patch(self.pk, **fields)

    async def delete(self) -> None:
        """Delete the token."""
        await self.client.connection_tokens.delete(self.pk)

    async def used_by(self) -> list[UsedBy]:
        """List what uses the token, and what its deletion would do to that."""
        return await self.client.connection_tokens.used_by(self.pk)


class ConnectionTokenUpdateParams(TypedDict, total=False):
    """Fields of a connection token, with those that it cannot be without."""

    pk: str | None
    provider: Required[int]
    endpoint: Required[str]


class ConnectionTokenPatchParams(TypedDict, total=False):
    """Fields of a connection token that can be changed; None is sent, and not left out."""

    pk: str | None
    provider: int | None
    endpoint: str | None


class ConnectionTokens(AuthentikResource, name="connection_tokens"):
    """Connection tokens; the server makes them when a user opens an endpoint."""

    @paged("/rac/connection_tokens/", by=Pages(), rename={"session_user": "session__user"})
    def find(
        self,
        *,
        endpoint: str | None = None,
        provider: int | None = None,
        session_user: int | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> Paged[ConnectionToken]:
        """List tokens by endpoint, provider or the `pk` of the session's user.

        `search` looks into the names of endpoint and provider. `ordering` is a field's name, with
        `-` before it for descending.
        """
        ...

    @endpoint("GET", "/rac/connection_tokens/{connection_token_uuid}/")
    async def get(self, connection_token_uuid: str) -> ConnectionToken:
        """Get one token."""
        ...

    @endpoint("PUT", "/rac/connection_tokens/{connection_token_uuid}/")
    async def update(
        self, connection_token_uuid: str, **fields: Unpack[ConnectionTokenUpdateParams]
    ) -> ConnectionToken:
        """Change a token, giving all required fields."""
        ...

    @endpoint("PATCH", "/rac/connection_tokens/{connection_token_uuid}/", idempotent=True)
    async def patch(
        self, connection_token_uuid: str, **fields: Unpack[ConnectionTokenPatchParams]
    ) -> ConnectionToken:
        """Change the given fields of a token; the others stay as they are."""
        ...

    @endpoint("DELETE", "/rac/connection_tokens/{connection_token_uuid}/")
    async def delete(self, connection_token_uuid: str) -> None:
        """Delete a token."""
        ...

    @endpoint("GET", "/rac/connection_tokens/{connection_token_uuid}/used_by/")
    async def used_by(self, connection_token_uuid: str) -> list[UsedBy]:
        """List what uses a token, and what its deletion would do to that."""
        ...
