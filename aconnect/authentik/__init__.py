"""authentik: the client, and the models and operations of its remote access (RAC)."""

from aconnect.authentik.client import Client
from aconnect.authentik.connection_tokens import (
    ConnectionToken,
    ConnectionTokenPatch,
    ConnectionTokens,
    ConnectionTokenUpdate,
)
from aconnect.authentik.endpoints import (
    AuthMode,
    Endpoint,
    EndpointPatch,
    EndpointProtocol,
    Endpoints,
    EndpointUpdate,
)
from aconnect.authentik.models import PartialUser, RACProvider, UsedBy, UsedByAction

__all__ = [
    "AuthMode",
    "Client",
    "ConnectionToken",
    "ConnectionTokenPatch",
    "ConnectionTokenUpdate",
    "ConnectionTokens",
    "Endpoint",
    "EndpointPatch",
    "EndpointProtocol",
    "EndpointUpdate",
    "Endpoints",
    "PartialUser",
    "RACProvider",
    "UsedBy",
    "UsedByAction",
]
