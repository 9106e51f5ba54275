"""A bundle contains the files of its manifest, and nothing from outside the directory."""

import asyncio
import codecs
import hashlib
import json
import os
import resource
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from aconnect.deploy import Archive, pack
from aconnect.deploy.project import archive
from aconnect.deploy.project.files import SourceFile
from aconnect.deploy.project.project import Project
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
        ("a\0b", "not the name"),
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
        async with pack(folder, max_size=999):
            pass
    async with pack(folder, max_size=1000) as packed:
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


def unpack(archive: Archive) -> dict[str, bytes]:
    """Return the members of an archive."""
    with tarfile.open(archive.path) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def project(folder: Path, *names: str, **fields: Any) -> Project:
    files = tuple(SourceFile(name, folder / name, (folder / name).stat().st_size) for name in names)
    fields.setdefault("manifest", {"version": 1, "metadata": {"appmode": "static"}})
    return Project(directory=folder, detected=None, files=files, **fields)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324


async def test_project(tmp_path):
    """The files of a project are packed with those made for it, and a manifest with checksums."""
    site(tmp_path / "s", z="1", a="2")
    generated = {"requirements.txt": b"dash==3"}
    packed = project(tmp_path / "s", "z", "a", generated=generated)
    async with pack(packed) as archive:
        members = unpack(archive)
        data = archive.path.read_bytes()
        assert os.fspath(archive) == str(archive.path)
    assert list(members) == ["a", "requirements.txt", "z", "manifest.json"]
    manifest = json.loads(members.pop("manifest.json"))
    assert list(manifest) == ["version", "metadata", "files"]
    assert manifest["files"] == {name: {"checksum": md5(text)} for name, text in members.items()}
    assert (archive.size, archive.md5, archive.warnings) == (len(data), md5(data), ())


_names = st.text("ab/.é\n ", min_size=1, max_size=30).filter(
    lambda name: all(part.strip(".") for part in name.split("/"))
)


