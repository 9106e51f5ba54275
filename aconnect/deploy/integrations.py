"""The OAuth integrations that a manifest requests.

A server from 2025.09 on associates them when it builds the bundle, and fails the build if one is
missing. So they are looked for before anything is sent, and associated after the build where the
server has not done it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from aconnect.connect import Client, ContentItem
from aconnect.errors import EndpointMissingError, InvalidArgumentError

_CRITERIA: Final = {
    "type": "integration_type",
    "auth_type": "auth_type",
    "name": "name",
    "description": "description",
    "guid": "guid",
}
"""What a request may contain, and the arguments of `find_by`."""


class Requested(Struct, frozen=True):
    """An integration that a manifest requests."""

    guid: str
    name: str


async def find_requested(client: Client, manifest: Mapping[str, Any]) -> list[Requested]:
    """Return the integrations that a manifest requests.

    Raises:
        InvalidArgumentError: The server has no integration for a request.
    """
    found: list[Requested] = []
    for request in _requests(manifest):
        criteria = {_CRITERIA[key]: value for key, value in request.items() if key in _CRITERIA}
        try:
            match = await client.oauth.integrations.find_by(**criteria)
        except EndpointMissingError:
            # The server is older than integrations, and ignores the requests.
            return []
        if match is None:
            wanted = ", ".join(f"{key}={value!r}" for key, value in request.items())
            names = [one.name or "" for one in await client.oauth.integrations.find()]
            raise InvalidArgumentError(
                f"the manifest requests an integration ({wanted}), and the server has none that "
                f"matches; it has: {', '.join(sorted(names)) or 'none'}. An administrator can "
                "create one"
            )
        found.append(Requested(match.guid, match.name or match.guid))
    return found


async def associate(item: ContentItem, requested: Sequence[Requested]) -> list[Requested]:
    """Associate those integrations that the content does not have, and return them."""
    associations = await item.oauth.associations.find()
    there = [one.oauth_integration_guid for one in associations if one.oauth_integration_guid]
    missing = [one for one in requested if one.guid not in there]
    if missing:
        await item.oauth.associations.update([*there, *(one.guid for one in missing)])
    return missing


def _requests(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return msgspec.convert(manifest.get("integration_requests") or [], list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise InvalidArgumentError(
            "integration_requests of the manifest is not a list of objects; each has type, "
            "auth_type, name, description or guid"
        ) from error
