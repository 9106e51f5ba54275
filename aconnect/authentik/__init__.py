"""authentik: the client, and the models and operations of its remote access (RAC)."""

from aconnect.authentik.client import Client
from aconnect.authentik.connection_tokens import (
    ConnectionToken,
    ConnectionTokenPatchParams,
    ConnectionTokens,
    ConnectionTokenUpdateParams,
)
from aconnect.authentik.endpoints import (
    AuthMode,
    Endpoint,
    EndpointPatchParams,
    EndpointProtocol,
    Endpoints,
    EndpointUpdateParams,
)
from aconnect.authentik.models import PartialUser, RACProvider, UsedBy, UsedByAction

__all__ = [
    "AuthMode",
    "Client",
    "ConnectionToken",
    "ConnectionTokenPatchParams",
    "ConnectionTokenUpdateParams",
    "ConnectionTokens",
    "Endpoint",
    "EndpointPatchParams",
    "EndpointProtocol",
    "EndpointUpdateParams",
    "Endpoints",
    "PartialUser",
    "RACProvider",
    "UsedBy",
    "UsedByAction",
]
