"""OAuth integrations: services that content may reach, and which content uses which.

An integration is a service that content may reach with the credentials of its viewers or of a
service account. It is configured by a template, and content is associated with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Required, TypedDict, Unpack

from aconnect._client.endpoint import (
    ResourceBelow,
    endpoint,
    first_of,
    match_of,
    paged,
    resource,
    total_of,
)
from aconnect._client.paged import Paged
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource

# Names of values in a configuration that must not come back in a server's message.
_SECRET: Final = re.compile(r"secret|password|private|(^|_)key$", re.IGNORECASE)


class OAuthIntegrationAuthType(OpenEnum):
    """Whose credentials an integration gives."""

    VIEWER = "Viewer"
    SERVICE_ACCOUNT = "Service Account"
    VISITOR_API_KEY = "Visitor API Key"


class OAuthIntegrationType(OpenEnum):
    """The template of an integration."""

    AWS = "aws"
    AZURE = "azure"
    AZURE_OPENAI = "azure-openai"
    CONNECT = "connect"
    CUSTOM = "custom"
    DATABRICKS = "databricks"
    GITHUB = "github"
    GOOGLE_BIGQUERY = "bigquery"
    GOOGLE_DRIVE = "drive"
    GOOGLE_SHEETS = "sheets"
    GOOGLE_VERTEX_AI = "vertex-ai"
    MSGRAPH = "msgraph"
    SALESFORCE = "salesforce"
    SHAREPOINT = "sharepoint"
    SNOWFLAKE = "snowflake"


class OAuthIntegrationPermission(Model, kw_only=True):
    """A user or a group that may use an integration."""

    id: Id | None = None
    guid: str | None = None
    integration_guid: str | None = None
    user_guid: str | None = None
    group_guid: str | None = None


class OAuthIntegration(ConnectBound, kw_only=True):
    """A service that content may reach with the credentials of others."""

    id: Id | None = None
    guid: str = ""
    created_time: datetime | None = None
    updated_time: datetime | None = None
    name: str | None = None
    description: str | None = None
    template: OAuthIntegrationType | None = None
    auth_type: OAuthIntegrationAuthType | None = None
    config: dict[str, Any] | None = None
    """The options and fields of its template; the server leaves the secret ones out."""
    permissions: list[OAuthIntegrationPermission] | None = None
    """Who may use it; everybody if there are none."""
    environment_variables: list[str] | None = None
    content_count: int | None = None
    """How many content items use it."""

    associations: ClassVar[ResourceBelow[OAuthIntegrationAssociations]] = resource(
        lambda: OAuthIntegrationAssociations
    )

    async def refresh(self) -> OAuthIntegration:
        """Reload the integration."""
        return await self.client.oauth.integrations.get(self.guid)

    async def update(self, **fields: Unpack[OAuthIntegrationUpdateParams]) -> OAuthIntegration:
        """Change the given fields and return the updated integration."""
        return await self.client.oauth.integrations.update(self.guid, **fields)

    async def delete(self) -> None:
        """Delete the integration, with its associations and sessions."""
        await self.client.oauth.integrations.delete(self.guid)

    async def verify(self) -> None:
        """Ask the server to try the service account; `BadRequestError` where that fails."""
        await self.client.oauth.integrations.verify(self.guid)


class OAuthIntegrationAssociation(Model, kw_only=True):
    """That a content item uses an integration."""

    app_guid: str | None = None
    """What older servers call `content_guid`."""
    content_guid: str | None = None
    oauth_integration_guid: str = ""
    oauth_integration_name: str | None = None
    oauth_integration_description: str | None = None
    oauth_integration_template: OAuthIntegrationType | None = None
    oauth_integration_auth_type: OAuthIntegrationAuthType | None = None
    created_time: datetime | None = None


class OAuthIntegrationPermissionParams(TypedDict, total=False):
    """Who may use an integration: either a user or a group."""

    user_guid: str | None
    group_guid: str | None


class OAuthIntegrationCreateParams(TypedDict, total=False):
    """Fields of a new integration."""

    name: str | None
    description: str | None
    template: Required[str]
    """See `OAuthIntegrationType`."""
    config: Required[dict[str, Any]]
    """The options and fields of the template; see `oauth.templates`."""
    permissions: list[OAuthIntegrationPermissionParams] | None


class OAuthIntegrationUpdateParams(TypedDict, total=False):
    """Fields of an integration that can be changed."""

    name: str | None
    description: str | None
    config: dict[str, Any]
    permissions: list[OAuthIntegrationPermissionParams] | None
    """Replaces all there are."""


class OAuthAssociationParams(TypedDict):
    """Which integration content uses."""

    oauth_integration_guid: str


class OAuthIntegrationAssociations(
    ConnectResource, name="oauth.integrations.associations", scope=("guid",)
):
    """The content that uses one integration."""

    @paged(
        "/v1/oauth/integrations/{guid}/associations",
        by=Unpaged(),
        since="2024.08.0",
        role="administrator",
    )
    def find(self) -> Paged[OAuthIntegrationAssociation]:
        """List the associations with content."""
        ...

    find_one: Final = first_of(find)
    find_by: Final = match_of(find)
    count: Final = total_of(find)


def _secrets(given: Mapping[str, Any]) -> list[object]:
    """Return what is secret in a configuration, as far as the names of its values tell."""
    config: Mapping[str, Any] = given.get("config") or {}
    return [value for name, value in config.items() if _SECRET.search(name)]


class OAuthIntegrations(ConnectResource, name="oauth.integrations"):
    """All integrations of the server."""

    @paged("/v1/oauth/integrations", by=Unpaged(), since="2024.08.0", role="publisher")
    def find(self) -> Paged[OAuthIntegration]:
        """List the integrations."""
        ...

    find_one: Final = first_of(find)
    count: Final = total_of(find)

    async def find_by(
        self,
        integration_type: OAuthIntegrationType | str | None = None,
        auth_type: OAuthIntegrationAuthType | str | None = None,
        name: str | None = None,
        description: str | None = None,
        guid: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> OAuthIntegration | None:
        """Return the first integration that fits, or None.

        `name` and `description` are regular expressions found anywhere in the text; of `config`
        the given values must be there.
        """
        for one in await self.find():
            if (
                equals(integration_type, one.template)
                and equals(auth_type, one.auth_type)
                and matches_pattern(name, one.name)
                and matches_pattern(description, one.description)
                and equals(guid, one.guid)
                and (config or {}).items() <= (one.config or {}).items()
            ):
                return one
        return None

    def handle(self, guid: str) -> OAuthIntegration:
        """Return a handle for an integration with this guid; makes no request."""
        return OAuthIntegration(guid=guid).bind(self.client, {"guid": guid})

    @endpoint("GET", "/v1/oauth/integrations/{guid}", since="2024.08.0", role="publisher")
    async def get(self, guid: str) -> OAuthIntegration:
        """Get one integration."""
        ...

    @endpoint(
        "POST",
        "/v1/oauth/integrations",
        since="2024.08.0",
        role="administrator",
        secret=_secrets,
    )
    async def create(self, **fields: Unpack[OAuthIntegrationCreateParams]) -> OAuthIntegration:
        """Create an integration."""
        ...

    @endpoint(
        "PATCH",
        "/v1/oauth/integrations/{guid}",
        idempotent=True,
        since="2024.08.0",
        role="administrator",
        secret=_secrets,
    )
    async def update(
        self, guid: str, **fields: Unpack[OAuthIntegrationUpdateParams]
    ) -> OAuthIntegration:
        """Change the given fields; `permissions` are replaced as a whole."""
        ...

    @endpoint("DELETE", "/v1/oauth/integrations/{guid}", since="2024.08.0", role="administrator")
    async def delete(self, guid: str) -> None:
        """Delete an integration, with its associations and sessions."""
        ...

    # It tries a login and changes nothing.
    @endpoint("POST", "/v1/oauth/integrations/{guid}/verify", idempotent=True, role="administrator")
    async def verify(self, guid: str) -> None:
        """Ask the server to try the service account; `BadRequestError` where that fails.

        Integrations of other kinds cannot be verified, and are refused likewise.
        """
        ...


def equals(expected: str | None, value: str | None) -> bool:
    """Return True if nothing is expected, or the value equals it."""
    return expected is None or value == expected


def matches_pattern(pattern: str | None, text: str | None) -> bool:
    """Return True if there is no pattern, or the text contains it."""
    return pattern is None or (text is not None and re.search(pattern, text) is not None)
