"""Content is found by what people paste: its address, its vanity URL, its page in the dashboard."""

import json

import pytest

from aconnect import Client, errors
from aconnect.testing import FakeConnect, VirtualClock, faults

OTHER = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
FORMS = {
    "content": "{url}/content/{guid}",
    "a page of it": "{url}/content/{guid}/reports/x?user={other}#{other}",
    "its draft": "{url}/content/{guid}/_bundle7/",
    "classic dashboard": "{url}/connect/#/apps/{guid}/access",
    "newer dashboard": "{url}/connect/#/content/{guid}/settings/{other}",
    "dashboard by path": "{url}/connect/content/{guid}",
    "API": "{url}/__api__/v1/content/{guid}",
    "upper case, blanks": "  {url}/content/{upper}/ ",
    "host in upper case": "{host_upper}/content/{guid}/",
    "vanity URL": "{url}/sales/2026",
    "a page of the vanity URL": "{url}/sales/2026/a/b/?x=1#/apps/{other}",
    "encoded vanity URL": "{url}/sal%65s/2026/",
}


@pytest.fixture(params=["", "/rsc", "/a/connect"])
async def server(request):
    async with FakeConnect(prefix=request.param) as server:
        yield server


@pytest.fixture
async def client(server):
    async with Client(f"{server.url}/__api__", server.api_key, clock=VirtualClock()) as client:
        yield client


@pytest.fixture
async def item(client):
    """Content with a vanity URL."""
    item = await client.content.create(name="item")
    await item.vanity.put(path="/sales/2026/")
    await (await client.content.create(name="other")).vanity.put(path="/sales/20/")
    return item


def filled(form, server, item):
    return form.format(
        url=server.url,
        host_upper=server.url.replace("http://127", "HTTP://127"),
        guid=item.guid,
        upper=item.guid.upper(),
        other=OTHER,
    )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_found(client, server, item, form):
    """Each form of an address leads to its content, with its details, below any path prefix."""
    found = await client.content.from_address(filled(form, server, item))
    assert (found.guid, found.vanity_url) == (item.guid, f"{server.url}/sales/2026/")


@pytest.mark.usefixtures("item")
@pytest.mark.parametrize(
    "path",
    ["", "/", "/sales", "/sales/", "/sales/202", "/Sales/2026/", "/connect/", "/connect/#/people"],
)
async def test_no_content_there(client, server, path):
    """An address of the server without content is `NotFoundError`, which says what to do."""
    with pytest.raises(errors.NotFoundError, match="no content that the key can see") as caught:
        await client.content.from_address(f"{server.url}{path}?token=secret")
    assert (caught.value.status, caught.value.url) == (404, "")
    assert "secret" not in str(caught.value)
    assert str(caught.value).startswith("no content")


async def test_unknown_guid(client, server):
    """A GUID that the server does not know is its `NotFoundError`."""
    with pytest.raises(errors.NotFoundError) as caught:
        await client.content.from_address(f"{server.url}/content/{OTHER}/")
    assert caught.value.code == 4


@pytest.mark.parametrize("path", ["/content/{guid}/", f"/content/{OTHER}/", "/sales/2026/"])
async def test_another_server(client, item, path):
    """An address of another server is refused, also if its content has the same GUID or path."""
    address = f"https://connect.example.com{path.format(guid=item.guid)}"
    with pytest.raises(errors.InvalidArgumentError, match="is another server than"):
        await client.content.from_address(address)


@pytest.mark.parametrize("address", ["", "sales", "/sales/2026/", "ftp://a/b", "https://", "x\ny"])
async def test_no_address(client, server, address):
    """What is no web address is refused before a request is made."""
    before = len(server.requests)
    with pytest.raises(errors.InvalidArgumentError):
        await client.content.from_address(address)
    assert len(server.requests) == before
    with pytest.raises(errors.InvalidArgumentError) as caught:
        await client.content.from_address("https://me:hunter2@example.com/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "https://connect.example.com/pub/content/{guid}/",
        "http://connect.example.com/pub/connect/#/apps/{guid}",
        "https://connect.example.com/pub/sales/2026/page",
        "{url}/sales/2026/page",
    ],
)
async def test_the_public_address_of_the_server(client, server, item, address):
    """A server that knows itself by another address is found by that one as well."""
    public = "https://connect.example.com/pub"
    row = {
        "guid": item.guid,
        "content_url": f"{public}/content/{item.guid}/",
        "vanity_url": f"{public}/sales/2026/",
    }
    server.script(faults.status(200, body=json.dumps([row])), on="GET /v1/content")
    server.script(faults.status(200, body=row), on="GET /v1/content/*")
    address = address.format(guid=item.guid, url=server.url)
    assert (await client.content.from_address(address)).guid == item.guid


async def test_current(client, item, monkeypatch, server):
    """`current` is the content that the program runs as; elsewhere it says what to do."""
    monkeypatch.setenv("CONNECT_CONTENT_GUID", item.guid)
    assert (await client.content.current()).guid == item.guid
    monkeypatch.setenv("CONNECT_CONTENT_GUID", " ")
    before = len(server.requests)
    with pytest.raises(errors.InvalidArgumentError, match="elsewhere, pass a guid"):
        await client.content.current()
    assert len(server.requests) == before


async def test_old_servers():
    """Servers before 2024.06, which list no vanity URLs, find content by its GUID."""
    async with (
        FakeConnect(version="2023.09.0") as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
    ):
        item = await client.content.create(name="item")
        address = f"{server.url}/content/{item.guid}"
        assert (await client.content.from_address(address)).guid == item.guid
        await item.vanity.put(path="/sales/")
        with pytest.raises(errors.NotFoundError):
            await client.content.from_address(f"{server.url}/sales/")
