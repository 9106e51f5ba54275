"""Files of bundles are listed and read without downloading the bundle."""

import json

import pytest

from aconnect import errors
from aconnect.connect import BundleFile
from aconnect.connect.content.bundles import FileList
from aconnect.testing import faults
from aconnect.testing.connect.routes.content.bundles import SHOWN
from tests.calls import archive as packed

FILES = {
    "index.html": "<p>gr\u00fc\u00df</p>".encode(),
    "data/a b/c%d.csv": b"x,y\n",
    "logo.png": b"\x89PNG\x00\xff",
    "zeros.txt": b"a\x00b",
    "long.txt": "\u00fc".encode() * SHOWN,
    "empty": b"",
}


@pytest.fixture
async def bundle(client):
    item = await client.content.create(name="item")
    return await item.bundles.create(packed(FILES))


async def test_list(bundle):
    """Every file is listed with its size, including the manifest."""
    found = {file.path: file.size for file in await bundle.files.find()}
    assert found.pop("manifest.json")
    assert found == {name: len(data) for name, data in FILES.items()}


@pytest.mark.parametrize("path", FILES)
async def test_read(bundle, path):
    """Text is returned unchanged; binary and large files are flagged and have no content."""
    file = await bundle.files.get(path)
    assert (file.path, file.size) == (path, len(FILES[path]))
    assert file.binary is (b"\0" in FILES[path])
    assert file.oversize is (len(FILES[path]) > SHOWN)
    hidden = file.binary or file.oversize
    assert file.content == (None if hidden else FILES[path].decode())


async def test_missing(bundle):
    """A missing file has code 278; a path outside the bundle is refused."""
    with pytest.raises(errors.NotFoundError, match="278"):
        await bundle.files.get("data/none.csv")
    with pytest.raises(errors.InvalidArgumentError, match="path"):
        await bundle.files.get("../manifest.json")


async def test_by_handle(client, bundle, server):
    """A handle of a bundle lists its files without requesting the bundle."""
    server.requests.clear()
    handle = client.content.handle(bundle.content_guid).bundles.handle(bundle.id)
    assert await handle.files.find() == await bundle.files.find()
    assert server.count("GET", "/v1/content/*/bundles/*") == len(server.requests) == 2


@pytest.mark.parametrize(
    "body",
    [{"files": [{"path": "a", "size": 1}]}, {"results": [{"path": "a", "size": 1}], "total": 1}],
)
async def test_either_name_of_the_list(server, bundle, body):
    """The list of files is read from `files` or `results`."""
    server.script(faults.status(200, body=body))
    assert await bundle.files.find() == [BundleFile(path="a", size=1)]


async def test_another_name_of_the_list(server, bundle):
    """A response with neither `files` nor `results` raises DecodeError."""
    server.script(faults.status(200, body={"entries": []}))
    with pytest.raises(errors.DecodeError, match="neither `files` nor `results`"):
        await bundle.files.find()


def test_no_files():
    """Null instead of a list means no files."""
    style = FileList()
    assert style.parse(style.response_type(BundleFile)(files=None), {}, 0).items == []


async def test_deploy_the_active_bundle(client, server, bundle):
    """Without a bundle, the active one is deployed again, even if the item has not heard of it."""
    item = await (await bundle.deploy())
    newer = await item.bundles.create(packed(FILES))
    for known in (item, client.content.handle(item.guid)):
        assert (await (await known.deploy())).bundle_id == bundle.id
    await (await newer.deploy())
    assert (await (await item.deploy())).bundle_id == newer.id
    sent = [json.loads(request.body) for request in server.requests if "deploy" in request.path]
    assert [body["bundle_id"] for body in sent] == [*(bundle.id,) * 3, *(newer.id,) * 2]


async def test_deploy_without_an_active_bundle(server, bundle):
    """Without a bundle that is active, nothing is deployed, and the error says what to pass."""
    item = bundle.client.content.handle(bundle.content_guid)
    with pytest.raises(errors.InvalidArgumentError, match="no active bundle; pass the bundle"):
        await item.deploy()
    assert not server.count("POST", "/v1/content/*/deploy")
