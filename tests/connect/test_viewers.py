"""The clients of the viewers of running content."""

import asyncio
import json
import re
from typing import cast

import pytest
from multidict import CIMultiDict
from starlette.datastructures import Headers as StarletteHeaders
from werkzeug.datastructures import EnvironHeaders

from aconnect import Client, Viewers, errors
from aconnect.connect.viewers import USER_SESSION_TOKEN
from aconnect.testing import FakeConnect, faults
from tests.raw import RawServer

EXCHANGE = "/v1/oauth/integrations/credentials"
ASSOCIATIONS = "/v1/content/{guid}/oauth/integrations/associations"
CUSTOM = {
    "client_id": "the-client",
    "client_secret": "hush-hush",
    "authorization_uri": "https://example.com/authorize",
    "token_uri": "https://example.com/token",
}


@pytest.fixture(autouse=True)
async def _on_connect(server, item, monkeypatch):
    """Run as content that is associated with the integration with Connect's own API."""
    for name in ("JOB_KEY", "SESSION_TOKEN_FILE", "SESSION_TOKEN"):
        monkeypatch.delenv(f"CONNECT_CONTENT_{name}", raising=False)
    for name in ("POSIT_PRODUCT", "RSTUDIO_PRODUCT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONNECT_CONTENT_GUID", item.guid)
    await item.oauth.associations.update(next(iter(server.state.oauth_integrations)))
    server.requests.clear()


@pytest.fixture
async def viewers(client):
    async with Viewers(client) as viewers:
        yield viewers


@pytest.fixture
def token(server, item):
    """Return a new session token of a viewer."""
    return lambda name="viewer": server.user_session_token(name, item.guid)


def exchanges(server: FakeConnect) -> int:
    return server.count("POST", EXCHANGE)


def look_ups(server: FakeConnect, guid: str) -> int:
    return server.count("GET", ASSOCIATIONS.format(guid=guid))


async def test_a_call_of_the_viewer(viewers, client, token):
    """The lent client makes its calls as the viewer, and the original one as before."""
    async with viewers.client({USER_SESSION_TOKEN: token()}) as viewer:
        assert (await viewer.me()).username == "viewer"
        with pytest.raises(errors.PermissionDeniedError):
            await viewer.content.create(name="not-allowed")
        assert (await viewer.content.find(name="item")) == []
    assert (await client.me()).username == "admin"


async def test_one_exchange_of_many_first_requests(server, viewers, item, token):
    """However many first requests come at once, a token is exchanged once."""
    mine = token()

    async def request():
        async with viewers.client(mine) as viewer:
            return (await viewer.me()).username

    assert set(await asyncio.gather(*(request() for _ in range(20)))) == {"viewer"}
    assert (exchanges(server), look_ups(server, item.guid)) == (1, 1)
    server.requests.clear()
    assert await request() == "viewer"
    assert len(server.requests) == 1


async def test_one_look_up_for_all_viewers(server, viewers, item, token):
    """The associations of the content are looked up once for all viewers."""

    async def request(name):
        async with viewers.client(token(name)) as viewer:
            return (await viewer.me()).username

    names = ["viewer", "publisher", "admin"] * 4
    assert await asyncio.gather(*map(request, names)) == names
    assert (exchanges(server), look_ups(server, item.guid)) == (12, 1)


async def test_a_given_audience(server, client, item, token):
    """With `audience`, nothing is looked up."""
    connect = next(iter(server.state.oauth_integrations))
    other = await client.oauth.integrations.create(template="custom", config=CUSTOM)
    await item.oauth.associations.update([other, connect])
    async with Viewers(client, audience=connect) as viewers, viewers.client(token()) as viewer:
        assert (await viewer.me()).username == "viewer"
    assert look_ups(server, item.guid) == 0


async def test_integrations_that_change(server, viewers, client, item, token):
    """After the content got another integration, the associations are looked up again, once."""
    async with viewers.client(token()) as viewer:
        await viewer.me()
    connect = next(iter(server.state.oauth_integrations))
    other = await client.oauth.integrations.create(template="custom", config=CUSTOM)
    await item.oauth.associations.update([other, connect])
    server.requests.clear()

    async def request():
        async with viewers.client(token()) as viewer:
            return (await viewer.me()).username

    assert set(await asyncio.gather(*(request() for _ in range(5)))) == {"viewer"}
    assert look_ups(server, item.guid) == 1


