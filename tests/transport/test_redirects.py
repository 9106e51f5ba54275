"""The key is sent to one origin only, whatever redirects say."""

import pytest

from aconnect import errors
from aconnect.testing import FakeConnect, faults


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_same_origin_followed(client, server, code):
    """A GET follows a redirect within the origin and keeps its credentials."""
    server.script(faults.redirect("/__api__/v1/user?x=1", code), on="GET /v1/users")
    response = await client.request("GET", "/v1/users")
    assert response.status == 200
    assert b'"admin"' in response.body
    assert [r.path for r in server.requests] == ["/v1/users", "/v1/user"]
    assert server.requests[1].headers["Authorization"] == f"Key {server.api_key}"


async def test_relative_location(client, server):
    """A Location may be relative to the requested address."""
    server.script(faults.redirect("user"), on="GET /v1/users")
    assert (await client.request("GET", "/v1/users")).status == 200


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("call", ["me", "create", "upload", "stream", "delete"])
async def test_other_origin_refused(client, server, call, code):
    """A redirect to another origin is refused; nothing is sent there, and nothing is retried."""
    server.script(faults.redirect(code=code))
    content = client.content.handle("x")
    with pytest.raises(errors.RedirectRefusedError) as caught:  # noqa: PT012  ways to call
        match call:
            case "me":
                await client.me()
            case "create":
                await client.groups.create(name="x")
            case "upload":
                await content.bundles.create(b"archive")
            case "delete":
                await content.delete()
            case "stream":
                async with client.stream(client.users.me):
                    pass
    assert server.elsewhere in str(caught.value)
    assert not server.elsewhere_requests
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [307, 308])
async def test_post_followed(client, server, code):
    """A redirect that keeps method and body by definition is followed within the origin."""
    server.script(faults.redirect("/__api__/v1/groups", code), on="POST /v1/elsewhere")
    await client.request("POST", "/v1/elsewhere", json={"name": "x"})
    assert [request.method for request in server.requests] == ["POST", "POST"]
    assert server.requests[1].json() == {"name": "x"}


@pytest.mark.parametrize("code", [301, 302, 303])
async def test_post_not_followed(client, server, code):
    """Other methods follow no redirect, which would lose the body; the error names the target."""
    server.script(faults.redirect("/__api__/v1/other?secret=1", code))
    with pytest.raises(errors.RedirectRefusedError, match="/v1/other") as caught:
        await client.groups.create(name="x")
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://127.0.0.1/",
        "javascript:x",
        "//evil.example.com/",
        "http://[::1",
        "http://user:pw@127.0.0.1/",
        "https://127.0.0.1/",
    ],
)
async def test_odd_locations(client, server, location):
    """A Location that is not an address within the origin is refused as well."""
    server.script(faults.Redirect(location or " "))
    with pytest.raises(errors.RedirectRefusedError):
        await client.me()
    assert len(server.requests) == 1


async def test_loop_ends(client, server):
    """A redirect loop ends after a few rounds."""
    server.script(*[faults.redirect("/__api__/v1/user")] * 20)
    with pytest.raises(errors.RedirectRefusedError, match="6 times"):
        await client.me()
    assert len(server.requests) == 6


async def test_cookies_stay(connect, archive):
    """The cookies of a task are not sent to another origin either."""
    async with FakeConnect(nodes=3) as cluster:
        client = await connect(cluster.url, api_key=cluster.api_key)
        item = await client.content.create(name="item")
        task = await item.deploy(await item.bundles.create(archive))
        cluster.script(faults.redirect())
        with pytest.raises(errors.RedirectRefusedError):
            await task.status()
        assert not cluster.elsewhere_requests
