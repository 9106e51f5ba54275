"""Bundles are judged as on the real server: archives, manifests, sizes, kinds and integrations."""

import gzip
import hashlib
import io
import os
import tarfile
from typing import Any

import aiohttp
import msgspec
import pytest

from aconnect.testing import Seed
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.manifests import APP_MODES
from aconnect.testing.connect.routes.content.bundles import small_archive
from aconnect.testing.connect.routes.oauth.integrations import new_integration
from tests.testing.deploying import deploy, follow, manifest, packed, upload


@pytest.fixture
async def path(call):
    """The path of new content."""
    return f"/v1/content/{(await call.json('POST', '/v1/content', json={'name': 'new'}))['guid']}"


def checksum(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def listing(**files):
    """Return the `files` of a manifest with these checksums."""
    return {name: {"checksum": value} for name, value in files.items()}


def with_files(files, **content):
    """Return an archive whose manifest has this `files`."""
    row = {"version": 1, "metadata": {"appmode": "static"}, "files": files}
    return packed(**{"manifest.json": msgspec.json.encode(row), **content})


def with_member(**fields):
    """Return an archive with a member that has these fields of `tarfile.TarInfo`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        data = manifest()
        entry = tarfile.TarInfo("manifest.json")
        entry.size = len(data)
        tar.addfile(entry, io.BytesIO(data))
        entry = tarfile.TarInfo("member")
        for name, value in fields.items():
            setattr(entry, name, value)
        tar.addfile(entry)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "files",
    [
        {},
        [],
        ["a"],
        {"a": {}},
        {"a": {"checksum": None}},
        {"a": {"checksum": "", "more": 1}},
        listing(a=checksum(b"1")),
    ],
    ids=str,
)
async def test_listed_files(serving, files):
    """The files of a manifest are an object or an array; a checksum is not required."""
    call = await serving(strict_checksums=True)
    guid = (await call.json("POST", "/v1/content", json={"name": "new"}))["guid"]
    path = f"/v1/content/{guid}"
    assert (await upload(call, path, with_files(files, a=b"1"))).status == 200


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"metadata": {"appmode": "static"}},
        {"files": {}},
        {"metadata": {}, "files": {}},
        {"metadata": {"appmode": None}, "files": {}},
        {"metadata": {"appmode": "cobol"}, "files": {}},
        {"metadata": {"appmode": "unknown"}, "files": {}},
        {"metadata": {"appmode": "static"}, "files": None},
        {"metadata": {"appmode": "static"}, "files": "a"},
        {"metadata": {"appmode": "static"}, "files": [1]},
        {"metadata": {"appmode": "static"}, "files": {"a": "checksum"}},
        {"metadata": {"appmode": "python-fastapi"}, "files": {}},
        {"metadata": {"appmode": "python-fastapi", "entrypoint": ""}, "files": {}},
        {"metadata": {"appmode": "static"}, "files": {}, "integration_requests": {}},
    ],
    ids=str,
)
async def test_invalid_manifests(call, path, row):
    """A manifest without a known kind, an entry point if one is needed, or files is refused."""
    reply = await upload(call, path, packed(**{"manifest.json": msgspec.json.encode(row)}))
    assert (reply.status, reply.code) == (400, 38)
    assert await call.json("GET", f"{path}/bundles") == []


@pytest.mark.parametrize("mode", sorted(APP_MODES))
async def test_kinds(call, path, mode):
    """Content has the kind of the bundle that was deployed, whatever that is."""
    await deploy(call, path.rpartition("/")[2], mode)
    assert (await call.json("GET", path))["app_mode"] == mode


UNSAFE: dict[str, dict[str, Any]] = {
    "absolute": {"name": "/etc/passwd"},
    "above": {"name": "../above"},
    "within": {"name": "a/../../above"},
    "folder above": {"name": "..", "type": tarfile.DIRTYPE},
    "link to an absolute path": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "link to the outside": {"name": "a/b", "type": tarfile.SYMTYPE, "linkname": "../../c"},
    "hard link to the outside": {"type": tarfile.LNKTYPE, "linkname": "../c"},
    "device": {"type": tarfile.CHRTYPE},
    "pipe": {"type": tarfile.FIFOTYPE},
}


@pytest.mark.parametrize("member", UNSAFE)
async def test_unsafe_members(call, path, member):
    """An archive with a member that is, or leads, outside is refused, as are special files."""
    reply = await upload(call, path, with_member(**UNSAFE[member]))
    assert (reply.status, reply.code) == (400, 135)


SAFE: dict[str, dict[str, Any]] = {
    "file": {"name": "a/b"},
    "dots": {"name": "..a/b.."},
    "folder": {"name": "a", "type": tarfile.DIRTYPE},
    "link": {"name": "a/b", "type": tarfile.SYMTYPE, "linkname": "../manifest.json"},
    "hard link": {"name": "a/b", "type": tarfile.LNKTYPE, "linkname": "manifest.json"},
}


@pytest.mark.parametrize("member", SAFE)
async def test_safe_members(call, path, member):
    """An archive may have folders, and links that stay inside; only files are listed."""
    reply = await upload(call, path, with_member(**SAFE[member]))
    assert reply.status == 200
    files = await call.json("GET", f"{path}/bundles/{reply.json()['id']}/files")
    names = [file["path"] for file in files["files"]]
    is_file = "type" not in SAFE[member]
    assert names == ["manifest.json", *([SAFE[member]["name"]] if is_file else [])]


async def test_an_archive_that_is_too_large_when_unpacked(call, path, monkeypatch):
    """A small archive that unpacks to very much is refused."""
    monkeypatch.setattr("aconnect.testing.connect.manifests._UNPACKED_LIMIT", 1 << 20)
    bomb = packed(**{"manifest.json": manifest(), "zeros": bytes(2 << 20)})
    assert len(bomb) < 10_000
    reply = await upload(call, path, bomb)
    assert (reply.status, reply.code) == (400, 135)


@pytest.mark.parametrize(
    "data", [gzip.compress(b"x" * 2000), gzip.compress(b"")[:15]], ids=["not tar", "cut"]
)
async def test_other_gzip_files(call, path, data):
    """What is gzip but not a tar archive is refused."""
    reply = await upload(call, path, data)
    assert (reply.status, reply.code) == (400, 38)


@pytest.mark.parametrize("folder", ["", "project/"])
@pytest.mark.parametrize("kind", [list, dict])
async def test_a_missing_file(call, path, folder, kind):
    """A build fails if a listed file is missing, and names it; the upload is accepted."""
    names = ["app.py", "data/missing.csv"]
    listed = names if kind is list else {name: {} for name in names}
    row = {"metadata": {"appmode": "static"}, "files": listed}
    files = {"app.py": b"1", "manifest.json": msgspec.json.encode(row)}
    data = packed(**{folder + name: content for name, content in files.items()})
    bundle = (await upload(call, path, data)).json()["id"]
    body = {"bundle_id": bundle}
    polls = await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
    lines = [line for poll in polls for line in poll["output"]]
    assert lines[-1] == ("ERROR: the manifest lists data/missing.csv, which is not in the bundle")
    assert polls[-1]["code"] == 1
    assert (await call.json("GET", path))["bundle_id"] is None


STALE = with_files(listing(a=checksum(b"1"), b=checksum(b"2")), a=b"1", b=b"changed")


async def test_a_stale_checksum(call, path):
    """A checksum that is out of date is recorded, but does not matter to a server."""
    bundle = (await upload(call, path, STALE)).json()["id"]
    stored = call.server.state.bundles[path.rpartition("/")[2]][bundle]
    assert (stored.checksum_mismatches, stored.missing_files) == (("b",), ())
    body = {"bundle_id": bundle}
    polls = await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
    assert polls[-1]["code"] == 0


async def test_strict_checksums(serving):
    """A strict server refuses a bundle with a stale checksum, and names the file."""
    call = await serving(strict_checksums=True)
    guid = (await call.json("POST", "/v1/content", json={"name": "new"}))["guid"]
    reply = await upload(call, f"/v1/content/{guid}", STALE)
    assert (reply.status, reply.code) == (400, 38)
    assert reply.json()["error"].endswith("than the files: b.")
    assert not call.server.state.bundles.get(guid)
    await deploy(call, guid)


@pytest.mark.parametrize("operation", ["deploy", "build"])
async def test_another_kind(call, path, operation):
    """A bundle of another kind is refused once content is deployed; the kind can be rebuilt."""
    await deploy(call, path.rpartition("/")[2], "static")
    other = (await upload(call, path, small_archive("shiny")[0])).json()["id"]
    reply = await call("POST", f"{path}/{operation}", json={"bundle_id": other})
    assert (reply.status, reply.code) == (400, 48)
    assert (await call("POST", f"{path}/{operation}", json={})).status < 300


async def test_locked_content(call, path):
    """Locked content is neither deployed nor built until it is unlocked."""
    bundle = await deploy(call, path.rpartition("/")[2], "quarto-static")
    await call("PATCH", path, json={"locked": True, "locked_message": "Frozen."})
    tasks = len(call.server.state.tasks)
    for operation, body, code in (
        ("deploy", {"bundle_id": bundle}, 222),
        ("build", {}, 222),
        ("render", {}, 223),
    ):
        reply = await call("POST", f"{path}/{operation}", json=body)
        assert (reply.status, reply.code) == (409, code)
        assert "Frozen." in reply.json()["error"]
    assert len(call.server.state.tasks) == tasks
    await call("PATCH", path, json={"locked": False})
    assert (await call("POST", f"{path}/deploy", json={})).status == 202


async def ids(call, path, **query):
    return [row["id"] for row in await call.json("GET", f"{path}/bundles", params=query)]


async def test_pages(call, path):
    """Bundles are listed in pages of 20, oldest first unless `asc_order` is false."""
    data = small_archive("static")[0]
    made = [(await upload(call, path, data)).json()["id"] for _ in range(45)]
    assert await ids(call, path) == made[:20]
    assert await ids(call, path, page_number=3) == made[40:]
    assert await ids(call, path, page_number=4) == []
    assert await ids(call, path, page_size=500, asc_order="false") == made[::-1]
    assert await ids(call, path, page_size=2, page_number=2, asc_order="false") == made[-3:-5:-1]
    for wrong in ({"page_size": 501}, {"page_size": 0}, {"page_number": 0}, {"asc_order": "x"}):
        assert (await call("GET", f"{path}/bundles", params=wrong)).status == 400


@pytest.mark.parametrize(("version", "count"), [("2026.01.0", 2), ("2025.12.0", 3)])
async def test_pages_since(serving, version, count):
    """Servers before 2026.01 ignore the parameters of pages, and list all, newest first."""
    call = await serving(Seed(content=1), version=version)
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    made = ["1"] + [
        (await upload(call, path, small_archive("static")[0])).json()["id"] for _ in range(2)
    ]
    expected = made[:2] if count == 2 else made[::-1]
    assert await ids(call, path, page_size=2, asc_order="true") == expected


@pytest.mark.parametrize(("limit", "left"), [(None, 5), (3, 3), (1, 1), (0, 1)])
async def test_retention(call, path, limit, left):
    """The newest bundles stay when one is activated, and the active one in any case."""
    guid = path.rpartition("/")[2]
    call.server.state.bundle_retention = limit
    made = [(await upload(call, path, small_archive("static")[0])).json()["id"] for _ in range(4)]
    # Uploads and drafts remove nothing.
    body = {"bundle_id": made[0], "activate": False}
    await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
    assert await ids(call, path) == made
    made.append(await deploy(call, guid))
    assert await ids(call, path) == made[-left:]
    assert (await call("DELETE", f"{path}/bundles/1")).code == 4
    if left < 5:
        assert (await call("DELETE", f"{path}/bundles/{made[0]}")).code == 17


async def test_retention_of_the_active_bundle(call, path):
    """An old bundle that is activated again stays beside the newest ones."""
    old, *_, newer, newest = [await deploy(call, path.rpartition("/")[2]) for _ in range(5)]
    call.server.state.bundle_retention = 2
    await follow(
        call, (await call.json("POST", f"{path}/deploy", json={"bundle_id": old}))["task_id"]
    )
    assert await ids(call, path) == [old, newer, newest]


async def test_a_bundle_removed_while_it_is_built(call, path):
    """A build whose bundle was deleted meanwhile activates nothing."""
    bundle = (await upload(call, path, small_archive("static")[0])).json()["id"]
    task = (await call.json("POST", f"{path}/deploy", json={"bundle_id": bundle}))["task_id"]
    assert (await call("DELETE", f"{path}/bundles/{bundle}")).status == 204
    assert (await follow(call, task))[-1]["finished"]
    assert (await call.json("GET", path))["bundle_id"] is None


def form(data):
    fields = aiohttp.FormData()
    fields.add_field("archive", data, filename="bundle.tar.gz")
    return fields


@pytest.mark.parametrize("sent", [lambda data: data, form], ids=["raw", "form"])
async def test_sizes(call, path, sent):
    """A bundle that is too large returns 413, and one without space on the disk 507."""
    data, state = small_archive("static")[0], call.server.state
    state.max_bundle_size = len(data) - 1
    assert (await upload(call, path, sent(data))).status == 413
    state.max_bundle_size = len(data)
    used = sum(bundle.archive.size for rows in state.bundles.values() for bundle in rows.values())
    state.disk_size = used + len(data) - 1
    reply = await upload(call, path, sent(data))
    assert (reply.status, reply.code) == (507, 134)
    assert await ids(call, path) == []
    state.disk_size = used + len(data)
    assert (await upload(call, path, sent(data))).status == 200
    # Deleting a bundle makes room for another.
    assert (await upload(call, path, sent(data))).status == 507
    await call("DELETE", f"{path}/bundles/{(await ids(call, path))[0]}")
    assert (await upload(call, path, sent(data))).status == 200


async def test_a_large_upload_is_refused_before_it_is_read(call, path):
    """The size in the header is enough to refuse an upload."""
    call.server.state.max_bundle_size = 1000
    reply = await upload(call, path, io.BytesIO(bytes(4 << 20)))
    assert reply.status == 413
    assert call.server.requests[-1].size < 4 << 20


@pytest.fixture
def integrations(call):
    """Two integrations with a service account, and one that is only for viewers."""
    state, rows = call.server.state, {}
    for number, (name, auth_type) in enumerate(
        [("Warehouse A", "Service Account"), ("Warehouse B", "Viewer"), ("Lake", "Viewer")], 10
    ):
        guid = f"00000000-0000-0000-0000-0000000000{number}"
        config = {
            "auth_type": auth_type,
            "client_id": "id",
            "client_secret": "secret",
            "token_uri": "https://example.com/token",
            **({"authorization_uri": "https://example.com/"} if auth_type == "Viewer" else {}),
        }
        row = new_integration(
            guid, number, "custom", config, state.seed.start, name=name, description=f"The {name}."
        )
        rows[name] = state.oauth_integrations[guid] = row
    return rows


async def deploy_requests(call, path, *requests, user=None):
    """Deploy a bundle that requests integrations; return its associations and last line."""
    data = packed(**{"manifest.json": manifest(integration_requests=requests)})
    bundle = (await upload(call, path, data)).json()["id"]
    task = await call.json("POST", f"{path}/deploy", json={"bundle_id": bundle}, user=user)
    polls = await follow(call, task["task_id"])
    rows = await call.json("GET", f"{path}/oauth/integrations/associations")
    lines = [line for poll in polls for line in poll["output"]]
    return [row["oauth_integration_name"] for row in rows], lines[-1]


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"guid": "00000000-0000-0000-0000-000000000011"}, "Warehouse B"),
        ({"name": "^Warehouse"}, "Warehouse A"),
        ({"name": "^Warehouse", "auth_type": "Viewer"}, "Warehouse B"),
        ({"description": "Lake", "type": "custom"}, "Lake"),
        ({"type": "connect"}, "Connect"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("integrations")
async def test_requested_integrations(call, path, request_, name):
    """Deploying associates the first integration that has everything that is requested."""
    names, line = await deploy_requests(call, path, request_)
    assert (names, line) == ([name], "Completed application build")
    # A second deployment changes nothing, and another request adds its integration.
    assert (await deploy_requests(call, path, request_))[0] == [name]
    assert (await deploy_requests(call, path, {"guid": "0" * 8}))[0] == [name]


@pytest.mark.parametrize(
    "missing",
    [{"guid": "none"}, {"name": "^house"}, {"name": "Lake", "auth_type": "Service Account"}],
    ids=str,
)
@pytest.mark.usefixtures("integrations")
async def test_a_request_without_an_integration(call, path, missing):
    """A build fails if no integration matches a request, and says which."""
    names, line = await deploy_requests(call, path, {"name": "Lake"}, missing)
    assert names == ["Lake"]
    assert line.startswith("ERROR: no OAuth integration matches the request for ")
    assert all(repr(value) in line for value in missing.values())
    assert (await call.json("GET", path))["bundle_id"] is None


async def test_integrations_of_others(call, integrations):
    """An integration that the caller may not use does not match."""
    guid = next(iter(call.server.state.groups))
    integrations["Lake"]["permissions"] = [{"user_guid": None, "group_guid": guid}]
    call.server.state.members[guid] = []
    item = await call.json("POST", "/v1/content", json={"name": "theirs"}, user="publisher")
    path = f"/v1/content/{item['guid']}"
    names, _ = await deploy_requests(call, path, {"name": "Lake"}, user="publisher")
    assert names == []
    assert (await deploy_requests(call, path, {"name": "Lake"}))[0] == ["Lake"]


@pytest.mark.parametrize(("version", "is_known"), [("2025.09.0", True), ("2025.08.0", False)])
async def test_integration_requests_since(serving, version, is_known):
    """Servers before 2025.09 ignore the integrations that a manifest requests."""
    call = await serving(version=version)
    item = await call.json("POST", "/v1/content", json={"name": "new"})
    path = f"/v1/content/{item['guid']}"
    assert (await deploy_requests(call, path, {"type": "connect"}))[0] == ["Connect"] * is_known
    assert ("ERROR" in (await deploy_requests(call, path, {"guid": "x"}))[1]) is is_known


async def test_lost_archive(call, path):
    """A bundle that is no longer on the disk is listed, and neither downloaded nor built."""
    guid = path.rpartition("/")[2]
    bundle = await deploy(call, guid, "static")
    call.server.state.lose_archive(guid, bundle)
    assert (await call.json("GET", f"{path}/bundles/{bundle}"))["size"] == 0
    for part in ("download", "files", "files/manifest.json"):
        reply = await call("GET", f"{path}/bundles/{bundle}/{part}")
        assert (reply.status, reply.code) == (404, 4)
    assert (await call("POST", f"{path}/deploy", json={"bundle_id": bundle})).code == 28
    assert (await call("DELETE", path)).status == 204


@pytest.mark.parametrize("size", [100, 20 << 20], ids=["in memory", "in a file"])
def test_archive_closed_while_it_is_read(size):
    """An archive that is deleted while it is read is read to its end."""
    data = os.urandom(size)
    archive = Archive.of(data)
    pieces = archive.pieces()
    first = next(pieces)
    archive.close()
    assert first + b"".join(pieces) == data
