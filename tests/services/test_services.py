"""Services with the real frameworks, each in its own process, act as their viewers."""

import asyncio

import pytest

from aconnect.connect.viewers import USER_SESSION_TOKEN
from tests.services.frameworks import RefusedError

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXCHANGE = "/v1/oauth/integrations/credentials"
ASSOCIATIONS = "/v1/content/*/oauth/integrations/associations"


async def test_each_viewer_sees_their_own_content(service):
    """Two viewers at the same time see what each of them may see, and not what the owner may."""
    one, other = viewers = [await service.viewer() for _ in range(2)]
    seen = await asyncio.gather(*map(service.titles, viewers))
    assert seen == [await service.allowed(viewer) for viewer in viewers]
    assert [f"For {one}" in titles for titles in seen] == [True, False]
    assert [f"For {other}" in titles for titles in seen] == [False, True]


async def test_many_first_requests(service):
    """However many pages a viewer opens at once, their token is exchanged once."""
    viewers = [await service.viewer() for _ in range(2)]
    service.server.requests.clear()
    seen = await asyncio.gather(*map(service.titles, viewers * 5))
    assert seen == [await service.allowed(viewer) for viewer in viewers] * 5
    assert service.server.count("POST", EXCHANGE) == 2
    assert service.server.count("GET", ASSOCIATIONS) <= 1
    service.server.requests.clear()
    await service.titles(viewers[0])
    assert [recorded.path for recorded in service.calls()] == ["/v1/content"]


@pytest.mark.parametrize("headers", [{}, {USER_SESSION_TOKEN: "made-up"}], ids=["none", "made up"])
async def test_anonymous_visitors(service, headers):
    """An anonymous visitor is refused, whatever the browser sends; no call is made as the owner."""
    service.server.requests.clear()
    with pytest.raises(RefusedError, match="not signed in"):
        await service.titles_with(headers, service.url)
    assert service.calls() == []


async def test_the_name_of_the_host(service):
    """A service responds under the name of the server, which browsers know."""
    viewer = await service.viewer()
    token = service.server.user_session_token(viewer, service.item.guid)
    headers = {USER_SESSION_TOKEN: token, "Host": "connect.example.com"}
    assert await service.titles_with(headers, service.app) == await service.allowed(viewer)


async def test_a_session_that_has_ended(service):
    """A viewer whose session token is not accepted is told to load the page again."""
    with pytest.raises(RefusedError, match="load the page again"):
        await service.titles_with({USER_SESSION_TOKEN: "ended"}, service.app)


async def test_outside_connect(service):
    """On the machine of a developer, the service shows what the developer may see."""
    developer = await service.client.me()
    seen = await service.titles_with({}, service.elsewhere)
    assert seen == await service.allowed(developer.username)
