"""authentik: the client, and the models and operations of its remote access (RAC)."""

from aconnect.authentik.client import (
    Client as Client,
)
from aconnect.authentik.connection_tokens import (
    ConnectionToken as ConnectionToken,
    ConnectionTokenPatchParams as ConnectionTokenPatchParams,
    ConnectionTokens as ConnectionTokens,
    ConnectionTokenUpdateParams as ConnectionTokenUpdateParams,
)
from aconnect.authentik.endpoints import (
    AuthMode as AuthMode,
    AuthModeName as AuthModeName,
    Endpoint as Endpoint,
    EndpointPatchParams as EndpointPatchParams,
    EndpointProtocol as EndpointProtocol,
    EndpointProtocolName as EndpointProtocolName,
    Endpoints as Endpoints,
    EndpointUpdateParams as EndpointUpdateParams,
)
from aconnect.authentik.models import (
    PartialUser as PartialUser,
    RACProvider as RACProvider,
    UsedBy as UsedBy,
    UsedByAction as UsedByAction,
)
