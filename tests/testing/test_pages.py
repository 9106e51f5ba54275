"""The addresses that the simulated Connect server prints have pages."""

import pytest


async def visit(call, url, user=None, **headers):
    """Return the status, the body and the final address of a page, as seen in a browser."""
    if user is not None:
        headers["Authorization"] = f"Key {call.server.api_key_for(user)}"
    async with call.session.get(url, headers=headers) as response:
        return response.status, await response.text(), str(response.url)


async def make(call, **fields):
    return await call.json("POST", "/v1/content", json={"name": "sales", **fields})


async def test_content(call):
    """The address of content shows its title, with and without the slash at its end."""
    item = await make(call, title="Sales & <costs>", access_type="all")
    for url in (item["content_url"], item["content_url"].rstrip("/")):
        status, body, _ = await visit(call, url)
        assert status == 200
        assert "<title>Sales &amp; &lt;costs&gt;</title>" in body
        assert "Not deployed yet" in body


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
