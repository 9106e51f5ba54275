"""A file of state is durable, has one owner, and is refused or kept when it is not what it was."""

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from aconnect._client.state_file import StateFile
from aconnect.errors import FileError, InvalidArgumentError, ResumeError


class Words(StateFile):
    """The smallest kind of state: words, and whether they are needed."""

    _VERSION = 3
    _TABLES = ("CREATE TABLE word (word TEXT PRIMARY KEY)", "CREATE TABLE other (x INTEGER)")
    _NOUN = "list"
    _ELSEWHERE = "choose another list"
    _DISCARD = "delete it"
    _REMOVED = "write them again"

    @property
    def is_needed(self):
        return self.words() != ["done"]

    def words(self):
        return [word for (word,) in self._rows("SELECT word FROM word ORDER BY word")]

    def numbers(self):
        with self._errors():
            return [msgspec.json.decode(word, type=int) for word in self.words()]

    def add(self, *words):
        with self._transaction() as connection:
            for word in words:
                connection.execute("INSERT INTO word VALUES (?)", (word,))

    def finish(self):
        with self._transaction() as connection:
            connection.execute("DELETE FROM word")
            connection.execute("INSERT INTO word VALUES ('done')")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "words"


CHILD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from tests.client.test_state_file import Words
with Words(Path(sys.argv[1])) as words:
    {}
    print("ready", flush=True)
    sys.stdin.read()
"""


class Process:
    """A process that opens the file, does something, and waits until it is told to end."""

    def __init__(self, path, work="pass"):
        self._process = subprocess.Popen(  # noqa: S603  this test's own code
            [sys.executable, "-c", CHILD.format(work), path, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.is_open = self._process.stdout.readline() == "ready\n"

    def kill(self):
        self._process.kill()
        self._process.communicate()

    def end(self):
        """End it; return what it has printed as an error."""
        return self._process.communicate()[1]


def test_kept(path):
    """What is committed is there when the file is opened again, by the same object or another."""
    words = Words(path)
    for number in range(3):
        with words:
            words.add(str(number))
    with Words(path) as again:
        again.open()  # it is open already
        assert again.words() == ["0", "1", "2"]
    assert list(path.parent.iterdir()) == [path]


def test_not_needed(path):
    """A file that is no longer needed is removed when it is closed."""
    with Words(path) as words:
        words.add("a")
        words.finish()
    assert list(path.parent.iterdir()) == []


def test_closed(path):
    """State that is not open, or no more, is neither read nor written."""
    words = Words(path)
    words.close()
    for _ in range(2):
        with pytest.raises(FileError, match=r"the list .* is closed"):
            words.words()
        with pytest.raises(FileError, match=r"the list .* is closed"):
            words.add("a")
        with words:
            pass


def test_two_connections(path):
    """A second object of this process is refused, and does not release the lock of the first."""
    with Words(path) as words:
        for _ in range(2):
            with pytest.raises(InvalidArgumentError, match=r"another process is writing .* list"):
                Words(path).open()
            second = Process(path)
            assert not second.is_open
            assert "another process is writing" in second.end()
        words.add("ours")
    with Words(path) as words:
        assert words.words() == ["ours"]


def test_two_processes(path):
    """A file that another process has open is refused, and kept, until that process ends."""
    first = Process(path)
    assert first.is_open
    with pytest.raises(InvalidArgumentError, match="another process is writing"):
        Words(path).open()
    assert first.end() == ""
    with Words(path) as words:
        assert words.words() == []


# More than the cache of a connection: the file has parts of what is not committed.
HALF = """
    words.add("intent")
    transaction = words._transaction()
    connection = transaction.__enter__()
    connection.executemany("INSERT INTO word VALUES (?)", [(f"{n:0>999}",) for n in range(9999)])
