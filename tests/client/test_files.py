"""Files are written atomically, whatever happens."""

import asyncio
import pickle
import shutil
from pathlib import Path

import pytest

from aconnect import errors
from aconnect._client.files import atomic_file
from aconnect.connect import bootstrap
from aconnect.deploy import deploy


async def test_atomic_file(tmp_path):
    """A file gets its name at the end of the block, and replaces the previous one."""
    path = tmp_path / "x"
    path.write_bytes(b"before")
    async with atomic_file(path) as file:
        await file.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, asyncio.CancelledError])
async def test_atomic_file_fails(tmp_path, error):
    """A block that raises leaves nothing behind."""
    with pytest.raises(error):  # noqa: PT012  leaving the block is the point
        async with atomic_file(tmp_path / "x") as file:
            await file.write(b"part")
            raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/x", "a-file/x", "a-folder", "", "x" * 300, "a\0b"])
async def test_unwritable(client, archive, tmp_path, name):
    """A path that is not writable is a typed error that names it, and nothing is left."""
    (tmp_path / "a-file").touch()
    (tmp_path / "a-folder").mkdir()
    item = await client.content.create(name="item")
    bundle = await item.bundles.create(archive)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(errors.InvalidArgumentError, match="cannot write"):
        await bundle.download(tmp_path / name if name else Path())
    assert sorted(tmp_path.iterdir()) == before


async def test_a_file_that_cannot_be_finished(tmp_path):
    """A file that cannot take its name is a typed error that is an OSError as well."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(errors.FileError, match="No such file") as caught:
        async with atomic_file(folder / "x"):
            shutil.rmtree(folder)
    assert isinstance(caught.value, OSError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301  ours


@pytest.mark.parametrize("path", ["absent", "a\0b", "x" * 300])
async def test_unreadable(client, path, tmp_path, monkeypatch):
    """A file that cannot be read is a typed error that names it, before any request."""
    monkeypatch.chdir(tmp_path)
    content = client.content.handle("x")
    for call in (
        lambda: content.bundles.create(Path(path)),
        lambda: content.thumbnail.put(Path(path)),
        lambda: deploy(client, path, name="name"),
        lambda: bootstrap(client.url, Path(path)),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=r"cannot read|no manifest"):
            await call()
