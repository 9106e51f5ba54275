"""Deploying finds or creates the content, and reports what was done on failure."""

import json

import pytest

from aconnect import Client
from aconnect.deploy import deploy
from aconnect.errors import (
    BadRequestError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
    TaskFailedError,
)
from aconnect.testing import BuildScript, FakeConnect, VirtualClock, faults


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    manifest = {"metadata": {"appmode": "static"}, "files": {"index.html": {}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


@pytest.fixture
async def server():
    async with FakeConnect() as running:
        yield running


@pytest.fixture
async def client(server):
    async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as opened:
        yield opened


async def test_new_and_again(server, client, folder):
    """The first deployment creates the content; later ones reuse it."""
    first = await (await deploy(client, folder, name="my-site", title="Mine"))
    again = await (await deploy(client, folder, name="my-site", title="Ours"))
    by_guid = await (await deploy(client, folder, guid=first.guid, name="my-site"))
    assert first.guid == again.guid == by_guid.guid
    assert (first.app_mode, first.title, again.title) == ("static", "Mine", "Ours")
    assert server.count("POST", "/v1/content") == 1
    assert len(await by_guid.bundles.find()) == 3


async def test_periods_in_names(client, folder):
    """A name may contain periods, unless the server is too old for them."""
    item = await (await deploy(client, folder, name="v1.2"))
    assert item.name == "v1.2"
    async with (
        FakeConnect(version="2023.09.0") as old,
        Client(old.url, api_key=old.api_key) as other,
    ):
        with pytest.raises(BadRequestError, match="content name"):
            await deploy(other, folder, name="v1.2")


async def test_manifests_of_other_tools(client, folder):
    """A manifest that begins with a mark is deployed, and one whose files are an array."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(), encoding="utf-8-sig")
    assert (await (await deploy(client, folder, name="my-site"))).app_mode == "static"
    manifest.write_text('{"metadata": {"appmode": "static"}, "files": ["index.html"]}')
    assert (await (await deploy(client, folder, name="my-pin"))).app_mode == "static"


async def test_name_of_another(server, client, folder):
    """Content of another user with the same name is not changed."""
    async with Client(server.url, api_key=server.api_key_for("publisher")) as other:
        theirs = await other.content.create(name="my-site")
    item = await (await deploy(client, folder, name="my-site"))
    assert item.guid != theirs.guid


async def test_progress(server, client, folder):
    """Progress ends at the full size, and restarts if the upload is retried."""
    (folder / "index.html").write_bytes(bytes(range(256)) * 4096)
    seen = []
    server.script(faults.after(faults.status(503)), on="POST /v1/content/*/bundles")
    await deploy(client, folder, name="my-site", progress=lambda *pair: seen.append(pair))
    (size,) = {size for _, size in seen}
    sent = [sent for sent, _ in seen]
    assert sent.count(size) == 2
    assert max(sent) == sent[-1] == size


@pytest.mark.parametrize("name", ["", "ab", "a b", "x" * 65, "a/b", "äöü", None])
async def test_bad_name(server, client, folder, name):
    """An invalid or missing name is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError):
        await deploy(client, folder, name=name)
    assert server.requests == []


async def test_bad_directory(server, client, tmp_path):
    """A directory that cannot be packed is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match="manifest"):
        await deploy(client, tmp_path, name="my-site")
    assert server.requests == []


async def test_wrong_guid(server, client, folder):
    """An unknown GUID, or a name that does not match it, is an error and changes nothing."""
    with pytest.raises(NotFoundError):
        await deploy(client, folder, guid="nope")
    guid = next(iter(server.state.content))
    with pytest.raises(InvalidArgumentError, match="is named 'content-0000', not 'my-site'"):
        await deploy(client, folder, guid=guid, name="my-site")
    assert server.count("POST", "*") == 0


async def test_upload_fails(server, client, folder):
    """If the upload fails, the error names the content that was created."""
    server.script(faults.error(400, 104), on="POST /v1/content/*/bundles")
    with pytest.raises(BadRequestError) as caught:
        await deploy(client, folder, name="my-site")
    item = await client.content.find_one(name="my-site")
    assert item is not None
    assert caught.value.__notes__ == [
        f"Not undone: content {item.guid} was created. Deploying again uses that content."
    ]


@pytest.mark.parametrize("new", [True, False])
async def test_start_fails(server, client, folder, new):
    """If the deployment does not start, the error names the bundle that was uploaded."""
    guid = next(iter(server.state.content))
    server.script(*[faults.status(500)] * 5, on="POST /v1/content/*/deploy")
    where = {"name": "my-site"} if new else {"guid": guid}
    with pytest.raises(ServerError) as caught:
        await deploy(client, folder, **where)
    (note,) = caught.value.__notes__
    assert "has bundle 4, perhaps not active" in note
    assert ("was created" in note) is new
    assert server.count("POST", "*/deploy") == 1


async def test_build_fails(server, client, folder):
    """A failed build raises TaskFailedError with its last lines."""
    server.state.build_script = BuildScript(lines=("one", "two"), code=1, error="boom")
    with pytest.raises(TaskFailedError, match="boom") as caught:
        await (await deploy(client, folder, name="my-site"))
    assert caught.value.lines[-1] == "two"