"""


def test_killed(path):
    """After SIGKILL in a transaction, the file has all that was committed before, and no more."""
    process = Process(path, HALF.strip())
    assert process.is_open
    assert path.stat().st_size > 1_000_000
    process.kill()
    with Words(path) as words:
        assert words.words() == ["intent"]


def test_failed_transaction(path):
    """A transaction that fails changes nothing, and the next one succeeds."""
    with Words(path) as words:
        words.add("a")
        with pytest.raises(FileError, match="cannot write"):
            words.add("b", "a")
        words.add("c")
        assert words.words() == ["a", "c"]


def test_threads(path):
    """Transactions of several threads do not disturb each other."""
    with Words(path) as words:
        threads = [
            threading.Thread(target=words.add, args=(f"{number}a", f"{number}b"))
            for number in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert words.words() == [f"{number}{letter}" for number in range(8) for letter in "ab"]


def test_automatic_rollback(path):
    """After an error for which SQLite rolls back by itself, the message is that of the error."""
    with Words(path) as words:
        words._connection.execute("PRAGMA max_page_count = 8")
        for _ in range(2):
            with pytest.raises(FileError, match="is full"):
                words.add("a", "b" * 100_000)
        words.add("c")
        assert words.words() == ["c"]


def test_another_is_faster(path):
    """A new file that another process locks first is its file."""

    class Slow(Words):
        def _connect(self):
            assert path.exists()
            first.open()
            return super()._connect()

    first = Words(path)
    with pytest.raises(InvalidArgumentError, match="another process is writing"):
        Slow(path).open()
    first.add("a")
    first.close()
    assert path.exists()


@pytest.mark.parametrize("replaced", [True, False])
def test_removed_before_it_is_locked(path, replaced):
    """A file whose owner ends and removes it, before it is locked here, is not used."""

    class Slow(Words):
        def _prepare(self, connection):
            path.unlink()
            if replaced:
                path.touch()
            super()._prepare(connection)

    with pytest.raises(InvalidArgumentError, match="another process is writing"):
        Slow(path).open()
    assert path.exists() is replaced


def run(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def cut(path):
    path.write_bytes(path.read_bytes()[:6000])


def overwrite(path):
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\x0d\x00\x00\xff" + data[8196:])


DAMAGES = {
    "Page 3: btreeInitPage.*": overwrite,
    "file is not a database": lambda path: path.write_bytes(b"x" * 5000),
    "malformed": cut,
    "it has version 4, not 3": lambda path: run(path, "PRAGMA user_version = 4"),
    "something else": lambda path: run(path, "DROP TABLE other"),
    "a database of something else": lambda path: run(
        path, "DROP TABLE word", "DROP TABLE other", "PRAGMA user_version = 0", "CREATE TABLE x (y)"
    ),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_damaged(path, message):
    """A file that is damaged, newer, or something else is refused and kept; `restart` replaces it.

    It can be opened again afterwards: a refusal leaves no lock.
    """
    with Words(path) as words:
        words.add("a")
    DAMAGES[message](path)
    before = path.read_bytes()
    for _ in range(2):
        with pytest.raises(ResumeError, match=rf"the list .*{message}; choose .*, or delete it"):
            Words(path).open()
    assert path.read_bytes() == before
    with Words(path, restart=True) as words:
        assert words.words() == []
        words.add("b")
    with Words(path, restart=True) as words:
        assert words.words() == ["b"]


def test_damaged_value(path):
    """A value that cannot be decoded is damage, too, and the file is kept."""
    with Words(path) as words:
        words.add("1", "no number")
        with pytest.raises(ResumeError, match="cannot be read"):
            words.numbers()
    assert path.exists()


def test_empty_file(path):
    """An empty file is used as if it were new."""
    path.touch()
    with Words(path) as words:
        words.add("a")


@pytest.mark.parametrize("other", [None, "text", "state"])
def test_removed(path, other):
    """A file that was removed or replaced is not written, and what has its name is kept."""
    with Words(path) as words:
        words.finish()
        path.unlink()
        if other == "text":
            path.write_text("other")
        elif other == "state":
            with Words(path) as second:
                second.add("second")
        for _ in range(2):
            with pytest.raises(FileError, match=r"removed or replaced.*; write them again"):
                words.add("a")
    assert path.exists() is (other is not None)
    if other == "state":
        with Words(path) as second:
            assert second.words() == ["second"]


def test_folder_replaced(path):
    """A folder that is no folder any more counts as removed, and `close` does not raise."""
    folder = path.parent / "folder"
    folder.mkdir()
    with Words(folder / "words") as words:
        words.finish()
        folder.rename(path.parent / "moved")
        folder.touch()
        with pytest.raises(FileError, match="removed or replaced"):
            words.add("a")
    assert (path.parent / "moved" / "words").exists()


@pytest.mark.parametrize("opens", [True, False])
def test_full_disk(path, opens):
    """On a full disk nothing is saved and what was saved is kept; it can be opened and read."""
    resource = pytest.importorskip("resource")
    with Words(path) as words:
        words.add("a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    words = Words(path)
    try:
        if not opens:
            words.open()
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        with words:
            for _ in range(2):
                with pytest.raises(FileError, match="cannot write"):
                    words.add("b")
            assert words.words() == ["a"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with words:
        words.add("b")
        assert words.words() == ["a", "b"]


def test_no_room_for_a_new_file(path):
    """If a new file cannot be written, none is left."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(InvalidArgumentError, match=r"cannot write.*; choose another list"):
            Words(path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 250, "x" * 300, "a\0b", "absent/a", "file/a", "folder", ""])
def test_impossible(tmp_path, name):
    """A name that cannot be written is refused, and leaves nothing behind."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidArgumentError, match=r"cannot write.*; choose another list"):
        Words(tmp_path / name).open()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("name", [":memory:", "file:words?mode=memory"])
def test_names_of_sqlite(tmp_path, monkeypatch, name):
    """A name that means something to SQLite is a file like any other."""
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    monkeypatch.chdir(tmp_path)
    with Words(Path(name)) as words:
        words.add("a")
    with Words(Path(name)) as words:
        assert words.words() == ["a"]


@pytest.mark.parametrize("exists", [True, False])
def test_read_only_folder(path, exists):
    """In a folder that cannot be written, a file is refused, and kept if there is one."""
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("this user may write into every folder")
    if exists:
        with Words(path) as words:
            words.add("a")
    path.parent.chmod(0o500)
    try:
        with pytest.raises(InvalidArgumentError, match=r"cannot write.*; choose another list"):
            Words(path).open()
    finally:
        path.parent.chmod(0o700)
    assert path.exists() is exists


def test_read_only_file(path):
    """A file that cannot be written is refused, and kept."""
    with Words(path) as words:
        words.add("a")
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write every file")
    with pytest.raises(InvalidArgumentError, match=r"cannot write.*; choose another list"):
        Words(path).open()
    assert path.exists()


def test_in_memory(tmp_path, monkeypatch):
    """Without a path, the state ends with its object, and writes no file."""
    monkeypatch.chdir(tmp_path)
    with Words(None) as words, Words(None) as other:
        words.add("a")
        other.finish()
        assert words.words() == ["a"]
        with pytest.raises(FileError):
            words.add("a")
    with words:
        assert words.words() == []
    assert list(tmp_path.iterdir()) == []
