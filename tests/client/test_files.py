"""Files are written atomically, whatever happens."""

import asyncio
from pathlib import Path

import pytest

from aconnect import errors
from aconnect._client.files import atomic_file


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
