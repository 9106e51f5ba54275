"""The OAuth integrations of one content item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from aconnect._client.derived import first_of, total_of
from aconnect._client.endpoint import endpoint, paged
from aconnect._client.paged import Paged
from aconnect._client.resource import resource
from aconnect._core.arguments import canonical_guid
from aconnect._core.paging import Unpaged
from aconnect.connect._base.resource import ConnectResource, own_guid
from aconnect.connect.oauth.integrations import (
    OAuthAssociationParams,
    OAuthIntegration,
    OAuthIntegrationAssociation,
    OAuthIntegrationAuthTypeName,
    OAuthIntegrationTypeName,
    equals,
    matches_pattern,
)
from aconnect.errors import DecodeError


class ContentOAuthAssociations(
    ConnectResource,
    name="content.oauth.associations",
    scope=("guid",),
    since="2024.08.0",
    role="publisher",
):
    """The integrations that one content item uses."""

    @paged("/v1/content/{guid}/oauth/integrations/associations", by=Unpaged())
    def find(self) -> Paged[OAuthIntegrationAssociation]:
        """List the associations with integrations."""
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
    ) -> OAuthIntegrationAssociation | None:
        """Return the first association whose integration matches, or None.

        `name` and `description` are regular expressions, searched anywhere in the text.
        """
        guid = canonical_guid("guid", guid)
        for one in await self.find():
            if (
                equals(integration_type, one.oauth_integration_template)
                and equals(auth_type, one.oauth_integration_auth_type)
                and matches_pattern(name, one.oauth_integration_name)
                and matches_pattern(description, one.oauth_integration_description)
                and equals(guid, one.oauth_integration_guid)
            ):
                return one
        return None

    async def update(
        self, integrations: OAuthIntegration | str | Iterable[OAuthIntegration | str]
    ) -> None:
        """Set the integrations, or the one integration, that the content uses; `add` keeps others.

        Several are possible since 2025.07; a string is the guid of an integration.
        """
        if isinstance(integrations, OAuthIntegration | str | UUID):
            integrations = [integrations]
        await self._update([{"oauth_integration_guid": own_guid(one)} for one in integrations])

    async def add(self, *integrations: OAuthIntegration | str) -> bool:
        """Add integrations to those that the content uses; return True if any was missing.

        The API can only replace the whole list, so this reads the list and writes it back, unless
        nothing changes: an association that somebody else adds or removes between the two requests
        is lost. Servers before 2025.07 refuse a second integration (code 209); `update` replaces
        the first.
        """
        guids = dict.fromkeys(map(own_guid, integrations))
        return await self._change(lambda before: [*before, *(g for g in guids if g not in before)])

    async def remove(self, *integrations: OAuthIntegration | str) -> bool:
        """Remove integrations from those that the content uses; return True if it used any.

        It reads and writes the list as `add` does.
        """
        guids = set(map(own_guid, integrations))
        return await self._change(lambda before: [guid for guid in before if guid not in guids])

    async def _change(self, change: Callable[[list[str]], list[str]]) -> bool:
        """Replace the list by what a function makes of it; return False if that is the same."""
        before = [one.oauth_integration_guid or "" for one in await self.find()]
        if not all(before):
            raise DecodeError(
                "the server listed an association without the guid of its integration, which would "
                "be lost, so nothing was changed; pass the whole list to update()"
            )
        after = change(before)
        if after == before:
            return False
        await self.update(after)
        return True

    async def delete(self) -> None:
        """Remove all integrations from the content."""
        await self.update([])

    @endpoint("PUT", "/v1/content/{guid}/oauth/integrations/associations")
    async def _update(self, body: list[OAuthAssociationParams]) -> None: ...


class ContentOAuth(ConnectResource, name="content.oauth", scope=("guid",)):
    """OAuth of one content item."""

    associations: Final = resource(ContentOAuthAssociations)
