"""OAuth integrations: services that content can use, and which content uses them.

An integration gives content access to a service with the credentials of its viewers or of a service
account. It is configured by a template, and content is associated with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Required, TypedDict, Unpack

from aconnect._client.derived import first_of, match_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import ResourceBelow, resource
from aconnect._core.arguments import canonical_guid
from aconnect._core.model import Id, Model, OpenEnum
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectBound, ConnectResource

# Names of values in a configuration that must not be repeated in an error message.
_SECRET: Final = re.compile(r"secret|password|private|(^|_)key$", re.IGNORECASE)


class OAuthIntegrationAuthType(OpenEnum):
    """The type of credentials that an integration provides."""

    VIEWER = "Viewer"
    SERVICE_ACCOUNT = "Service Account"
    VISITOR_API_KEY = "Visitor API Key"


OAuthIntegrationAuthTypeName = Literal["Viewer", "Service Account", "Visitor API Key"] | str
"""The name of a type of credentials."""


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


OAuthIntegrationTypeName = (
    Literal[
        "aws",
        "azure",
        "azure-openai",
        "bigquery",
        "connect",
        "custom",
        "databricks",
        "drive",
        "github",
        "msgraph",
        "salesforce",
        "sharepoint",
        "sheets",
        "snowflake",
        "vertex-ai",
    ]
    | str
)
"""The name of a template."""


class OAuthIntegrationPermission(Model, kw_only=True):
    """A user or a group that can use an integration."""

    id: Id | None = None
    guid: str | None = None
    integration_guid: str | None = None
    user_guid: str | None = None
    group_guid: str | None = None


class OAuthIntegration(ConnectBound, kw_only=True):
    """A service that content can use with the credentials of others."""

    id: Id | None = None
    guid: str = ""
    created_time: datetime | None = None
    updated_time: datetime | None = None
    name: str | None = None
    description: str | None = None
    template: OAuthIntegrationType | None = None
    auth_type: OAuthIntegrationAuthType | None = None
    config: dict[str, Any] | None = None
    """The options and fields of its template; the server omits the secret ones."""
    permissions: list[OAuthIntegrationPermission] | None = None
    """The users and groups that can use it; all if there are none."""
    environment_variables: list[str] | None = None
    content_count: int | None = None
    """The number of content items that use it."""

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
        """Ask the server to test the service account; `BadRequestError` if that fails."""
        await self.client.oauth.integrations.verify(self.guid)


class OAuthIntegrationAssociation(Model, kw_only=True):
    """The association of a content item with an integration."""

    app_guid: str | None = None
    """The name of `content_guid` on older servers."""
    content_guid: str | None = None
    oauth_integration_guid: str = ""
    oauth_integration_name: str | None = None
    oauth_integration_description: str | None = None
    oauth_integration_template: OAuthIntegrationType | None = None
    oauth_integration_auth_type: OAuthIntegrationAuthType | None = None
    created_time: datetime | None = None


class OAuthIntegrationPermissionParams(TypedDict, total=False):
    """A permission for an integration: either a user or a group."""

    user_guid: str | None
    group_guid: str | None


class OAuthIntegrationCreateParams(TypedDict, total=False):
    """Fields of a new integration."""

    name: str | None
    description: str | None
    template: Required[OAuthIntegrationTypeName]
    config: Required[dict[str, Any]]
    """The options and fields of the template; see `oauth.templates`."""
    permissions: list[OAuthIntegrationPermissionParams] | None


class OAuthIntegrationUpdateParams(TypedDict, total=False):
    """Fields of an integration that can be changed."""

    name: str | None
    description: str | None
    config: dict[str, Any]
    permissions: list[OAuthIntegrationPermissionParams] | None
    """Replaces all permissions."""


class OAuthAssociationParams(TypedDict):
    """The integration to associate."""

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
    """Return the secret values of a configuration, according to their names."""
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
        integration_type: OAuthIntegrationTypeName | None = None,
        auth_type: OAuthIntegrationAuthTypeName | None = None,
        name: str | None = None,
        description: str | None = None,
        guid: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> OAuthIntegration | None:
        """Return the first integration that matches, or None.

        `name` and `description` are regular expressions, searched anywhere in the text; `config`
        must contain the given values.
        """
        guid = canonical_guid("guid", guid)
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
        guid = canonical_guid("guid", guid)
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

    # It tests a login and changes nothing.
    @endpoint("POST", "/v1/oauth/integrations/{guid}/verify", idempotent=True, role="administrator")
    async def verify(self, guid: str) -> None:
        """Ask the server to test the service account; `BadRequestError` if that fails.

        Integrations of other types cannot be verified, and are refused as well.
        """
        ...


def equals(expected: str | None, value: str | None) -> bool:
    """Return True if nothing is expected, or the value equals it."""
    return expected is None or value == expected


def matches_pattern(pattern: str | None, text: str | None) -> bool:
    """Return True if there is no pattern, or the text contains it."""
    return pattern is None or (text is not None and re.search(pattern, text) is not None)
