"""Connection tokens: the current rights of sessions to open endpoints."""

from __future__ import annotations

from typing import ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect.authentik.base import AuthentikBound, AuthentikResource
from aconnect.authentik.endpoints import Endpoint
from aconnect.authentik.models import PartialUser, RACProvider, UsedBy
from aconnect.authentik.paging import Pages
from aconnect.authentik.users import User


class ConnectionToken(AuthentikBound, kw_only=True):
    """The right of a user's session to open an endpoint."""

    _key: ClassVar[str] = "pk"

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
        """List the objects that use the token, and the effect of its deletion on them."""
        return await self.client.connection_tokens.used_by(self.pk)


class ConnectionTokenUpdateParams(TypedDict, total=False):
    """Fields of a connection token, including the required ones."""

    pk: str | None
    provider: Required[RACProvider | int]
    endpoint: Required[Endpoint | str]


class ConnectionTokenPatchParams(TypedDict, total=False):
    """Fields of a connection token that can be changed; None is sent as null."""

    pk: str | None
    provider: RACProvider | int | None
    endpoint: Endpoint | str | None


class ConnectionTokens(AuthentikResource, name="connection_tokens"):
    """Connection tokens; the server creates them when a user opens an endpoint."""

    @paged("/rac/connection_tokens/", by=Pages(), rename={"session_user": "session__user"})
    def find(
        self,
        *,
        endpoint: Endpoint | str | None = None,
        provider: RACProvider | int | None = None,
        session_user: User | PartialUser | int | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> Paged[ConnectionToken]:
        """List tokens by endpoint, provider or the session's user, each as an object or its `pk`.

        `search` searches the names of endpoint and provider. `ordering` is the name of a field,
        with a leading `-` for descending order.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("GET", "/rac/connection_tokens/{connection_token_uuid}/")
    async def get(self, connection_token_uuid: ConnectionToken | str) -> ConnectionToken:
        """Get one token."""
        ...

    @endpoint("PUT", "/rac/connection_tokens/{connection_token_uuid}/")
    async def update(
        self,
        connection_token_uuid: ConnectionToken | str,
        **fields: Unpack[ConnectionTokenUpdateParams],
    ) -> ConnectionToken:
        """Replace the fields of a token, passing all required ones."""
        ...

    @endpoint("PATCH", "/rac/connection_tokens/{connection_token_uuid}/", idempotent=True)
    async def patch(
        self,
        connection_token_uuid: ConnectionToken | str,
        **fields: Unpack[ConnectionTokenPatchParams],
    ) -> ConnectionToken:
        """Change the given fields of a token; the others keep their values."""
        ...

    @endpoint("DELETE", "/rac/connection_tokens/{connection_token_uuid}/")
    async def delete(self, connection_token_uuid: ConnectionToken | str) -> None:
        """Delete a token."""
        ...

    @endpoint("GET", "/rac/connection_tokens/{connection_token_uuid}/used_by/")
    async def used_by(self, connection_token_uuid: ConnectionToken | str) -> list[UsedBy]:
        """List the objects that use a token, and the effect of its deletion on them."""
        ...