async def test_an_ambiguous_integration(viewers, client, item, token):
    """If the associations do not say which integration is meant, the server's error is raised."""
    made = [
        (await client.oauth.integrations.create(template="custom", config=CUSTOM)).guid
        for _ in range(2)
    ]
    await item.oauth.associations.update(made)
    async with viewers.client(token()) as viewer:
        with pytest.raises(errors.BadRequestError) as caught:
            await viewer.me()
    assert caught.value.code == 257
    assert caught.value.signing_in
    assert errors.http_status(caught.value) == 500


@pytest.mark.parametrize("renewed", [True, False], ids=["before the end", "after the end"])
async def test_keys_are_renewed(server, viewers, clock, token, renewed):
    """A key is renewed before it ends, in the background, and at once if it has ended."""
    mine = token()
    async with viewers.client(mine) as viewer:
        await viewer.me()
    clock.advance(3600 - 30 if renewed else 3600 + 30)
    async with viewers.client(mine) as viewer:
        await viewer.me()
        while exchanges(server) < 2:  # noqa: ASYNC110  nothing else tells
            await asyncio.sleep(0.01)
        await viewer.me()
    assert exchanges(server) == 2


async def test_a_refused_key_is_replaced(server, viewers, token):
    """A key that the server does not accept any more is replaced, and the call made again."""
    async with viewers.client(token()) as viewer:
        await viewer.me()
        for key in [key for key in server.state.keys if "ephemeral" in key]:
            del server.state.keys[key]
        assert (await viewer.me()).username == "viewer"
    assert exchanges(server) == 2


@pytest.mark.parametrize(
    "absent", [None, "", "  ", {}, {"Accept": "*/*"}, {USER_SESSION_TOKEN: ""}]
)
async def test_anonymous_visitors_get_nothing_on_connect(server, viewers, absent):
    """On Connect, a request without a session token never gets the owner's client."""
    with pytest.raises(errors.ViewerError, match="not signed in") as caught:
        async with viewers.client(absent):
            pytest.fail("somebody got a client")
    assert errors.http_status(caught.value) == 401
    assert server.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONNECT_CONTENT_GUID", "a"),
        ("CONNECT_CONTENT_JOB_KEY", "a"),
        ("CONNECT_CONTENT_SESSION_TOKEN", "a"),
        ("CONNECT_CONTENT_SESSION_TOKEN_FILE", "/a"),
        ("POSIT_PRODUCT", "CONNECT"),
        ("POSIT_PRODUCT", "CONNECT_CLOUD"),
        ("RSTUDIO_PRODUCT", "CONNECT"),
        ("RSTUDIO_PRODUCT", "connect"),
    ],
)
@pytest.mark.parametrize("other", ["", "WORKBENCH"])
async def test_any_sign_of_connect_suffices(viewers, monkeypatch, name, value, other):
    """Each variable that Connect sets for content prevents that the owner's client is lent."""
    monkeypatch.delenv("CONNECT_CONTENT_GUID")
    monkeypatch.setenv("POSIT_PRODUCT", other)
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.ViewerError):
        async with viewers.client(None):
            pytest.fail("somebody got a client")


@pytest.mark.parametrize("product", [None, "WORKBENCH"])
async def test_outside_connect(server, viewers, client, monkeypatch, product):
    """Outside Connect, the developer's own client is lent, and stays open."""
    monkeypatch.delenv("CONNECT_CONTENT_GUID")
    if product is not None:
        monkeypatch.setenv("POSIT_PRODUCT", product)
        monkeypatch.setenv("RSTUDIO_PRODUCT", product)
    async with viewers.client({}) as viewer:
        assert viewer is client
    await viewers.aclose()
    assert (await client.me()).username == "admin"
    assert exchanges(server) == 0


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: {USER_SESSION_TOKEN: token},
        lambda token: {USER_SESSION_TOKEN.lower(): f" {token} "},
        lambda token: CIMultiDict({USER_SESSION_TOKEN.upper(): token}),
        lambda token: StarletteHeaders({USER_SESSION_TOKEN: token}),
        lambda token: EnvironHeaders({"HTTP_POSIT_CONNECT_USER_SESSION_TOKEN": token}),
        lambda token: json.loads(json.dumps({USER_SESSION_TOKEN: token})),
        lambda token: token,
    ],
    ids=["dict", "lower case", "aiohttp", "Starlette", "Flask", "JSON", "token"],
)
async def test_headers_of_frameworks(viewers, token, headers):
    """The headers of each framework are accepted, in any case, or the token itself."""
    async with viewers.client(headers(token())) as viewer:
        assert (await viewer.me()).username == "viewer"


