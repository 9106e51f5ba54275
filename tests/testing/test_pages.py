"""The addresses that the simulated Connect server prints have pages."""

import pytest
from yarl import URL

from aconnect.testing.connect.routes.content.bundles import small_archive
from aconnect.testing.wire import ok
from tests.testing.deploying import deploy, follow, upload


async def visit(call, url, user=None, **headers):
    """Return the status, the body and the final address of a page, as seen in a browser."""
    if user is not None:
        headers["Authorization"] = f"Key {call.server.api_key_for(user)}"
    async with call.session.get(url, headers=headers) as response:
        return response.status, await response.text(), str(response.url)


async def make(call, **fields):
    """Create content and deploy it."""
    item = await call.json("POST", "/v1/content", json={"name": "sales", **fields})
    await deploy(call, item["guid"])
    return item


async def test_content(call):
    """The address of content shows its title, with and without the slash at its end."""
    item = await make(call, title="Sales & <costs>", access_type="all")
    for url in (item["content_url"], item["content_url"].rstrip("/")):
        status, body, _ = await visit(call, url)
        assert status == 200
        assert "<title>Sales &amp; &lt;costs&gt;</title>" in body
        assert "<p>Deployed on" in body


async def test_seeded_content(call):
    """All content of a new server has addresses that respond."""
    for item in await call.json("GET", "/v1/content"):
        for url in (item["content_url"], item["dashboard_url"]):
            assert (await visit(call, url, "admin"))[0] == 200
        assert f"<h1>{item['title']}</h1>" in (await visit(call, item["content_url"], "admin"))[1]


async def test_vanity_url(call):
    """The vanity URL shows the content until it is removed."""
    item = await make(call, access_type="all")
    path = f"/v1/content/{item['guid']}"
    await call("PUT", f"{path}/vanity", json={"path": "/finance/sales/"})
    (vanity,) = {
        row["vanity_url"]
        for row in await call.json("GET", "/v1/content?include=vanity_url")
        if "vanity_url" in row
    }
    status, body, _ = await visit(call, vanity)
    assert (status, "<h1>sales</h1>" in body) == (200, True)
    assert (await visit(call, vanity + "below/"))[0] == 404
    await call("DELETE", f"{path}/vanity")
    assert (await visit(call, vanity))[0] == 404


@pytest.mark.parametrize(
    ("access_type", "allowed"),
    [
        ("all", {"admin", "publisher", "viewer"}),
        ("logged_in", {"admin", "publisher", "viewer"}),
        ("acl", {"admin", "publisher"}),
    ],
)
async def test_access(call, access_type, allowed):
    """Users see the content that they may view; others are refused."""
    item = await make(call, access_type=access_type)
    publisher = (await call.json("GET", "/v1/user", user="publisher"))["guid"]
    await call(
        "POST",
        f"/v1/content/{item['guid']}/permissions",
        json={"principal_guid": publisher, "principal_type": "user", "role": "viewer"},
    )
    for user in ("admin", "publisher", "viewer"):
        status, body, _ = await visit(call, item["content_url"], user)
        assert status == (200 if user in allowed else 403)
        assert ("<h1>sales</h1>" in body) is (user in allowed)


@pytest.mark.parametrize("access_type", ["logged_in", "acl"])
async def test_a_visitor(call, access_type):
    """Content that is not public sends a visitor to the login, and refuses a wrong key."""
    url = (await make(call, access_type=access_type))["content_url"]
    status, body, address = await visit(call, url)
    assert (status, "sales" in body) == (200, False)
    assert address.startswith(f"{call.server.url}/__login__?url=")
    assert (await visit(call, url, Authorization="Key wrong"))[0] == 401


async def test_apps(call):
    """An app responds to all methods and paths below the content, and knows the viewer."""

    async def app(request):
        return ok([request.request.method, request.path, request.user.get("username"),
                   request.query_string, (await request.read()).decode()], 201)  # fmt: skip

    item = await make(call, access_type="all")
    call.server.state.apps[item["guid"]] = app
    url, key = item["content_url"], {"Authorization": f"Key {call.server.api_key_for('viewer')}"}
    await call("PUT", f"/v1/content/{item['guid']}/vanity", json={"path": "/sales/"})
    for address in (url, f"{call.server.url}/sales/"):
        for method, path, headers, user in (
            ("GET", "", key, "viewer"),
            ("POST", "a/b%20c/?x=1", {}, None),
            ("DELETE", "_bundle1/", {"Authorization": "Bearer of-the-app"}, None),
        ):
            async with call.session.request(
                method, URL(address + path, encoded=True), headers=headers, data=b"body"
            ) as response:
                below, _, query = f"/{path}".partition("?")
                expected = 201, [method, below, user, query, "body"]
                assert (response.status, await response.json()) == expected
    assert (await visit(call, url, Authorization="Key wrong"))[0] == 401


