"""OAuth: integrations with other services, the sessions of users, clients and templates.

Decides how Connect's own tokens are exchanged for credentials, which are defined in `credentials`.
Integrations, sessions, clients and templates have their own modules.
"""

from __future__ import annotations

from typing import Final, Unpack, overload

from aconnect._client.endpoint import endpoint
from aconnect._client.resource import resource
from aconnect.connect._base.resource import ConnectResource
from aconnect.connect.oauth.clients import OAuthClients
from aconnect.connect.oauth.credentials import (
    AWSCredentials,
    OAuthCredentials,
    OAuthExchangeParams,
    OAuthGrantType,
    OAuthTokenType,
    OAuthTokenTypeName,
    given_token,
    no_token,
    own_content,
    own_session_token,
)
from aconnect.connect.oauth.integrations import OAuthIntegrations, OAuthIntegrationType
from aconnect.connect.oauth.sessions import OAuthSessions
from aconnect.connect.oauth.templates import OAuthTemplates
from aconnect.errors import InvalidArgumentError


class OAuth(ConnectResource, name="oauth"):
    """OAuth integrations, and credentials for their services."""

    integrations: Final = resource(OAuthIntegrations)

    sessions: Final = resource(OAuthSessions)

    clients: Final = resource(OAuthClients)

    templates: Final = resource(OAuthTemplates)

    async def get_credentials(
        self,
        user_session_token: str,
        requested_token_type: OAuthTokenTypeName | None = None,
        audience: str | None = None,
    ) -> OAuthCredentials:
        """Exchange a viewer's session token for that viewer's credentials.

        The server sends the token with each request to running content, in the header
        `Posit-Connect-User-Session-Token`. The viewer must have logged in to the service.

        Args:
            user_session_token: The viewer's token.
            requested_token_type: By default an access token.
            audience: The guid of the integration, if the content has several.
        """
        token = given_token(
            user_session_token,
            "user session token",
            "running content gets it in the header Posit-Connect-User-Session-Token",
        )
        return await self._exchange_token(
            token, OAuthTokenType.USER_SESSION_TOKEN, requested_token_type, audience
        )

    @overload
    async def get_content_credentials(
        self,
        content_session_token: str,
        requested_token_type: OAuthTokenTypeName | None = None,
        audience: str | None = None,
    ) -> OAuthCredentials: ...

    @overload
    async def get_content_credentials(
        self,
        content_session_token: str | None = None,
        requested_token_type: OAuthTokenTypeName | None = None,
        audience: str | None = None,
    ) -> OAuthCredentials | None: ...

    async def get_content_credentials(
        self,
        content_session_token: str | None = None,
        requested_token_type: OAuthTokenTypeName | None = None,
        audience: str | None = None,
    ) -> OAuthCredentials | None:
        """Exchange the content's session token for credentials of a service account.

        Returns None outside Connect, where there is no token and none is passed.

        Args:
            content_session_token: By default the content of the file that
            CONNECT_CONTENT_SESSION_TOKEN_FILE names, read each time because the server renews it;
            without a token there, CONNECT_CONTENT_SESSION_TOKEN.
            requested_token_type: By default an access token.
            audience: The guid of the integration, if the content has several.

        Raises:
            InvalidArgumentError: CONNECT_CONTENT_SESSION_TOKEN_FILE names a file without a token.
        """
        token = (
            await own_session_token()
            if content_session_token is None
            else given_token(
                content_session_token,
                "content session token",
                "leave it out to have it read from CONNECT_CONTENT_SESSION_TOKEN_FILE",
            )
        )
        if token is None:
            return None
        return await self._exchange_token(
            token, OAuthTokenType.CONTENT_SESSION_TOKEN, requested_token_type, audience
        )

    async def has_content_credentials(self) -> bool:
        """Return True if `get_content_credentials` finds a token; makes no request."""
        try:
            return await own_session_token() is not None
        except InvalidArgumentError:
            return False

    async def get_aws_credentials(
        self, user_session_token: str, audience: str | None = None
    ) -> AWSCredentials:
        """Exchange a viewer's session token for AWS keys; see `get_credentials`."""
        found = await self.get_credentials(
            user_session_token, OAuthTokenType.AWS_CREDENTIALS, audience
        )
        return found.aws()

    async def get_aws_content_credentials(
        self, content_session_token: str | None = None, audience: str | None = None
    ) -> AWSCredentials:
        """Exchange the content's session token for AWS keys; see `get_content_credentials`.

        Raises:
            InvalidArgumentError: There is no token, such as outside Connect.
        """
        found = await self.get_content_credentials(
            content_session_token, OAuthTokenType.AWS_CREDENTIALS, audience
        )
        if found is None:
            raise no_token()
        return found.aws()

    # The server returns the same credentials until they expire, or fresh ones that expire by
    # themselves.
    @endpoint(
        "POST",
        "/v1/oauth/integrations/credentials",
        form=True,
        idempotent=True,
        since="2024.08.0",
        role="publisher",
        secret=("subject_token",),
    )
    async def exchange(self, **fields: Unpack[OAuthExchangeParams]) -> OAuthCredentials:
        """Exchange a token with explicit fields; `get_credentials` and the others fill them in.

        Requires the key of the owner of the content that the token belongs to.
        """
        ...

    async def _exchange_token(
        self, token: str, kind: OAuthTokenType, requested: str | None, audience: str | None
    ) -> OAuthCredentials:
        fields: OAuthExchangeParams = {
            "grant_type": OAuthGrantType.TOKEN_EXCHANGE,
            "subject_token_type": kind,
            "subject_token": token,
        }
        if requested is not None:
            fields["requested_token_type"] = requested
        if audience is not None:
            fields["audience"] = audience
        return await self.exchange(**fields)

    async def own_api_integration(self) -> str | None:
        """Return the guid of the integration with Connect's own API of the content that runs this.

        None if the content has a single integration, which the server then uses, or several such.
        """
        content = own_content()
        if content is None:
            return None
        associations = await self.client.content.handle(content).oauth.associations.find()
        guids = [
            one.oauth_integration_guid
            for one in associations
            if one.oauth_integration_template == OAuthIntegrationType.CONNECT
        ]
        return guids[0] if len(associations) > 1 and len(guids) == 1 else None