@pytest.mark.parametrize(
    "headers",
    [
        lambda token: [(USER_SESSION_TOKEN.lower().encode(), token.encode())],
        lambda token: {USER_SESSION_TOKEN.lower().encode(): token.encode()},
        lambda token: {"HTTP_POSIT_CONNECT_USER_SESSION_TOKEN": token, "wsgi.version": (1, 0)},
        lambda token: {USER_SESSION_TOKEN: [token]},
        lambda token: token.encode(),
    ],
    ids=["ASGI", "bytes", "WSGI", "lists", "bytes token"],
)
@pytest.mark.parametrize("on_connect", [True, False])
async def test_what_is_no_headers(viewers, token, monkeypatch, headers, on_connect):
    """What would seem to be the request of an anonymous visitor is refused, wherever it runs."""
    if not on_connect:
        monkeypatch.delenv("CONNECT_CONTENT_GUID")
    mine = token()
    with pytest.raises(errors.InvalidArgumentError, match="type str") as caught:
        async with viewers.client(headers(mine)):
            pytest.fail("somebody got a client")
    assert mine not in str(caught.value)


async def test_a_token_that_is_no_text(server, viewers):
    """What cannot be sent is refused without being shown."""
    async with viewers.client("hush\udc80hush") as viewer:
        with pytest.raises(errors.InvalidArgumentError, match="UTF-8") as caught:
            await viewer.me()
    assert "hush" not in str(caught.value)
    assert exchanges(server) == 0


async def test_two_different_tokens(viewers, token):
    """If a request has two different tokens, nobody is believed."""
    both = CIMultiDict([(USER_SESSION_TOKEN, token()), (USER_SESSION_TOKEN, token("admin"))])
    with pytest.raises(errors.ViewerError, match="2 different"):
        async with viewers.client(both):
            pytest.fail("somebody got a client")


@pytest.mark.parametrize("status", [400, 401, 404])
@pytest.mark.parametrize("code", [215, 216, 217, 219, 220, 235])
async def test_a_token_that_is_not_accepted(server, viewers, token, code, status):
    """A token that has ended raises ViewerError, status 401, which does not show the token."""
    body = json.dumps({"code": code, "error": "no"})
    server.script(
        faults.status(status, body=body, content_type="application/json"), on=f"POST {EXCHANGE}"
    )
    mine = token()
    async with viewers.client(mine) as viewer:
        with pytest.raises(errors.ViewerError, match="load the page again") as caught:
            await viewer.me()
        assert errors.http_status(caught.value) == 401
        assert mine not in f"{caught.value!r}{caught.value}{caught.value.__cause__!r}"
        # Nothing is remembered of a refusal.
        assert (await viewer.me()).username == "viewer"


async def test_the_key_of_somebody_else(viewers, client, item, token):
    """If the key is not that of the owner, the error says so, also to an administrator."""
    publisher = await client.users.find_by(username="publisher")
    await item.update(owner_guid=publisher.guid)
    async with viewers.client(token()) as viewer:
        with pytest.raises(errors.PermissionDeniedError, match="owner; nobody else") as caught:
            await viewer.me()
    assert errors.http_status(caught.value) == 500
    assert "administrator" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "says"), [(401, "issued for the viewer"), (403, "the viewer is not allowed")]
)
async def test_what_a_viewer_may_not_do(server, viewers, token, status, says):
    """An error of a viewer's call never advises to use another key."""
    async with viewers.client(token()) as viewer:
        await viewer.me()
        fault = faults.error(status, 22)
        server.script(fault, fault, on="GET /v1/user")
        with pytest.raises(errors.ApiError, match=says) as caught:
            await viewer.with_options(timeout=5).me()
    assert "key of an admin" not in str(caught.value)
    assert "CONNECT_API_KEY" not in str(caught.value)


