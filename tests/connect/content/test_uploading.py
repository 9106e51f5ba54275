"""Bundles are uploaded with metadata where the server can take it, and deployed as drafts."""

import base64
import hashlib

import pytest

from aconnect import Client
from aconnect.connect import BundleMetadata, BundleMetadataParams
from aconnect.testing import FakeConnect, faults

METADATA: BundleMetadataParams = {
    "source": "git",
    "source_repo": "https://example.com/it.git",
    "source_branch": "gr\u00fcn",
    "source_commit": "c0ffee",
}


async def source_of(data):
    yield data[:10]
    yield data[10:]


@pytest.mark.parametrize("kind", ["bytes", "path", "function"])
async def test_metadata(item, server, archive, tmp_path, kind):
    """An archive is sent with its metadata as a form of known length, and its own checksum."""
    (tmp_path / "x").write_bytes(archive)
    size = len(archive) if kind == "function" else None
    source = {"bytes": archive, "path": tmp_path / "x", "function": lambda: source_of(archive)}
    seen: list[int] = []
    md5 = hashlib.md5(archive)  # noqa: S324  the API has it so
    server.script(faults.status(503), on="POST *bundles")
    bundle = await item.bundles.create(
        source[kind], size=size, metadata=METADATA, md5=md5.hexdigest(), progress=seen.append
    )
    request = next(r for r in reversed(server.requests) if r.method == "POST")
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert "Transfer-Encoding" not in request.headers
    assert request.headers["X-Content-Checksum"] == base64.b64encode(md5.digest()).decode()
    assert bundle.size == len(archive)
    # Once for the attempt that was refused.
    assert sum(seen) == 2 * len(archive)
    assert isinstance(bundle.metadata, BundleMetadata)
    assert {name: getattr(bundle.metadata, name) for name in METADATA} == METADATA
    assert await (await bundle.deploy()) is not None


@pytest.mark.parametrize("version", ["2025.11.0", "2023.09.0", None, ""])
async def test_metadata_that_the_server_may_not_take(archive, version):
    """An older server, or one that hides its version, gets the archive alone."""
    async with FakeConnect(version=version) as server, Client(server.url, server.api_key) as client:
        item = await client.content.create(name="item")
        bundle = await item.bundles.create(archive, metadata=METADATA)
        request = next(r for r in reversed(server.requests) if r.method == "POST")
        assert (request.headers["Content-Type"], request.body) == ("application/gzip", archive)
        assert bundle.size == len(archive)


@pytest.mark.parametrize("metadata", [None, {}, {"source": None}])
async def test_without_metadata(item, server, archive, metadata):
    """Without metadata, the archive is sent alone, and the version is not asked for."""
    await item.bundles.create(archive, metadata=metadata)
    request = next(r for r in reversed(server.requests) if r.method == "POST")
    assert request.headers["Content-Type"] == "application/gzip"
    assert server.count("GET", "/server_settings") == 0


async def test_the_version_may_be_passed(server, archive):
    """The version that the client was given is not asked for."""
    async with Client(server.url, server.api_key, version="2026.01.0") as client:
        item = await client.content.create(name="item")
        bundle = await item.bundles.create(archive, metadata={"source_commit": "c0ffee"})
        assert bundle.metadata is not None
        assert bundle.metadata.source_commit == "c0ffee"
        assert server.count("GET", "/server_settings") == 0


async def test_a_bundle_as_a_draft(item, archive):
    """A bundle can be deployed without becoming the active one."""
    first, second = await item.bundles.create(archive), await item.bundles.create(archive)
    await (await first.deploy())
    await (await second.deploy(activate=False))
    active = await item.bundles.active()
    assert active is not None
    assert active.id == first.id
    await (await second.deploy(activate=True))
    active = await item.bundles.active()
    assert active is not None
    assert active.id == second.id