@pytest.mark.parametrize(("user", "status"), [("viewer", 403), ("publisher", 200), (None, 302)])
async def test_access_to_apps(call, user, status):
    """An app receives no requests of those who may not view the content."""
    seen = []

    def app(request):
        seen.append(request)
        return ok({})

    item = await make(call, access_type="acl")
    call.server.state.apps[item["guid"]] = app
    publisher = call.server.state.known_user("publisher")["guid"]
    call.server.state.permit(item["guid"], publisher, "viewer")
    key = {"Authorization": f"Key {call.server.api_key_for(user)}"} if user else {}
    async with call.session.post(
        f"{item['content_url']}run", headers=key, allow_redirects=False
    ) as response:
        assert (response.status, bool(seen)) == (status, status == 200)


async def test_apis(call):
    """An API without an app responds at two paths, with the status that tests set."""
    guid, row = next(
        (guid, row)
        for guid, row in call.server.state.content.items()
        if row["app_mode"] == "python-fastapi"
    )
    url = f"{call.server.url}/content/{guid}"
    assert (await visit(call, f"{url}/health"))[:2] == (200, '{"status":"ok"}')
    assert row["title"] in (await visit(call, f"{url}/openapi.json"))[1]
    assert (await visit(call, f"{url}/elsewhere"))[0] == 404
    call.server.state.content_status[guid] = 503
    assert (await visit(call, f"{url}/health"))[0] == 503


async def test_the_address_of_the_server(call):
    """The address of the server leads to its dashboard, as on a real server."""
    for url in (call.server.url, call.server.url + "/"):
        status, _, address = await visit(call, url)
        assert (status, address) == (200, f"{call.server.url}/connect/")


async def test_unknown_addresses(call):
    """An address without a page returns 404, even with a wrong key, as do other methods."""
    item = await make(call, access_type="all")
    for path in ("/content/", "/content/nothing/", "/elsewhere/", "/connect/__api__/v1/user"):
        assert (await visit(call, call.server.url + path, Authorization="Key wrong"))[0] == 404
    for method, status in (("HEAD", 200), ("POST", 404)):
        async with call.session.request(method, item["content_url"]) as response:
            assert response.status == status
    await call("DELETE", f"/v1/content/{item['guid']}")
    assert (await visit(call, item["content_url"]))[0] == 404


async def test_below_a_prefix(serving):
    """A server below a prefix has its pages there, and nowhere else."""
    call = await serving(prefix="/rsc")
    item = await make(call, access_type="all")
    assert (await visit(call, item["content_url"]))[0] == 200
    assert (await visit(call, call.server.url))[2] == f"{call.server.url}/connect/"
    assert (await visit(call, item["content_url"].replace("/rsc/", "/")))[0] == 404
    assert (await visit(call, call.server.url[:-4] + "/__ping__"))[0] == 404


async def test_content_before_it_is_deployed(call):
    """Content that has no active bundle has no page, at its vanity URL either."""
    item = await call.json("POST", "/v1/content", json={"name": "new", "access_type": "all"})
    path = f"/v1/content/{item['guid']}"
    await call("PUT", f"{path}/vanity", json={"path": "/new/"})
    await upload(call, path, small_archive("static")[0])
    for url in (item["content_url"], f"{call.server.url}/new/"):
        assert (await visit(call, url, "admin"))[0] == 404
    await deploy(call, item["guid"])
    for url in (item["content_url"], f"{call.server.url}/new/"):
        assert (await visit(call, url))[0] == 200


