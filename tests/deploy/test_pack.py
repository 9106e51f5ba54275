"""A bundle contains the files of its manifest, and nothing from outside the directory."""

import asyncio
import codecs
import json
import os
import resource
import tarfile
import tempfile
from pathlib import Path

import anyio
import pytest

from aconnect.deploy import archive, pack
from aconnect.errors import FileError, InvalidArgumentError


def site(folder: Path, *listed: str, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    manifest = {"version": 1, "files": {name: {"checksum": ""} for name in listed or files}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path_factory, monkeypatch):
    """No test leaves a temporary archive behind."""
    place = tmp_path_factory.mktemp("archives")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield
    assert not list(place.iterdir())


async def test_contents(tmp_path):
    """Listed files and the manifest are packed under their names; other files are not."""
    folder = site(tmp_path / "s", "b/c.txt", "./a", a="1", secret="2")
    (folder / "b").mkdir()
    (folder / "b" / "c.txt").write_text("3")
    (folder / "a").chmod(0o700)
    async with pack(folder) as path:
        with tarfile.open(path, "r:gz") as tar:
            entries = {entry.name: entry for entry in tar}
            texts = {name: tar.extractfile(name).read() for name in entries}  # type: ignore[union-attr]
    assert list(entries) == ["a", "b/c.txt", "manifest.json"]
    assert (texts["a"], texts["b/c.txt"]) == (b"1", b"3")
    assert {(e.uid, e.gid, e.uname, e.mtime) for e in entries.values()} == {(0, 0, "", 0)}
    assert [entries[name].mode for name in entries] == [0o755, 0o644, 0o644]


async def test_reproducible(tmp_path):
    """The archive is reproducible: the same files produce the same bytes."""
    first = site(tmp_path / "1", a="x", b="y")
    second = site(tmp_path / "2", b="y", a="x")
    (second / "manifest.json").write_bytes((first / "manifest.json").read_bytes())
    os.utime(second / "a", (1, 1))
    async with pack(first) as one, pack(second) as two:
        assert one.path.read_bytes() == two.path.read_bytes()


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("missing.R", "'missing.R'.*no such file"),
        ("../outside", "'../outside'.*not the name"),
        ("a/../../outside", "not the name"),
        ("/etc/passwd", "not the name"),
        ("", "not the name"),
        (".", "not the name"),
        ("..\\outside", "not the name"),
        ("link", "'link' resolves outside"),
        ("folder", "'folder'.*not a file"),
        ("folder/link", "resolves outside"),
        ("pipe", "not a file"),
        ("loop", "no such file"),
        ("a/b", "no such file"),
    ],
)
async def test_refused(tmp_path, listed, words):
    """A listed name that is not a regular file inside the directory is refused."""
    (tmp_path / "outside").write_text("secret")
    folder = site(tmp_path / "s", "a", listed, a="1")
    (folder / "link").symlink_to("../outside")
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    (folder / "folder" / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidArgumentError, match=words):
        async with pack(folder):
            pass


async def test_link_inside(tmp_path):
    """A link to a file inside the directory is packed as that file."""
    folder = site(tmp_path / "s", "link", a="1")
    (folder / "link").symlink_to("a")
    async with pack(folder) as path:
        with tarfile.open(path) as tar:
            assert tar.getmember("link").isreg()


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"files": 1}', '{"files": [1]}'])
async def test_no_manifest(tmp_path, text):
    """Without a valid manifest, the error says that one is required."""
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InvalidArgumentError, match="manifest"):
        async with pack(tmp_path):
            pass


async def test_too_large(tmp_path):
    """Files above the maximum total size are refused; `max_size` raises the limit."""
    folder = site(tmp_path / "s", a="x" * 1000)
    with pytest.raises(InvalidArgumentError, match="max_size"):
        async with pack(folder, max_size=1000):
            pass
    async with pack(folder, max_size=1100) as packed:
        assert packed.path.exists()


@pytest.mark.parametrize("scope", ["asyncio", "anyio"])
async def test_cancelled(tmp_path, monkeypatch, scope):
    """Cancelling stops the packing and leaves no file behind."""
    folder = site(tmp_path / "s", a="x" * 1_000_000)
    reading, reads = asyncio.Event(), []
    loop = asyncio.get_running_loop()
    original = archive._Reading.read

    def read(self, size=-1):
        reads.append(size)
        loop.call_soon_threadsafe(reading.set)
        if len(reads) == 1:
            self._stopped.wait(5)
        return original(self, size)

    monkeypatch.setattr(archive._Reading, "read", read)

    async def packing():
        async with pack(folder):
            pass

    if scope == "asyncio":
        task = asyncio.create_task(packing())
        await reading.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        async with anyio.create_task_group() as group:
            group.start_soon(packing)
            await reading.wait()
            group.cancel_scope.cancel()
    assert len(reads) == 1


@pytest.mark.parametrize(
    "text",
    [b'{"files": {"a\xff": {}}}', b"[" * 100_000, "{}".encode("utf-16"), b"\0" * 100, b""],
    ids=["no UTF-8", "nested", "UTF-16", "zeros", "empty"],
)
async def test_unreadable_manifests(tmp_path, text):
    """A manifest that is not JSON in UTF-8 is refused, whatever it contains."""
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(InvalidArgumentError, match="is not a manifest"):
        async with pack(tmp_path):
            pass


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
async def test_a_manifest_in_utf_16(tmp_path, coding):
    """The error for a manifest in UTF-16 says so."""
    (tmp_path / "manifest.json").write_text('{"files": {}}', encoding=coding)
    with pytest.raises(InvalidArgumentError, match="it is UTF-16 text; save it as UTF-8"):
        async with pack(tmp_path):
            pass


async def test_a_manifest_from_windows(tmp_path):
    """The mark with which Windows begins UTF-8 is no part of a manifest, and is not sent."""
    folder = site(tmp_path / "s", a="1")
    path = folder / "manifest.json"
    text = path.read_bytes()
    path.write_bytes(codecs.BOM_UTF8 + text)
    async with pack(folder) as archive:
        with tarfile.open(archive) as tar:
            assert tar.getnames() == ["a", "manifest.json"]
            assert tar.extractfile("manifest.json").read() == text  # type: ignore[union-attr]


async def test_files_in_an_array(tmp_path):
    """A manifest may list the names of the files only, as those of R's pins do."""
    folder = site(tmp_path / "s", a="1", b="2")
    (folder / "manifest.json").write_text('{"version": 1, "files": ["a"]}')
    async with pack(folder) as archive:
        with tarfile.open(archive) as tar:
            assert tar.getnames() == ["a", "manifest.json"]


async def test_no_space_for_the_archive(tmp_path, monkeypatch):
    """An archive that cannot be written is a typed error, and leaves nothing behind."""
    folder = site(tmp_path / "s", a=os.urandom(40_000).hex())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(FileError, match=r"cannot pack .*too large"):
            async with pack(folder):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
        with pytest.raises(FileError, match="temporary archive"):
            async with pack(folder):
                pass
