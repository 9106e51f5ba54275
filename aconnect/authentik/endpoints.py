"""Endpoints: the machines that can be accessed through a remote access provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, Literal, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import OpenEnum
from aconnect.authentik.base import AuthentikBound, AuthentikResource
from aconnect.authentik.models import RACProvider, UsedBy
from aconnect.authentik.paging import Pages


class EndpointProtocol(OpenEnum):
    """The protocol of an endpoint; unknown protocols are kept as text."""

    RDP = "rdp"
    VNC = "vnc"
    SSH = "ssh"


class AuthMode(OpenEnum):
    """Whether the credentials of an endpoint are stored or prompted for."""

    STATIC = "static"
    PROMPT = "prompt"


EndpointProtocolName = Literal["rdp", "vnc", "ssh"] | str
"""The name of a protocol."""

AuthModeName = Literal["static", "prompt"] | str
"""The name of an authentication mode."""


class Endpoint(AuthentikBound, kw_only=True):
    """A machine that can be accessed."""

    _key: ClassVar[str] = "pk"

    pk: str = ""
    name: str = ""
    provider: int = 0
    provider_obj: RACProvider | None = None
    protocol: EndpointProtocol | None = None
    host: str = ""
    settings: dict[str, Any] | None = None
    """Parameters of the connection, such as `username`, in Guacamole's terms."""
    property_mappings: list[str] | None = None
    auth_mode: AuthMode | None = None
    launch_url: str | None = None
    """None if the provider belongs to no application."""
    maximum_connections: int | None = None
    """The maximum number of open connections; -1 for no limit."""

    async def update(self, **fields: Unpack[EndpointUpdateParams]) -> Endpoint:
        """Replace the fields, passing all required ones, and return the updated endpoint."""
        return await self.client.endpoints.update(self.pk, **fields)

    async def patch(self, **fields: Unpack[EndpointPatchParams]) -> Endpoint:
        """Change the given fields and return the updated endpoint."""
        return await self.client.endpoints.patch(self.pk, **fields)

    async def delete(self) -> None:
        """Delete the endpoint and the connection tokens to it."""
        await self.client.endpoints.delete(self.pk)

    async def used_by(self) -> list[UsedBy]:
        """List the objects that use the endpoint, and the effect of its deletion on them."""
        return await self.client.endpoints.used_by(self.pk)


class EndpointUpdateParams(TypedDict, total=False):
    """Fields of an endpoint, including the required ones."""

    name: Required[str]
    provider: Required[RACProvider | int]
    protocol: Required[EndpointProtocolName]
    host: Required[str]
    settings: dict[str, Any] | None
    property_mappings: Sequence[str] | None
    auth_mode: Required[AuthModeName]
    maximum_connections: int | None


class EndpointPatchParams(TypedDict, total=False):
    """Fields of an endpoint that can be changed; None clears an optional field."""

    name: str | None
    provider: RACProvider | int | None
    protocol: EndpointProtocolName | None
    host: str | None
    settings: dict[str, Any] | None
    property_mappings: Sequence[str] | None
    auth_mode: AuthModeName | None
    maximum_connections: int | None


class Endpoints(AuthentikResource, name="endpoints"):
    """Endpoints of remote access."""

    @paged("/rac/endpoints/", by=Pages(repeats=True))
    def find(
        self,
        *,
        name: str | None = None,
        provider: RACProvider | int | None = None,
        search: str | None = None,
        ordering: str | None = None,
        superuser_full_list: bool | None = None,
    ) -> Paged[Endpoint]:
        """List the endpoints that the token's owner can open; as a superuser, optionally all.

        `ordering` is the name of a field, with a leading `-` for descending order. Without
        `search`, the server may return a list that it caches for a day, ignoring `name` and
        `provider`; `superuser_full_list=True` requests the current one.
        """
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)

    @endpoint("POST", "/rac/endpoints/")
    async def create(self, **fields: Unpack[EndpointUpdateParams]) -> Endpoint:
        """Create an endpoint."""
        ...

    @endpoint("GET", "/rac/endpoints/{pbm_uuid}/")
    async def get(self, pbm_uuid: Endpoint | str) -> Endpoint:
        """Get one endpoint."""
        ...

    @endpoint("PUT", "/rac/endpoints/{pbm_uuid}/")
    async def update(
        self, pbm_uuid: Endpoint | str, **fields: Unpack[EndpointUpdateParams]
    ) -> Endpoint:
        """Replace the fields of an endpoint, passing all required ones; the others are optional."""
        ...

    @endpoint("PATCH", "/rac/endpoints/{pbm_uuid}/", idempotent=True)
    async def patch(
        self, pbm_uuid: Endpoint | str, **fields: Unpack[EndpointPatchParams]
    ) -> Endpoint:
        """Change the given fields of an endpoint; the others keep their values."""
        ...

    @endpoint("DELETE", "/rac/endpoints/{pbm_uuid}/")
    async def delete(self, pbm_uuid: Endpoint | str) -> None:
        """Delete an endpoint and the connection tokens to it."""
        ...

    @endpoint("GET", "/rac/endpoints/{pbm_uuid}/used_by/")
    async def used_by(self, pbm_uuid: Endpoint | str) -> list[UsedBy]:
        """List the objects that use an endpoint, and the effect of its deletion on them."""
        ...
