"""A journal saves all of a checkpoint or nothing, and lets one process write."""

import os
import sqlite3
import subprocess
import sys

import msgspec
import pytest

from aconnect.collect.journal import Journal
from aconnect.collect.sink import Source, refuse_other_source
from aconnect.errors import FileError, InvalidArgumentError, ResumeError

SOURCE = Source(server="https://connect.example.com/__api__", dataset="visits")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "visits.jsonl.aconnect"


def test_entries(path):
    """What is committed is there when it is opened again; None removes an entry."""
    with Journal(path) as journal:
        assert not journal.is_needed
        journal.commit("here", {"a": "1", "b": "2"}, {"x": "{}"})
        journal.commit("here", {"a": None, "b": "3", "c": None}, {"y": "[]"})
    with Journal(path) as journal:
        assert journal.source == "here"
        assert (journal.entries(), journal.files()) == ({"b": "3"}, {"x": "{}", "y": "[]"})
        journal.clear({"z": "1"})
        assert (journal.entries(), journal.files()) == ({}, {"z": "1"})
    with Journal(path) as journal:
        assert journal.source is None
    assert list(path.parent.iterdir()) == [path]


def test_nothing_committed(path):
    """A journal without a commit leaves no file behind."""
    Journal(path).close()
    assert list(path.parent.iterdir()) == []


def test_failed_commit(path):
    """A commit that fails changes nothing, and the next one succeeds."""
    with Journal(path) as journal:
        journal.commit("here", {"a": "1"})
        with pytest.raises(FileError, match="cannot write"):
            journal.commit("here", {"a": "2", "b": object()})  # type: ignore[dict-item]
        assert journal.entries() == {"a": "1"}
        journal.commit("here", {"a": "2"})
        assert journal.entries() == {"a": "2"}


OPEN = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from aconnect.collect.journal import Journal
Journal(Path(sys.argv[1])).close()
"""


@pytest.mark.parametrize("committed", [True, False])
def test_locked(path, committed):
    """While it is open, neither this process nor another one can open it; afterwards they can."""

    def other():
        return subprocess.run(  # noqa: S603  this test's own code
            [sys.executable, "-c", OPEN, path, *sys.path],
            capture_output=True,
            text=True,
            check=False,
        )

    with Journal(path) as journal:
        if committed:
            journal.commit("here", {})
        with pytest.raises(InvalidArgumentError, match="another process is writing"):
            Journal(path)
        assert "another process is writing" in other().stderr
        journal.commit("here", {"still": "ours"})
    assert other().returncode == 0


def damage(path, what):
    if what == "text":
        path.write_bytes(b"x" * 5000)
    elif what == "cut":
        path.write_bytes(path.read_bytes()[:6000])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 2")
        connection.close()


@pytest.mark.parametrize(
    ("what", "message"),
    [("text", "not a database"), ("cut", "malformed"), ("version", "it has version 2, not 1")],
)
def test_damaged(path, what, message):
    """One that cannot be read is refused and kept; `restart` replaces it."""
    with Journal(path) as journal:
        journal.commit("here", {"a": "1"})
    damage(path, what)
    before = path.read_bytes()
    with pytest.raises(ResumeError, match=rf"{message}.*restart=True"):
        Journal(path)
    assert path.read_bytes() == before
    with Journal(path, restart=True) as journal:
        assert journal.entries() == {}
        journal.commit("here", {"a": "2"})
    with Journal(path, restart=True) as journal:
        assert journal.entries() == {"a": "2"}


def test_damaged_state(path):
    """What a sink has said of its files is refused if it cannot be decoded."""
    decoder = msgspec.json.Decoder(dict[str, int])
    with Journal(path) as journal:
        journal.commit("here", {}, {"x": '{"size": 1}'})
        assert journal.decoded_files(decoder) == {"x": {"size": 1}}
        journal.commit("here", {}, {"x": '{"size": "1'})
        with pytest.raises(ResumeError, match=r"the journal .* cannot be read.*restart=True"):
            journal.decoded_files(decoder)


def test_removed(path):
    """A journal that was removed or replaced is not written, and what has its name is kept."""
    with Journal(path) as journal:
        journal.commit("here", {})
        path.unlink()
        with pytest.raises(FileError, match="removed or replaced"):
            journal.commit("here", {})
        path.write_text("other")
        with pytest.raises(FileError, match="removed or replaced"):
            journal.commit("here", {})
    assert path.read_text() == "other"


@pytest.mark.parametrize("name", ["x" * 245, "x" * 300, "a\0b", "absent/a", "file/a"])
def test_impossible(tmp_path, name):
    """A name that cannot be written is refused, and leaves nothing behind."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgumentError, match=r"cannot write.*choose another path"):
        Journal(tmp_path / f"{name}.aconnect")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def read_only(tmp_path):
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("this user may write into every folder")
    tmp_path.chmod(0o500)


@pytest.mark.parametrize("exists", [True, False])
def test_read_only_folder(path, exists):
    """In a folder that cannot be written, a journal is refused."""
    if exists:
        with Journal(path) as journal:
            journal.commit("here", {})
    read_only(path.parent)
    try:
        with pytest.raises((InvalidArgumentError, FileError), match="cannot write"):
            Journal(path).commit("here", {"a": "1"})
    finally:
        path.parent.chmod(0o700)


def test_no_rollback_journal(path):
    """If SQLite cannot create its own file, nothing is saved, and what was saved is kept."""
    with Journal(path) as journal:
        journal.commit("here", {"a": "1"})
    blocked = path.with_name(f"{path.name}-journal")
    blocked.mkdir()
    with pytest.raises((InvalidArgumentError, FileError), match="cannot write"):
        Journal(path).commit("here", {"a": "2"})
    blocked.rmdir()
    with Journal(path) as journal:
        assert journal.entries() == {"a": "1"}


def test_other_source():
    """Rows of another source are refused; the message has both values of what differs."""
    refuse_other_source("a", None, SOURCE)
    refuse_other_source("a", SOURCE.key, SOURCE)
    other = Source(server="https://b", dataset="visits", filters={"content_guid": ["x"]})
    with pytest.raises(ResumeError) as caught:
        refuse_other_source("visits.jsonl", other.key, SOURCE)
    assert str(caught.value) == (
        f"visits.jsonl has rows of another source: server 'https://b', not {SOURCE.server!r}; "
        "filters {'content_guid': ['x']}, not {}. Choose another path, or pass restart=True to "
        "replace them"
    )
