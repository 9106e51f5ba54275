"""The key is sent to one origin only, whatever redirects say."""

import pytest

from aconnect import authentik, cloudendure, errors, looker
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
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_method_and_body_kept(client, server, code, method):
    """307 and 308 keep the method and the body, so they are followed for every method."""
    server.script(faults.redirect("/__api__/v1/groups", code), faults.status(200, body={}))
    await client.request(method, "/v1/elsewhere", json={"name": "x"})
    assert [(r.method, r.path, r.body) for r in server.requests] == [
        (method, "/v1/elsewhere", b'{"name":"x"}'),
        (method, "/v1/groups", b'{"name":"x"}'),
    ]


@pytest.mark.parametrize("code", [307, 308])
async def test_redirected_upload(client, server, archive, tmp_path, code):
    """A redirected upload is sent again from its beginning."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    item = await client.content.create(name="item")
    server.script(faults.redirect(f"/__api__/v1/content/{item.guid}/bundles?x=1", code))
    assert (await item.bundles.create(path)).size == len(archive)
    assert [r.body for r in server.requests[1:]] == [archive, archive]


@pytest.mark.parametrize("code", [301, 302, 303])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_method_may_be_lost(client, server, code, method):
    """Other redirects may change the method; they are not followed, and the target is named."""
    server.script(faults.redirect("/__api__/v1/other?secret=1", code))
    with pytest.raises(errors.RedirectRefusedError, match="/v1/other") as caught:
        await client.request(method, "/v1/groups", json={})
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", ["me", "create", "stream"])
async def test_redirect_to_https(client, server, call):
    """A redirect to https on the same host is refused; the error has the address to set."""
    server.script(faults.redirect("https://127.0.0.1:8443/__api__/v1/user", 301))
    with pytest.raises(errors.RedirectRefusedError) as caught:  # noqa: PT012  ways to call
        match call:
            case "me":
                await client.me()
            case "create":
                await client.groups.create(name="x")
            case "stream":
                async with client.stream(client.users.me):
                    pass
    assert caught.value.address == "https://127.0.0.1:8443"
    assert "unencrypted" in str(caught.value)
    assert "(set CONNECT_SERVER=https://127.0.0.1:8443)" in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize("service", ["looker", "authentik", "cloudendure"])
async def test_address_to_set_for_other_services(raw_server, stack, service):
    """The error names the variable of the service, and the address as users write it."""

    async def handler(reader, writer):
        await server.head(reader)
        writer.write(
            b"HTTP/1.1 308 X\r\nLocation: https://127.0.0.1/x\r\nContent-Length: 0\r\n\r\n"
        )

    server = await raw_server(handler)
    client, variable = {
        "looker": (looker.Client(server.url, "id", "secret"), "LOOKERSDK_BASE_URL"),
        "authentik": (authentik.Client(server.url, "token"), "AUTHENTIK_URL"),
        "cloudendure": (
            cloudendure.Client(user_api_token="token", base_url=server.url),
            "CLOUDENDURE_BASE_URL",
        ),
    }[service]
    await stack.enter_async_context(client)
    with pytest.raises(errors.RedirectRefusedError, match=f"{variable}=https://127.0.0.1\\)"):
        await client.request("GET", "/x")


@pytest.mark.parametrize("header", [b"", b"Location:\r\n", b"Location:  \r\n"])
async def test_no_location(connect, raw_server, header):
    """A redirect without a Location is reported as such."""

    async def handler(reader, writer):
        await server.head(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + header + b"\r\n")

    server = await raw_server(handler)
    client = await connect(server.url)
    with pytest.raises(errors.RedirectRefusedError, match="302 without a Location"):
        await client.me()
    assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    [
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
    server.script(faults.redirect(location))
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