async def test_a_look_up_that_is_cancelled(server, viewers, item, token):
    """If the look-up of the associations is cancelled, the next call makes it again."""
    server.script(faults.slow_headers(5), on=f"GET {ASSOCIATIONS.format(guid=item.guid)}")

    async def request():
        async with viewers.client(token()) as viewer:
            return (await viewer.me()).username

    first = asyncio.create_task(request())
    while not (found := [t for t in asyncio.all_tasks() if t.get_name() == "aconnect audience"]):  # noqa: ASYNC110  nothing else tells
        await asyncio.sleep(0.01)
    found[0].cancel()
    with pytest.raises(errors.ClientClosedError):
        await first
    assert await request() == "viewer"


async def test_a_client_that_its_user_closes(viewers, token):
    """If somebody closes a client that was lent, the next request of the viewer gets another."""
    mine = token()
    async with viewers.client(mine) as closed:
        async with closed:
            await closed.me()
        async with viewers.client(mine) as viewer:
            assert (await viewer.me()).username == "viewer"
            assert not viewer.closed
    async with viewers.client(mine) as again:
        assert again is viewer
        assert (await again.me()).username == "viewer"
    assert viewers.count == 1


async def test_clients_are_closed_when_idle(viewers, clock, token):
    """A client is closed when it has been idle for too long, but not while it is in use."""
    mine, other = token(), token("publisher")
    async with viewers.client(mine) as kept:
        async with viewers.client(other) as closed:
            await closed.me()
        await kept.me()
        clock.advance(901)
        async with viewers.client(token("admin")):
            pass
        assert (await kept.me()).username == "viewer"
        with pytest.raises(errors.ClientClosedError):
            await closed.me()
    assert viewers.count == 2
    async with viewers.client(other) as again:
        assert (await again.me()).username == "publisher"


async def test_clients_are_closed_when_there_are_too_many(client, token):
    """Beyond `max_viewers`, the client that has been idle longest is closed."""
    names = ["viewer", "publisher", "admin"]
    tokens = [token(name) for name in names]
    async with Viewers(client, max_viewers=2) as viewers:
        lent = []
        for each in tokens:
            async with viewers.client(each) as viewer:
                lent.append(viewer)
        assert viewers.count == 2
        with pytest.raises(errors.ClientClosedError):
            await lent[0].me()
        assert [(await viewer.me()).username for viewer in lent[1:]] == names[1:]


async def test_all_that_are_in_use_are_kept(client, token):
    """No viewer is refused because others are being served; the surplus is closed afterwards."""
    async with Viewers(client, max_viewers=1) as viewers:
        async with viewers.client(token()) as one, viewers.client(token("publisher")) as other:
            assert (await one.me()).username == "viewer"
            assert (await other.me()).username == "publisher"
            assert viewers.count == 2
        assert viewers.count == 1


async def test_no_client(client):
    """An address, or other viewers, in place of the owner's client are refused."""
    for other in (client.url, Viewers(client), None):
        with pytest.raises(errors.InvalidArgumentError, match="pass a client of Connect"):
            Viewers(cast("Client", other))


@pytest.mark.parametrize("arguments", [{"max_viewers": 0}, {"idle_timeout": -1}])
async def test_invalid_arguments(client, arguments):
    """An impossible number or time is refused."""
    with pytest.raises(errors.InvalidArgumentError, match="at least one"):
        Viewers(client, **arguments)


async def test_after_closing(viewers, client, token):
    """Closing ends the clients of all viewers, and nothing else; no more are lent."""
    async with viewers.client(token()) as viewer:
        await viewer.me()
        await viewers.aclose()
        with pytest.raises(errors.ClientClosedError):
            await viewer.me()
    assert viewers.count == 0
    with pytest.raises(errors.ClientClosedError, match="viewers are closed"):
        async with viewers.client(token()):
            pytest.fail("somebody got a client")
    assert (await client.me()).username == "admin"


