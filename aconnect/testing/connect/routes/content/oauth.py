"""Integrations that a content item is associated with."""

import re
from collections.abc import Iterable
from typing import cast

import msgspec

from aconnect.testing.connect.dialect import Call, bad_request, forbidden, route
from aconnect.testing.connect.manifests import IntegrationRequest
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.oauth.integrations import association, may_use
from aconnect.testing.wire import Response, Row, empty, ok

_SINCE = (2024, 8, 0)


@route(
    "GET",
    "/v1/content/{guid}/oauth/integrations/associations",
    role="publisher",
    since=_SINCE,
)
def list_associations(call: Call) -> Response:
    """List the integrations of a content item."""
    guid = content_of(call)["guid"]
    return ok([association(call, guid, one) for one in call.state.oauth_associations.get(guid, ())])


@route(
    "PUT",
    "/v1/content/{guid}/oauth/integrations/associations",
    role="publisher",
    since=_SINCE,
)
async def set_associations(call: Call) -> Response:
    """Replace the integrations of a content item; each must exist."""
    content = content_of(call, edit=True)["guid"]
    body = await call.json()
    if not isinstance(body, list):
        raise bad_request("The integrations must be a list.", 208)
    guids: list[str] = []
    for entry in cast("list[object]", body):
        match entry:
            case {"oauth_integration_guid": str(guid)} if guid in call.state.oauth_integrations:
                guids.append(guid)
            case _:
                raise bad_request(f"There is no OAuth integration {entry!r}.", 207)
        if not may_use(call, call.state.oauth_integrations[guid]):
            raise forbidden()
    if len(set(guids)) < len(guids):
        raise bad_request("An OAuth integration is named more than once.", 258)
    if len(guids) > 1 and not call.features.several_associations:
        raise bad_request("Content can have one OAuth integration.", 209)
    before = call.state.oauth_associations.get(content, {})
    call.state.oauth_associations[content] = {
        guid: before.get(guid) or call.state.now() for guid in guids
    }
    return empty()


def associate_requested(
    call: Call, content: str, requests: Iterable[IntegrationRequest]
) -> list[str]:
    """Associate the integrations that a manifest requests; return a message for each without one.

    Each request gets the oldest integration that matches it and that the caller may use.
    """
    messages: list[str] = []
    for request in requests:
        rows = call.state.oauth_integrations.values()
        found = next((row for row in rows if may_use(call, row) and _matches(row, request)), None)
        if found is None:
            wanted = msgspec.to_builtins(request)
            given = ", ".join(f"{name} {value!r}" for name, value in wanted.items() if value)
            messages.append(f"no OAuth integration matches the request for {given}")
        else:
            used = call.state.oauth_associations.setdefault(content, {})
            used.setdefault(found["guid"], call.state.now())
    return messages


def _matches(row: Row, request: IntegrationRequest) -> bool:
    """Return True if an integration has everything that is requested.

    Name and description are regular expressions.
    """
    exact = {"guid": request.guid, "auth_type": request.auth_type, "template": request.type}
    patterns = {"name": request.name, "description": request.description}
    return all(row[field] == value for field, value in exact.items() if value is not None) and all(
        re.search(pattern, row[field] or "") for field, pattern in patterns.items() if pattern
    )
