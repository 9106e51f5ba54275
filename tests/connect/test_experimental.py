"""Experimental operations: the content of groups, examples, and operations of old servers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aconnect import Client, errors
from aconnect.connect import GroupContentRole, PrincipalType, archive_upload
from aconnect.testing import BuildScript, FakeConnect, Seed, VirtualClock

GROUPS = Seed(groups=3, content=3)


@pytest.fixture
def seed() -> Seed:
    return GROUPS


@pytest.fixture
async def old() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(version="2023.09.0") as running:
        yield running


@pytest.fixture
async def past(old: FakeConnect) -> AsyncIterator[Client]:
    async with Client(old.url, old.api_key, clock=VirtualClock()) as connected:
        yield connected


async def test_content_of_a_group(server: FakeConnect, client: Client) -> None:
    """A group lists its content with the group's role; each row leads to the content item."""
    guid = next(iter(server.state.groups))
    first, second, _ = server.state.content
    server.state.permit(first, guid, "viewer")
    server.state.permit(second, guid, "owner")
    group = await client.groups.get(guid)
    rows = await group.content
    assert {row.content_guid: _roles(row.permissions)[guid] for row in rows} == {
        first: GroupContentRole.VIEWER,
        second: GroupContentRole.PUBLISHER,
    }
    owner = next(p for p in rows[0].permissions or [] if p.principal_role == "author")
    assert owner.principal_type is PrincipalType.USER
    assert (await rows[0].content.refresh()).owner_guid == owner.principal_guid
    assert await client.experimental.groups.content(guid) == rows
    handle = client.groups.handle(guid)
    assert [row.content_guid async for row in handle.content] == [r.content_guid for r in rows]


def _roles(permissions: object) -> dict[str | None, GroupContentRole | None]:
    assert isinstance(permissions, list)
    return {one.principal_guid: one.principal_role for one in permissions}


async def test_content_of_no_group(server: FakeConnect, client: Client) -> None:
    """A group without content returns an empty list; a missing group raises NotFoundError."""
    last = list(server.state.groups)[-1]
    assert await client.groups.handle(last).content == []
    with pytest.raises(errors.NotFoundError):
        await client.groups.handle("none").content


async def test_content_of_a_group_is_for_administrators(server: FakeConnect) -> None:
    """Publishers may not list the content of a group."""
    async with Client(server.url, server.api_key_for("publisher")) as client:
        with pytest.raises(errors.PermissionDeniedError):
            await client.groups.handle(next(iter(server.state.groups))).content


async def test_examples(client: Client, tmp_path: Path) -> None:
    """Examples are listed; their thumbnails and archives can be downloaded."""
    names = [row["name"] for row in await client.examples.find()]
    assert names == ["python-dash-demo", "shiny-demo"]
    picture = await client.examples.thumbnail(names[0])
    assert picture.startswith(b"\x89PNG")
    path = await client.download(tmp_path / "demo.zip", client.examples.zip, names[1])
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.namelist() == ["shiny-demo/README.md"]
    with pytest.raises(errors.NotFoundError):
        await client.examples.zip("none")


async def test_deploying_in_the_old_way(
    old: FakeConnect, past: Client, archive: bytes, tmp_path: Path
) -> None:
    """On an old server, operations that were removed later deploy content and manage bundles."""
    way = past.experimental
    made = await way.content.create(name="old-way", title="First")
    assert made.url == f"{old.url}/content/{made.guid}/"
    assert (await way.content.update(made.guid, title="Second")).title == "Second"
    sent = await way.content.upload(made.guid, archive_upload(archive))
    assert sent.size == len(archive)
    assert sent.bundle_id is not None
    old.state.build_script = BuildScript(lines=("one", "two"))
    task = await way.content.deploy(made.guid, bundle_id=sent.bundle_id)
    item = await task
    assert (item.guid, item.title, item.bundle_id) == (made.guid, "Second", sent.bundle_id)
    status = await way.tasks.get(task.id, first=1)
    assert (status.output, status.finished, status.code) == (["two"], True, 0)
    path = await past.download(tmp_path / "bundle", way.bundles.download, sent.bundle_id)
    assert path.read_bytes() == archive
    with pytest.raises(errors.ConflictError) as active:
        await way.bundles.delete(sent.bundle_id)
    assert active.value.code == 75
    await way.content.delete(made.guid)
    with pytest.raises(errors.NotFoundError) as gone:
        await way.content.get(made.guid)
    assert gone.value.code == 4


async def test_bundles_in_the_old_way(old: FakeConnect, past: Client, archive: bytes) -> None:
    """Experimental bundles are listed in pages, and read and deleted by their id alone."""
    guid = next(iter(old.state.content))
    way = past.experimental
    for _ in range(4):
        await way.content.upload(guid, archive_upload(archive))
    bundles = await way.bundles.find(guid).page_size(2)
    assert old.count("GET", "/v1/experimental/content/*/bundles") == 3
    newest = await past.content.handle(guid).bundles.find()
    assert [bundle.id for bundle in bundles] == [bundle.id for bundle in reversed(newest)]
    last = bundles[-1]
    assert await way.bundles.get(last.id) == last
    await way.bundles.delete(last.id)
    with pytest.raises(errors.NotFoundError) as again:
        await way.bundles.delete(last.id)
    assert again.value.code == 17