async def test_closing_in_another_loop(viewers, token):
    """Closing is refused in another loop; the clients can be closed in their own one after that."""
    async with viewers.client(token()) as viewer:
        await viewer.me()
    with pytest.raises(errors.EventLoopError):
        await asyncio.to_thread(lambda: asyncio.run(viewers.aclose()))
    assert not viewer.closed
    await viewers.aclose()
    assert viewer.closed


async def test_connections_are_shared(viewers, client, token):
    """Viewers use the connections, the limits and the subscribers of the original client."""
    calls: list[object] = []
    client.subscribe(calls.append)
    async with viewers.client(token()) as viewer, viewers.client(token("publisher")) as other:
        await viewer.me()
        await other.me()
        assert viewer.channel.session is other.channel.session is client.channel.session
        running = asyncio.create_task(viewer.tasks.get("1"))
        await asyncio.sleep(0)
        assert other.in_flight == client.in_flight == 1
        with pytest.raises(errors.NotFoundError):
            await running
    assert any(type(call).__name__ == "CallFinished" for call in calls)


async def test_the_version_is_asked_once(server, viewers, client, token):
    """All viewers share what is known about the server's version."""
    await client.version()
    for name in ("viewer", "publisher"):
        async with viewers.client(token(name)) as viewer:
            assert await viewer.version() == await client.version()
    assert server.count("GET", "/server_settings") == 1


async def test_nothing_secret_is_printed(viewers, token):
    """Neither the token nor the key is in a representation."""
    mine = token()
    async with viewers.client(mine) as viewer:
        await viewer.me()
        shown = f"{viewers!r} {viewer!r} {vars(viewers)} {vars(viewer)}"
    assert mine not in shown
    assert "ephemeral-key" not in shown


async def test_a_cancelled_request_does_not_end_the_exchange_of_others(server, viewers, token):
    """If the request that began an exchange is cancelled, the others get its result."""
    mine = token()
    server.script(faults.slow_headers(0.2), on=f"POST {EXCHANGE}")

    async def request():
        async with viewers.client(mine) as viewer:
            return (await viewer.me()).username

    first = asyncio.create_task(request())
    second = asyncio.create_task(request())
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second == "viewer"
    assert exchanges(server) == 1
    assert viewers.count == 1


KEY = b'{"access_token": "ephemeral", "expires_in": 60}'


@pytest.mark.parametrize("options", [{}, {"proxy": True}, {"snowflake_token": "flake"}])
async def test_the_key_replaces_that_of_the_owner(options):
    """A request of a viewer has one key, the viewer's, also through a proxy and in Snowflake."""

    async def handler(reader, writer):
        while True:
            head = await raw.head(reader)
            body = b"{}"
            if head.startswith(b"POST"):
                (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
                await reader.readexactly(int(length))
                body = KEY
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )

    async with RawServer(handler) as raw:
        if "proxy" in options:
            options = {"proxy": raw.url}
        async with (
            Client(raw.url, "owner-key", **options) as client,
            Viewers(client, audience="a") as viewers,
            viewers.client("token") as viewer,
        ):
            await viewer.me()
    exchange, call = raw.heads
    assert exchange.count(b"Key owner-key") == 1
    assert (call.count(b"Key "), call.count(b"Key ephemeral")) == (1, 1)
    assert call.lower().count(b"authorization: snowflake") == ("snowflake_token" in options)


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
async def test_content_that_refuses_the_viewer(server, viewers, item, token, method, times):
    """A 401 may be from content that has acted: what must not be repeated is sent once."""
    server.script(*[faults.status(401)] * 3, on=f"{method} /content/*")
    async with viewers.client(token()) as viewer:
        with pytest.raises(errors.AuthenticationError) as caught:
            await viewer.fetch(item, method=method)
        assert caught.value.from_content
        assert server.count(method, f"/content/{item.guid}/") == times
        # The key may have ended as well, so the next call has another one.
        before = exchanges(server)
        assert (await viewer.me()).username == "viewer"
        assert exchanges(server) == max(before, 2)
