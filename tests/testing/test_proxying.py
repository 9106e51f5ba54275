"""The proxy in front of apps: what they receive, and what their clients receive."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

SPOOFED = {
    "posit-connect-user-session-token": "spoofed",
    "RStudio-Connect-Credentials": "spoofed",
    "rstudio-connect-app-base-url": "spoofed",
    "X-RSC-Authorization": "Key wrong",
}


class App:
    """An app, which listens at `url` without a proxy."""

    def __init__(self):
        self.url, self.code = "", None
        self.released, self.closed = asyncio.Event(), asyncio.Event()

    async def respond(self, request):
        """Respond at the paths of this table; otherwise, with what arrived."""
        responses = {
            "/events": self.events,
            "/release": self.release,
            "/socket": self.socket,
            "/end": self.end,
        }
        return await responses.get(request.path, self.echo)(request)

    async def echo(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = (await request.read()).decode()
        row = {"method": request.method, "path": request.raw_path, "headers": headers, "body": body}
        response = web.json_response(row, status=201, headers={"X-Of-App": "yes"})
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async def events(self, request):
        """Send an event, and the next one once it is released."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"data: first\n\n")
        await self.released.wait()
        await response.write(b"data: second\n\n")
        return response

    async def release(self, request):
        self.released.set()
        return web.Response(status=204, headers={"X-Path": request.path})

    async def end(self, request):
        """End in the middle of a response."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        request.transport.abort()
        return response

    async def socket(self, request):
        """Send the token of the viewer, and then echo messages; close or end on request."""
        answer = web.WebSocketResponse(protocols=["chat"])
        await answer.prepare(request)
        await answer.send_str(request.headers.get("Posit-Connect-User-Session-Token", "nobody"))
        async for message in answer:
            if message.data == "bye":
                await answer.close(code=4001, message=b"on request")
            elif message.data == "end":
                request.transport.abort()
            elif isinstance(message.data, str):
                await answer.send_str(message.data)
            else:
                await answer.send_bytes(message.data)
        self.code = answer.close_code
        self.closed.set()
        return answer


@pytest.fixture
async def app():
    app = App()
    runner = web.ServerRunner(web.Server(app.respond), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield app
    await runner.cleanup()


@pytest.fixture
async def content(call, app):
    """The address of public content of the administrator whose requests the app receives."""
    state = call.server.state
    row = next(row for row in state.content.values() if row["access_type"] == "all")
    call.server.proxy(row["guid"], app.url)
    return f"{call.server.url}/content/{row['guid']}"


def key(call, user):
    return {"Authorization": f"Key {call.server.api_key_for(user)}"}


async def test_the_request_of_a_viewer(call, content):
    """An app receives the path below the content, and the viewer from the server only."""
    headers = {**key(call, "viewer"), **{name: SPOOFED[name] for name in list(SPOOFED)[:3]}}
    async with call.session.post(
        f"{content}/a/b%20c?x=1&y", data=b"body", headers={**headers, "X-Mine": "kept"}
    ) as response:
        assert (response.status, response.headers["X-Of-App"]) == (201, "yes")
        assert sorted(response.headers.getall("Set-Cookie")) == ["a=1; Path=/", "b=2; Path=/"]
        seen = await response.json()
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/a/b%20c?x=1&y", "body")
    headers = seen["headers"]
    assert headers["x-mine"] == "kept"
    assert headers["rstudio-connect-app-base-url"] == content
    state, guid = call.server.state, content.rpartition("/")[2]
    assert json.loads(headers["rstudio-connect-credentials"])["user"] == "viewer"
    session = state.session_tokens[headers["posit-connect-user-session-token"]]
    assert session.user_guid == state.known_user("viewer")["guid"]
    assert session.content_guid == guid
    assert "authorization" not in headers
    assert headers["host"] in content


async def test_anonymous_requests(call, content):
    """An anonymous visitor has no token, whatever it sends; the app's own scheme passes."""
    bearer = {"Authorization": "Bearer of-the-app"}
    headers = {**SPOOFED, **bearer}
    del headers["X-RSC-Authorization"]
    async with call.session.get(content, headers=headers) as response:
        seen = (await response.json())["headers"]
    assert seen["authorization"] == "Bearer of-the-app"
    assert not [name for name in seen if "session-token" in name or "credentials" in name]
    async with call.session.get(content, headers=SPOOFED) as response:
        assert response.status == 401


@pytest.mark.parametrize("name", list(SPOOFED))
async def test_spellings_of_headers(call, content, name):
    """No spelling that WSGI takes for a header of Connect reaches the app."""
    names = [name.replace("-", "_"), name.upper().replace("-", "_", 1), name.replace("-", "_", 2)]
    async with call.session.get(content, headers=dict.fromkeys(names, "spoofed")) as response:
        assert "spoofed" not in await response.text()