@given(
    texts=st.dictionaries(_names, st.binary(max_size=300), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_unpacked(tmp_path_factory, texts, order):
    """What is unpacked is what was packed; order, times and other files do not matter."""
    assume(not any(other.startswith(f"{name}/") for name in texts for other in texts))
    archives = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("s")
        names = list(texts)
        order.shuffle(names)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(texts[name])
            os.utime(folder / name, (order.randrange(10**9),) * 2)
        async with pack(project(folder, *names)) as archive:
            members = unpack(archive)
            archives.append(archive.path.read_bytes())
    assert archives[0] == archives[1]
    assert {name: members[name] for name in texts} == texts
    assert len(members) == len(texts) + 1


async def test_stale_checksums(tmp_path):
    """A wrong checksum is replaced, with a warning; the rest of the manifest is as it was."""
    folder = site(tmp_path / "s", a="1", b="2", c="3", d="4")
    manifest = {
        "version": 1,
        "files": {
            "b": {"checksum": md5(b"edited"), "note": [1.5, None]},
            "a": {"checksum": md5(b"1").upper()},
            "c": {"checksum": ""},
            "d": {},
        },
        "locale": "en_US",
        "platform": "4.10",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    async with pack(folder) as archive:
        text = unpack(archive)["manifest.json"]
    expected = json.dumps(manifest).replace(md5(b"edited"), md5(b"2"))
    assert json.dumps(json.loads(text)) == expected
    (warning,) = archive.warnings
    assert warning.endswith(": b")
    assert "checksum" in warning
    (folder / "manifest.json").write_text(expected)
    async with pack(folder) as archive:
        assert unpack(archive)["manifest.json"].decode() == expected
        assert archive.warnings == ()


@pytest.mark.parametrize("form", [dict.fromkeys, list])
async def test_backslashes(tmp_path, form):
    """A manifest written on Windows is understood, and packed with the names of the archive."""
    folder = site(tmp_path / "s", a="1")
    (folder / "sub").mkdir()
    (folder / "sub" / "b.txt").write_text("2")
    text = json.dumps({"files": form(["a", "sub\\b.txt"])})
    (folder / "manifest.json").write_bytes(text.replace(",", ",\r\n").encode())
    async with pack(folder) as archive:
        members = unpack(archive)
    assert list(members) == ["a", "sub/b.txt", "manifest.json"]
    assert json.loads(members["manifest.json"])["files"] == form(["a", "sub/b.txt"])


def meanwhile(monkeypatch, change: Callable[[], object]) -> None:
    """Change something once, when the first file is read."""
    original = archive._Reading.read
    changes = [change]

    def read(self, size=-1):
        if changes:
            changes.pop()()
        return original(self, size)

    monkeypatch.setattr(archive._Reading, "read", read)


async def test_files_that_grow(tmp_path, monkeypatch):
    """A file that changes while it is packed is packed as it was read, with a warning."""
    folder = site(tmp_path / "s", a="1", b="2")

    def change():
        (folder / "a").write_text("123")
        (folder / "b").write_text("45")

    meanwhile(monkeypatch, change)
    async with pack(project(folder, "a", "b")) as archive:
        members = unpack(archive)
    assert (members["a"], members["b"]) == (b"1", b"45")
    checksums = json.loads(members["manifest.json"])["files"]
    assert checksums == {"a": {"checksum": md5(b"1")}, "b": {"checksum": md5(b"45")}}
    (warning,) = archive.warnings
    assert warning.startswith("these files changed")
    assert warning.endswith(": a, b")


async def test_files_of_the_same_size(tmp_path, monkeypatch):
    """A file that is written again with the same size causes a warning, too."""
    folder = site(tmp_path / "s", a="1")
    meanwhile(monkeypatch, lambda: os.utime(folder / "a", (1, 1)))
    async with pack(project(folder, "a")) as archive:
        assert "changed" in archive.warnings[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "a").write_text(""), "'a' became smaller.*pack again"),
        (lambda folder: (folder / "b").unlink(), "cannot read 'b': No such file.*pack again"),
        (lambda folder: (folder / "pipe").replace(folder / "b"), "'b' is not a file"),
    ],
)
async def test_files_that_vanish(tmp_path, monkeypatch, change, words):
    """A file that shrinks, vanishes or becomes something else is a typed error with its name."""
    folder = site(tmp_path / "s", a="1" * 100, b="2")
    os.mkfifo(folder / "pipe")
    meanwhile(monkeypatch, lambda: change(folder))
    with pytest.raises(FileError, match=words):
        async with pack(project(folder, "a", "b")):
            pass


async def test_unreadable_files(tmp_path, monkeypatch):
    """A disk that fails is a typed error with the name of the file."""
    folder = site(tmp_path / "s", a="1")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(archive, "_open", fail)
    with pytest.raises(FileError, match="cannot read 'a': Input/output error"):
        async with pack(project(folder, "a")):
            pass


async def test_the_largest_files(tmp_path, monkeypatch):
    """Too many bytes are refused before any is read; the error names the largest files."""
    sizes = {name: "x" * 1000 * number for number, name in enumerate("abcdefg")}
    folder = site(tmp_path / "s", **sizes)
    monkeypatch.setattr(archive, "_open", None)
    with pytest.raises(InvalidArgumentError) as raised:
        async with pack(project(folder, *sizes), max_size=20_999):
            pass
    text = "g (6,000), f (5,000), e (4,000), d (3,000), c (2,000). Leave files out: with exclude="
    assert text in str(raised.value)
    assert "have 21,000 bytes, more than 20,999" in str(raised.value)
    with pytest.raises(InvalidArgumentError, match="max_size="):
        async with pack(project(folder, "a", generated={"b": b"1" * 11}), max_size=10):
            pass


async def test_too_large_meanwhile(tmp_path, monkeypatch):
    """The limit holds for what is packed, not only for what was found before."""
    folder = site(tmp_path / "s", a="1", b="2")
    meanwhile(monkeypatch, lambda: (folder / "b").write_text("x" * 2000))
    with pytest.raises(InvalidArgumentError, match=r"b \(2,000\)"):
        async with pack(project(folder, "a", "b"), max_size=1000):
            pass
