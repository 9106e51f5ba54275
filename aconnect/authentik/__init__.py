"""authentik: the client, and the models and operations of its remote access (RAC), with users."""

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
from aconnect.authentik.providers import (
    Providers as Providers,
)
from aconnect.authentik.users import (
    PartialGroup as PartialGroup,
    Role as Role,
    User as User,
    Users as Users,
    UserType as UserType,
    UserTypeName as UserTypeName,
)
