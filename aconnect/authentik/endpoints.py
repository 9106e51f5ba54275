"""Endpoints: the machines that can be reached through a provider of remote access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Required, TypedDict, Unpack

from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._core.model import OpenEnum
from aconnect.authentik.base import AuthentikBound, AuthentikResource
from aconnect.authentik.models import RACProvider, UsedBy
from aconnect.authentik.paging import Pages


class EndpointProtocol(OpenEnum):
    """How a machine is reached; protocols unknown to this version are kept as text."""

    RDP = "rdp"
    VNC = "vnc"
    SSH = "ssh"


class AuthMode(OpenEnum):
    """Whether the machine's credentials are stored or requested."""

    STATIC = "static"
    PROMPT = "prompt"


class Endpoint(AuthentikBound, kw_only=True):
    """A machine that can be reached."""

    pk: str = ""
    name: str = ""
    provider: int = 0
    provider_obj: RACProvider | None = None
    protocol: EndpointProtocol | None = None
    host: str = ""
    settings: dict[str, Any] | None = None
    """Parameters of the connection, such as `username`, in Guacamole's words."""
    property_mappings: list[str] | None = None
    auth_mode: AuthMode | None = None
    launch_url: str | None = None
    """None if the provider belongs to no application."""
    maximum_connections: int | None = None
    """How many may be open at a time; -1 for any number."""

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
        """List what uses the endpoint, and what its deletion would do to that."""
        return await self.client.endpoints.used_by(self.pk)


class EndpointUpdateParams(TypedDict, total=False):
    """Fields of an endpoint, with those that it cannot be without."""

    name: Required[str]
    provider: Required[int]
    protocol: Required[str]
    host: Required[str]
    settings: dict[str, Any] | None
    property_mappings: Sequence[str] | None
    auth_mode: Required[str]
    maximum_connections: int | None


class EndpointPatchParams(TypedDict, total=False):
    """Fields of an endpoint that can be changed; None is sent, and clears a field that may."""

    name: str | None
    provider: int | None
    protocol: str | None
    host: str | None
    settings: dict[str, Any] | None
    property_mappings: Sequence[str] | None
    auth_mode: str | None
    maximum_connections: int | None


class Endpoints(AuthentikResource, name="endpoints"):
    """Endpoints of remote access."""

    @paged("/rac/endpoints/", by=Pages(repeats=True))
    def find(
        self,
        *,
        name: str | None = None,
        provider: int | None = None,
        search: str | None = None,
        ordering: str | None = None,
        superuser_full_list: bool | None = None,
    ) -> Paged[Endpoint]:
        """List the endpoints that the token's owner may open, or as a superuser all of them.

        `ordering` is a field's name, with `-` before it for descending. Without `search` the
        server may answer from a list it keeps for a day, whatever `name` and `provider` say;
        `superuser_full_list=True` asks for the present one.
        """
        ...

    @endpoint("POST", "/rac/endpoints/")
    async def create(self, **fields: Unpack[EndpointUpdateParams]) -> Endpoint:
        """Create an endpoint."""
        ...

    @endpoint("GET", "/rac/endpoints/{pbm_uuid}/")
    async def get(self, pbm_uuid: str) -> Endpoint:
        """Get one endpoint."""
        ...

    @endpoint("PUT", "/rac/endpoints/{pbm_uuid}/")
    async def update(self, pbm_uuid: str, **fields: Unpack[EndpointUpdateParams]) -> Endpoint:
        """Change an endpoint, giving all required fields; the others may be left as they are."""
        ...

    @endpoint("PATCH", "/rac/endpoints/{pbm_uuid}/", idempotent=True)
    async def patch(self, pbm_uuid: str, **fields: Unpack[EndpointPatchParams]) -> Endpoint:
        """Change the given fields of an endpoint; the others stay as they are."""
        ...

    @endpoint("DELETE", "/rac/endpoints/{pbm_uuid}/")
    async def delete(self, pbm_uuid: str) -> None:
        """Delete an endpoint and the connection tokens to it."""
        ...

    @endpoint("GET", "/rac/endpoints/{pbm_uuid}/used_by/")
    async def used_by(self, pbm_uuid: str) -> list[UsedBy]:
        """List what uses an endpoint, and what its deletion would do to that."""
        ...
