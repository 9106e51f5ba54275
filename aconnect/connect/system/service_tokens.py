"""Service tokens: keys for machines, which belong to no user and have narrow scopes."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import Confidential, Model
from aconnect._core.paging import Unpaged
from aconnect.connect._base.paging import UnpagedEnvelope
from aconnect.connect._base.resource import ConnectBound, ConnectResource


class ServiceTokenScope(Model, kw_only=True):
    """A scope of a service token."""

    name: str = ""
    description: str | None = None


class ServiceToken(Confidential, ConnectBound, kw_only=True):
    """A key that belongs to no user; not valid for this API."""

    _hidden: ClassVar[tuple[str, ...]] = ("key",)

    guid: str = ""
    name: str = ""
    key: str | None = None
    """The key itself, only in the response to its creation; not printed."""
    scopes: list[str] = []
    created_time: datetime | None = None
    active_time: datetime | None = None
    """When it was last used, to a quarter of an hour; None means never."""
    expires_at: datetime | None = None
    """None means never."""

    async def delete(self) -> None:
        """Delete the token; it becomes invalid immediately."""
        await self.client.system.service_tokens.delete(self.guid)


class ServiceTokenCreateParams(TypedDict, total=False):
    """Fields of a new service token; its name need not be unique."""

    name: Required[str]
    scopes: Required[list[str]]
    """At least one of those that `ServiceTokens.scopes` lists."""
    expires_at: datetime | None
    """In the future; by default never."""


class ServiceTokens(ConnectResource, name="system.service_tokens", role="administrator"):
    """The service tokens of the server."""

    @paged("/v1/system/service-tokens", by=Unpaged())
    def find(self) -> Paged[ServiceToken]:
        """List the tokens, without their keys."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("POST", "/v1/system/service-tokens")
    async def create(self, **fields: Unpack[ServiceTokenCreateParams]) -> ServiceToken:
        """Create a token; only this response has its `key`."""
        ...

    @endpoint("DELETE", "/v1/system/service-tokens/{guid}")
    async def delete(self, guid: str) -> None:
        """Delete a token; it becomes invalid immediately."""
        ...

    @paged("/v1/system/service-tokens/scopes", by=UnpagedEnvelope("scopes"))
    def scopes(self) -> Paged[ServiceTokenScope]:
        """List the scopes that tokens can have."""
        ...