async def test_tokens(call, content):
    """The requests of a viewer have one token, until it is no longer valid."""

    async def token(user):
        async with call.session.get(content, headers=key(call, user)) as response:
            return (await response.json())["headers"]["posit-connect-user-session-token"]

    first, other, again = [await token(user) for user in ("viewer", "admin", "viewer")]
    assert (first == again, first == other) == (True, False)
    del call.server.state.session_tokens[first]
    assert await token("viewer") not in {first, other}


async def test_old_servers(serving, app):
    """A server without session tokens sends none."""
    call = await serving(version="2024.07.0")
    guid = next(iter(call.server.state.content))
    call.server.proxy(guid, app.url)
    async with call.session.get(
        f"{call.server.url}/content/{guid}/", headers=key(call, "admin")
    ) as response:
        seen = (await response.json())["headers"]
    assert "posit-connect-user-session-token" not in seen
    assert "rstudio-connect-credentials" in seen


async def test_below_a_prefix_and_a_vanity_url(serving, app):
    """The app learns at which address the client reached it."""
    call = await serving(prefix="/rsc")
    guid = next(iter(call.server.state.content))
    call.server.proxy(guid, app.url + "/")
    await call("PUT", f"/v1/content/{guid}/vanity", json={"path": "/app/"})
    for address in ("/app", f"/content/{guid}"):
        async with call.session.get(
            f"{call.server.url}{address}/x", headers=key(call, "admin")
        ) as response:
            seen = await response.json()
        assert seen["path"] == "/x"
        assert seen["headers"]["rstudio-connect-app-base-url"] == call.server.url + address


async def test_streams(call, content):
    """Events arrive while the response goes on."""
    async with call.session.get(f"{content}/events") as response:
        assert await response.content.readuntil(b"\n\n") == b"data: first\n\n"
        async with call.session.post(f"{content}/release") as released:
            assert released.status == 204
        assert await response.read() == b"data: second\n\n"


async def test_websockets(call, app, content):
    """Messages pass both ways, with the token of the viewer, and so do the ends of connections."""
    url = f"{content}/socket"
    async with call.session.ws_connect(url, headers=key(call, "viewer"), protocols=["chat"]) as one:
        assert one.protocol == "chat"
        assert await one.receive_str() in call.server.state.session_tokens
        await one.send_str("text")
        await one.send_bytes(b"bytes")
        assert (await one.receive_str(), await one.receive_bytes()) == ("text", b"bytes")
        await one.send_str("bye")
        end = await one.receive()
        assert (end.type, end.data, end.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "on request")
    app.closed.clear()
    async with call.session.ws_connect(url, headers=SPOOFED | {"X-RSC-Authorization": ""}) as two:
        assert await two.receive_str() == "nobody"
        await two.close(code=4002)
    await app.closed.wait()
    assert app.code == 4002


async def test_websockets_that_break(call, app, content):
    """Each side learns that the other one is gone, and that it did not close the connection."""
    async with call.session.ws_connect(f"{content}/socket") as one:
        assert await one.receive_str() == "nobody"
        await one.send_str("end")
        end = await one.receive()
        assert (end.type, end.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    await app.closed.wait()
    app.closed.clear()
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{content}/socket",
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            },
        ) as response,
    ):
        assert response.status == 101
    await app.closed.wait()
    assert app.code == aiohttp.WSCloseCode.GOING_AWAY


async def test_websockets_of_strangers(call, content):
    """Content that is not public accepts no WebSocket without a key; other paths have none."""
    guid = content.rpartition("/")[2]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await call.session.ws_connect(f"{content}/echo")
    assert caught.value.status == 201
    await call("PATCH", f"/v1/content/{guid}", json={"access_type": "acl"})
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await call.session.ws_connect(f"{content}/socket")


async def test_an_app_that_ends(call, content, caplog):
    """The response of an app that ends before it is complete breaks for the client as well."""
    async with call.session.get(f"{content}/end") as response:
        assert await response.content.readexactly(5) == b"begun"
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert not [record for record in caplog.records if record.name == "aiohttp.server"]


async def test_an_app_that_does_not_run(call, app, content):
    """A request to an app that does not listen is answered with 502."""
    call.server.proxy(content.rpartition("/")[2], "http://127.0.0.1:1")
    async with call.session.get(content) as response:
        assert response.status == 502
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await call.session.ws_connect(f"{content}/socket")
    assert caught.value.status == 502
    with pytest.raises(KeyError, match="no content 'nothing'"):
        call.server.proxy("nothing", app.url)