@pytest.mark.parametrize("access_type", ["all", "acl"])
async def test_draft(call, access_type):
    """A bundle that was built has a page for collaborators, before it is activated as well."""
    item = await make(call, access_type=access_type)
    path = f"/v1/content/{item['guid']}"
    bundle = (await upload(call, path, small_archive("static")[0])).json()["id"]
    url = f"{item['content_url']}_bundle{bundle}/"
    assert (await visit(call, url, "admin"))[0] == 404
    body = {"bundle_id": bundle, "activate": False}
    await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
    assert (await call.json("GET", path))["bundle_id"] != bundle
    for address in (url, url.rstrip("/")):
        status, page, _ = await visit(call, address, "admin")
        assert (status, f"Draft of bundle {bundle}" in page) == (200, True)
    # The owner and collaborators only, whoever may view the content.
    assert (await visit(call, url, "publisher"))[0] == 403
    publisher = (await call.json("GET", "/v1/user", user="publisher"))["guid"]
    call.server.state.permit(item["guid"], publisher, "owner")
    assert (await visit(call, url, "publisher"))[0] == 200
    assert (await visit(call, url))[2].startswith(f"{call.server.url}/__login__?url=")
    assert (await visit(call, url, Authorization="Key wrong"))[0] == 401
    assert (await visit(call, f"{item['content_url']}_bundle99/", "admin"))[0] == 404


async def test_drafts_of_others(call):
    """An administrator who is not a collaborator may not see a draft."""
    item = await call.json("POST", "/v1/content", json={"name": "theirs"}, user="publisher")
    bundle = await deploy(call, item["guid"])
    assert (await visit(call, f"{item['content_url']}_bundle{bundle}/", "admin"))[0] == 403


@pytest.mark.parametrize(("version", "status"), [("2025.06.0", 200), ("2025.05.0", 404)])
async def test_drafts_since(serving, version, status):
    """Drafts have pages from 2025.06 on."""
    call = await serving(version=version)
    item = await make(call)
    url = f"{item['content_url']}_bundle{await deploy(call, item['guid'])}/"
    assert (await visit(call, url, "admin"))[0] == status


async def test_statuses_of_pages(call):
    """A status that tests set is that of the content, or of a bundle wherever it is shown."""
    statuses = call.server.state.content_status
    item = await make(call)
    new = await deploy(call, item["guid"], activate=False)
    url, draft = item["content_url"], f"{item['content_url']}_bundle{new}/"
    statuses[new] = 500
    assert [(await visit(call, each, "admin"))[0] for each in (url, draft)] == [200, 500]
    statuses[item["guid"]] = 503
    assert [(await visit(call, each, "admin"))[0] for each in (url, draft)] == [503, 500]
    del statuses[item["guid"]]
    await call("POST", f"/v1/content/{item['guid']}/deploy", json={"bundle_id": new})
    await follow(call, next(reversed(call.server.state.tasks)))
    assert (await visit(call, url, "admin"))[0] == 500
    statuses[new] = 302
    assert (await visit(call, draft, "admin"))[2].startswith(f"{call.server.url}/__login__?url=")


IMAGES = {
    "image/png": b"\x89PNG\r\n\x1a\n...",
    "image/jpeg": b"\xff\xd8\xff...",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF....WEBP",
    "image/svg+xml": b"<svg/>",
}


@pytest.mark.parametrize("media_type", IMAGES)
async def test_thumbnail(call, media_type):
    """A thumbnail is at an address of its own, with the rights of the content."""
    item = await call.json("POST", "/v1/content", json={"name": "sales", "access_type": "acl"})
    url = f"{item['content_url']}__thumbnail__"
    key = {"Authorization": f"Key {call.server.api_key}"}
    assert (await visit(call, url, "admin"))[0] == 404  # it was never deployed
    await deploy(call, item["guid"])
    async with call.session.get(url, headers=key) as response:
        assert (response.status, await response.read()) == (204, b"")
    await call("PUT", f"/v1/content/{item['guid']}/thumbnail", data=IMAGES[media_type])
    async with call.session.get(url, headers=key) as response:
        assert (response.status, response.content_type) == (200, media_type)
        assert await response.read() == IMAGES[media_type]
    assert (await visit(call, url, "viewer"))[0] == 403
    assert (await visit(call, url))[2].startswith(f"{call.server.url}/__login__?url=")
    await call("PATCH", f"/v1/content/{item['guid']}", json={"access_type": "all"})
    async with call.session.get(url) as response:
        assert response.status == 200


@pytest.mark.parametrize(("version", "status"), [("2024.09.0", 204), ("2024.08.0", 404)])
async def test_thumbnails_since(serving, version, status):
    """Thumbnails can be read from the version on that can set them."""
    call = await serving(version=version)
    url = f"{(await make(call, access_type='all'))['content_url']}__thumbnail__"
    async with call.session.get(url) as response:
        assert response.status == status
