"""Integrations that a content item is associated with."""

from typing import cast

from aconnect.testing.connect.dialect import Call, bad_request, forbidden, route
from aconnect.testing.connect.routes.content._items import content_of
from aconnect.testing.connect.routes.oauth.integrations import association, may_use
from aconnect.testing.wire import Response, empty, ok

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
    before = call.state.oauth_associations.get(content, {})
    call.state.oauth_associations[content] = {
        guid: before.get(guid) or call.state.now() for guid in guids
    }
    return empty()
