"""Files of JSON lines have each committed row once, whatever happens while they are written."""

import errno
import gzip
import importlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from aconnect.collect.batch import Batch
from aconnect.collect.dataset import Dataset
from aconnect.collect.datasets.visits import VISITS
from aconnect.collect.sink import Checkpoint, Run, Source
from aconnect.collect.sinks import tail as tails
from aconnect.collect.sinks.csv import Csv
from aconnect.collect.sinks.lines import JsonLines, StandardOutput, json_lines
from aconnect.errors import (
    FileError,
    InvalidArgumentError,
    MissingExtraError,
    ResumeError,
)

NAMES = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"]
SOURCE = Source(server="https://connect.example.com/__api__", dataset="visits")
RUN = Run(source=SOURCE, dataset=VISITS)
RESTART = msgspec.structs.replace(RUN, restart=True)
SNAPSHOT = Run(source=SOURCE, dataset=Dataset(name="users", row_type=msgspec.Raw))


def batch(*numbers):
    return Batch(VISITS, [msgspec.Raw(b'{"id":"%d"}' % number) for number in numbers])


def count(number):
    """A checkpoint after so many rows."""
    return Checkpoint(entries={"unit/0": str(number)})


def text_of(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        # An empty file is no gzip file, though Python reads it as one.
        return gzip.decompress(data) if data else pytest.fail("an empty file")
    if path.suffix == ".zst":
        assert data
        zstd = pytest.importorskip(
            "backports.zstd" if sys.version_info < (3, 14) else "compression.zstd"
        )
        return zstd.decompress(data)
    return data


def numbers_of(path):
    return [int(json.loads(line)["id"]) for line in text_of(path).splitlines()]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def written(path, numbers, run=RUN):
    """Write a complete file."""
    sink = JsonLines(path)
    before = int(sink.open(run).get("unit/0", 0))
    sink.commit(count(before))
    sink.write(0, batch(*numbers))
    sink.commit(count(before + len(numbers)))
    return finish(sink)


def finish(sink):
    """End a run as the collector does."""
    try:
        return sink.finish()
    finally:
        sink.close()


VALUES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
DEEP = st.recursive(
    VALUES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@given(
    st.lists(st.dictionaries(st.text(max_size=4), DEEP, max_size=3), max_size=3),
    st.sampled_from([None, 0, 2]),
)
def test_lines(rows, indent):
    """Each row becomes one line with the same value, even if it was received on several lines."""
    texts = [msgspec.json.encode(row) for row in rows]
    if indent is not None:
        texts = [msgspec.json.format(t, indent=indent).replace(b"\n", b"\r\n") for t in texts]
    lines = json_lines([msgspec.Raw(t) for t in texts])
    assert [msgspec.json.decode(line) for line in lines.splitlines()] == rows
    assert b"\r" not in lines


def test_as_received():
    """A row is not changed, whatever it is: no value costs a row."""
    rows = [b'{"a": 1.50, "b":"\\u00e9"}', b"17", b'"\xff"', b'{"a":"\\ud800"}']
    assert json_lines([msgspec.Raw(row) for row in rows]) == b"\n".join(rows) + b"\n"


@pytest.mark.parametrize("name", NAMES)
def test_several_runs(tmp_path, name):
    """A complete file is appended to in place; beside it is only its journal."""
    path = tmp_path / name
    for run in range(3):
        done = written(path, range(run * 10, run * 10 + 10))
        assert done.target == str(path)
        assert done.size == path.stat().st_size
        assert numbers_of(path) == list(range(run * 10 + 10))
    assert left(tmp_path) == [name, f"{name}.aconnect"]


@pytest.mark.parametrize("name", NAMES)
def test_no_rows(tmp_path, name):
    """A run without rows makes a file that can be read."""
    assert written(tmp_path / name, []).size == (tmp_path / name).stat().st_size
    assert text_of(tmp_path / name) == b""


@pytest.mark.parametrize(("name", "command"), [("a.gz", "gzip"), ("a.zst", "zstd")])
@pytest.mark.parametrize("rows", [0, 30])
def test_standard_tools(tmp_path, name, command, rows):
    """The command line tools read a file of several commits."""
    tool = shutil.which(command)
    if tool is None:
        pytest.skip(f"{command} is not installed")
    for start in range(0, rows or 1, 10):
        written(tmp_path / name, range(start, min(start + 10, rows)))
    ran = subprocess.run([tool, "-dc", tmp_path / name], capture_output=True, check=True)  # noqa: S603
    assert [int(json.loads(line)["id"]) for line in ran.stdout.splitlines()] == list(range(rows))


@pytest.mark.parametrize("name", NAMES)
def test_duckdb(tmp_path, name):
    """DuckDB reads all parts of a compressed file."""
    duckdb = pytest.importorskip("duckdb")
    for start in range(0, 30, 10):
        written(tmp_path / name, range(start, start + 10))
    with duckdb.connect() as connection:
        found = connection.read_json(str(tmp_path / name)).fetchall()
    assert len(found) == 30


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 5)),
        st.sampled_from(["commit", "crash", "again", "close", "finish"]).map(lambda s: (s, 0)),
    ),
    max_size=15,
)


@pytest.mark.parametrize("kind", [*NAMES, "a.csv", "a.csv.gz"])
@settings(max_examples=30)
@given(steps=STEPS)
def test_exact(tmp_path_factory, kind, steps):
    """After any writes, commits, crashes and errors, the file has each committed row once."""
    folders = [tmp_path_factory.mktemp("exact")]

    def make():
        path = folders[-1] / kind
        return Csv(path, ["id"]) if ".csv" in kind else JsonLines(path)

    sink = make()
    with ExitStack() as opened:
        opened.callback(sink.close)
        committed = pending = 0
        assert sink.open(RUN) == {}
        for step, size in steps:
            if step == "write":
                sink.write(0, batch(*range(committed + pending, committed + pending + size)))
                pending += size
                continue
            if step == "commit":
                committed, pending = committed + pending, 0
                sink.commit(count(committed))
                continue
            if step == "crash":
                # What is on disk at this moment, without anything that closing it would do.
                folders.append(tmp_path_factory.mktemp("exact"))
                shutil.copytree(folders[-2], folders[-1], dirs_exist_ok=True)
                sink = make()
                opened.callback(sink.close)
            elif step == "close":
                sink.close()
            elif step == "finish":
                sink.finish()
            pending = 0
            assert int(sink.open(RUN).get("unit/0", 0)) == committed
        sink.write(0, batch(-1))  # never committed
        assert sink.finish() == sink.finish()
    text = text_of(folders[-1] / kind).decode().splitlines()
    rows = text[1:] if ".csv" in kind else [json.loads(line)["id"] for line in text]
    assert rows == [str(i) for i in range(committed)]
    assert left(folders[-1]) == [kind, f"{kind}.aconnect"]


WRITER = """
import sys
sys.path[:0] = sys.argv[3:]
from test_lines import JsonLines, RUN, batch, count
sink = JsonLines(sys.argv[1])
done, end = int(sink.open(RUN).get("unit/0", 0)), int(sys.argv[2])
print("opened", flush=True)
sink.commit(count(done))
while done < end:
    for size in (1, 7, 2):
        size = min(size, end - done)
        sink.write(0, batch(*range(done, done + size)))
        done += size
    sink.commit(count(done))
sink.finish()
"""


@pytest.mark.parametrize("name", NAMES)
def test_sigkill(tmp_path, name):
    """A process that is killed at any moment loses no committed row and writes none twice."""
    path, chosen = tmp_path / name, random.Random(name)
    numbers = 0
    for end in (3000, 6000):
        for _ in range(3):
            child = subprocess.Popen(  # noqa: S603  this test's own code
                [sys.executable, "-c", WRITER, path, str(end), Path(__file__).parent, *sys.path],
                stdout=subprocess.PIPE,
            )
            with child:
                assert child.stdout is not None
                assert child.stdout.readline() == b"opened\n"
                time.sleep(chosen.uniform(0, 0.2))
                child.kill()
        sink = JsonLines(path)
        numbers = int(sink.open(RUN).get("unit/0", 0))
        sink.write(0, batch(*range(numbers, end)))
        sink.commit(count(end))
        finish(sink)
        assert numbers_of(path) == list(range(end))


@contextmanager
def full_disk(size):
    """Let no file grow beyond a size, as a full disk would."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 100, 5_000, 17_000, 40_000])
def test_full_disk(tmp_path, name, size):
    """If the disk is full, what was committed is kept, and writing resumes behind it."""
    path, done = tmp_path / name, 0
    noise = random.Random(size)
    sink = JsonLines(path)
    sink.open(RUN)
    with full_disk(size), pytest.raises(FileError, match="cannot write"):  # noqa: PT012
        while True:
            # Ids that do not compress.
            sink.write(0, batch(*(noise.getrandbits(60) for _ in range(100))))
            sink.commit(count(done + 100))
            done += 100
    if done:
        with full_disk(size):
            assert sink.open(RUN) == {"unit/0": str(done)}
    done = int(sink.open(RUN).get("unit/0", 0))
    sink.write(0, batch(-1))
    sink.commit(count(done + 1))
    finish(sink)
    numbers = numbers_of(path)
    assert (len(numbers), numbers[-1]) == (done + 1, -1)


def test_fsync_fails(tmp_path, monkeypatch):
    """Rows that could not be made durable are not committed."""
    path = tmp_path / "a"
    sink = JsonLines(path)
    sink.open(RUN)
    sink.write(0, batch(1))
    sink.commit(count(1))
    sink.write(0, batch(2))

    def fail(_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(FileError, match=r"cannot write .*a': Input/output error"):
            sink.commit(count(2))
    assert sink.open(RUN) == {"unit/0": "1"}
    sink.write(0, batch(3))
    sink.commit(count(2))
    finish(sink)
    assert numbers_of(path) == [1, 3]


def test_commit_not_seen(tmp_path, monkeypatch):
    """A commit that was made, but failed afterwards, is found when the sink is opened again."""
    sink = JsonLines(tmp_path / "a")
    sink.open(RUN)
    sink.write(0, batch(1))
    journal = sink._journal
    assert journal is not None
    commit = journal.commit

    def unseen(*args):
        commit(*args)
        raise FileError("lost")

    monkeypatch.setattr(journal, "commit", unseen)
    with pytest.raises(FileError, match="lost"):
        sink.commit(count(1))
    assert sink.open(RUN) == {"unit/0": "1"}
    finish(sink)
    assert numbers_of(tmp_path / "a") == [1]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("run", [RUN, RESTART])
def test_killed_while_publishing(tmp_path, monkeypatch, moment, run):
    """A run that is killed just before or after the rename is completed by the next one."""
    path = tmp_path / "a"
    if run is RESTART:
        path.write_text("mine")
    sink = JsonLines(path)
    sink.open(run)
    sink.write(0, batch(1))
    sink.commit(count(1))
    replace = Path.replace

    def interrupted(self, target):
        if moment == "after":
            replace(self, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            finish(sink)
    sink.close()
    again = JsonLines(path)
    assert again.open(RUN) == {"unit/0": "1"}
    finish(again)
    assert numbers_of(path) == [1]
    written(path, [2])
    assert numbers_of(path) == [1, 2]
    assert left(tmp_path) == ["a", "a.aconnect"]


def test_exists(tmp_path):
    """A file without a journal is refused; `restart` replaces it, when the new one is complete."""
    path = tmp_path / "a"
    path.write_text("mine")
    with pytest.raises(InvalidArgumentError, match=r"exists already.*restart=True"):
        JsonLines(path).open(RUN)
    assert left(tmp_path) == ["a"]
    sink = JsonLines(path)
    assert sink.open(RESTART) == {}
    sink.write(0, batch(1))
    sink.commit(count(1))
    assert path.read_text() == "mine"
    # After an error, the same run continues; so does a later one.
    assert sink.open(RESTART) == {"unit/0": "1"}
    sink.close()
    assert sink.open(RUN) == {"unit/0": "1"}
    finish(sink)
    assert numbers_of(path) == [1]


@pytest.mark.parametrize("committed", [True, False])
def test_restart(tmp_path, committed):
    """A restart keeps the complete file until its own is; a run after it resumes the new one."""
    path = tmp_path / "a"
    written(path, range(10))
    sink = JsonLines(path)
    assert sink.open(RESTART) == {}
    if committed:
        sink.write(0, batch(20))
        sink.commit(count(1))
    sink.close()
    assert numbers_of(path) == list(range(10))
    entries = sink.open(RUN)
    assert entries == ({"unit/0": "1"} if committed else {})
    sink.write(0, batch(21))
    sink.commit(count(2))
    finish(sink)
    assert numbers_of(path) == ([20, 21] if committed else [21])
    assert left(tmp_path) == ["a", "a.aconnect"]


def test_restart_twice(tmp_path):
    """Each run with `restart` begins anew, with the same object too."""
    sink = JsonLines(tmp_path / "a")
    for number in range(3):
        assert sink.open(RESTART) == {}
        sink.write(0, batch(number))
        sink.commit(count(1))
        finish(sink)
        assert numbers_of(tmp_path / "a") == [number]


def test_snapshot(tmp_path):
    """A snapshot replaces the file of the last run when it is complete, and not before."""
    path = tmp_path / "users.jsonl"
    written(path, [1, 2], SNAPSHOT)
    sink = JsonLines(path)
    assert sink.open(SNAPSHOT) == {"unit/0": "2"}
    sink.close()
    assert left(tmp_path) == ["users.jsonl", "users.jsonl.aconnect"]
    # Without a commit, there is nothing to publish.
    sink.open(SNAPSHOT)
    assert finish(sink).size == path.stat().st_size
    assert numbers_of(path) == [1, 2]
    sink.open(SNAPSHOT)
    sink.commit(count(0))
    sink.write(0, batch(3))
    sink.commit(count(1))
    assert numbers_of(path) == [1, 2]
    sink.close()
    assert sink.open(SNAPSHOT) == {"unit/0": "1"}
    finish(sink)
    assert numbers_of(path) == [3]
    assert left(tmp_path) == ["users.jsonl", "users.jsonl.aconnect"]


@pytest.mark.parametrize("run", [RUN, SNAPSHOT])
def test_run_after_finish(tmp_path, run):
    """After a run is finished, the next one can follow without opening the sink again."""
    path = tmp_path / "a.jsonl"
    sink = JsonLines(path)
    sink.open(run)
    for number in range(3):
        sink.commit(count(0))
        sink.write(0, batch(number))
        sink.commit(count(1))
        assert sink.finish() == sink.finish()
        expected = [number] if run is SNAPSHOT else list(range(number + 1))
        assert numbers_of(path) == expected
        with pytest.raises(InvalidArgumentError, match="another process"):
            JsonLines(path).open(run)
    sink.close()
    assert left(tmp_path) == ["a.jsonl", "a.jsonl.aconnect"]


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: os.truncate(path, 20), "has 20 bytes"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "has other content"),
        (lambda path: path.write_bytes(path.read_bytes() + b"mine"), "has 114 bytes"),
    ],
)
def test_changed(tmp_path, complete, change, message):
    """A file that is not what was committed is refused and kept; `restart` replaces it."""
    path = tmp_path / "a"
    if complete:
        written(path, range(10))
    else:
        sink = JsonLines(path)
        sink.open(RUN)
        sink.write(0, batch(*range(10)))
        sink.commit(count(10))
        sink.close()
    changed = path if complete else tmp_path / "a.part"
    change(changed)
    if "114" in message and not complete:
        return  # only what a crash leaves as well
    before = changed.exists() and changed.read_bytes()
    with pytest.raises(ResumeError, match=rf"{message}.*110 bytes.*restart=True"):
        JsonLines(path).open(RUN)
    assert (changed.exists() and changed.read_bytes()) == before
    written(path, [1], RESTART)
    assert numbers_of(path) == [1]


def test_another_source(tmp_path):
    """Rows of another source are refused, and the file is kept."""
    path = tmp_path / "a"
    written(path, [1])
    other = Run(source=Source(server="https://b", dataset="visits"), dataset=VISITS)
    with pytest.raises(ResumeError, match=r"server 'https://connect.*', not 'https://b'"):
        JsonLines(path).open(other)
    written(path, [2])
    assert numbers_of(path) == [1, 2]
    written(path, [3], msgspec.structs.replace(other, restart=True))
    assert numbers_of(path) == [3]


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("step", ["commit", "finish"])
def test_replaced_meanwhile(tmp_path, existing, step):
    """A file that was removed and started again elsewhere is left alone."""
    path = tmp_path / "a"
    if existing:
        written(path, [0])
    sink = JsonLines(path)
    sink.open(RUN)
    sink.commit(count(0))
    sink.write(0, batch(1))
    changed = path if existing else tmp_path / "a.part"
    changed.unlink()
    with pytest.raises(FileError, match="removed or replaced"):
        sink.commit(count(1))
    changed.write_text("other")
    with pytest.raises(FileError, match="removed or replaced"):
        sink.commit(count(1)) if step == "commit" else finish(sink)
    sink.close()
    assert changed.read_text() == "other"


def test_created_meanwhile(tmp_path):
    """A file that somebody else creates during the run is kept, and so are the rows."""
    path = tmp_path / "a"
    sink = JsonLines(path)
    sink.open(RUN)
    sink.write(0, batch(1))
    sink.commit(count(1))
    path.write_text("other")
    with pytest.raises(InvalidArgumentError, match="exists already"):
        finish(sink)
    with pytest.raises(InvalidArgumentError, match="exists already"):
        sink.open(RUN)
    assert path.read_text() == "other"
    path.unlink()
    assert sink.open(RUN) == {"unit/0": "1"}
    finish(sink)
    assert numbers_of(path) == [1]


def test_two_writers(tmp_path):
    """While a sink is open, the file cannot be opened again."""
    first, second = JsonLines(tmp_path / "a"), JsonLines(tmp_path / "a")
    first.open(RUN)
    for run in (RUN, RESTART):
        with pytest.raises(InvalidArgumentError, match="another process"):
            second.open(run)
    first.write(0, batch(1))
    first.commit(count(1))
    finish(first)
    assert second.open(RUN) == {"unit/0": "1"}
    second.close()


def test_nothing_committed(tmp_path):
    """A run that ends before its first commit leaves nothing behind."""
    sink = JsonLines(tmp_path / "a")
    sink.open(RUN)
    sink.write(0, batch(1))
    sink.close()
    assert left(tmp_path) == []


def test_lost_journal(tmp_path):
    """A partial file without its journal is replaced."""
    sink = JsonLines(tmp_path / "a")
    sink.open(RUN)
    sink.write(0, batch(1))
    sink.commit(count(1))
    sink.close()
    (tmp_path / "a.aconnect").unlink()
    written(tmp_path / "a", [2])
    assert numbers_of(tmp_path / "a") == [2]


@pytest.mark.parametrize("name", ["x" * 245, "x" * 300, "a\0b", "absent/a", "file/a", "folder"])
@pytest.mark.parametrize("run", [RUN, RESTART])
def test_impossible_names(tmp_path, name, run):
    """A name that the file system refuses is a typed error, and leaves nothing behind."""
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidArgumentError, match="cannot write"):
        JsonLines(tmp_path / name).open(run)
    assert left(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_no_name(path):
    """A folder is no file."""
    with pytest.raises(InvalidArgumentError, match="it is a folder"):
        JsonLines(path)


def test_closed_from_another_thread(tmp_path, monkeypatch):
    """Closing waits for a write in progress; what comes later is refused and writes nothing."""
    sink = JsonLines(tmp_path / "a")
    sink.open(RUN)
    sink.write(0, batch(1))
    sink.commit(count(1))
    entered, go_on = threading.Event(), threading.Event()
    append = tails.Tail.append

    def slow(self, data):
        entered.set()
        assert go_on.wait(10)
        append(self, data)

    monkeypatch.setattr(tails.Tail, "append", slow)
    writer = threading.Thread(target=sink.write, args=(0, batch(2)))
    closer = threading.Thread(target=sink.close)
    writer.start()
    assert entered.wait(10)
    closer.start()
    go_on.set()
    writer.join()
    closer.join()
    for late in (lambda: sink.write(0, batch(3)), lambda: sink.commit(count(2)), sink.finish):
        with pytest.raises(FileError, match="is not open"):
            late()
    sink.close()
    assert sink.open(RUN) == {"unit/0": "1"}
    finish(sink)
    assert numbers_of(tmp_path / "a") == [1]


def test_missing_extra(monkeypatch):
    """Without Zstandard, the error names the extra, before anything is fetched."""

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'aconnect\[zstd\]'"):
        JsonLines("visits.jsonl.zst")


def test_standard_output():
    """Rows go to a stream as lines; nothing is remembered, and the stream stays open."""
    stream = io.BytesIO()
    sink = StandardOutput(stream)
    assert sink.open(RUN) == {}
    sink.commit(count(0))
    sink.write(0, batch(1, 2))
    sink.commit(count(2))
    assert sink.finish().target == "-"
    assert stream.getvalue() == b'{"id":"1"}\n{"id":"2"}\n'


def test_terminal():
    """A terminal gets no control characters, and the value stays the same."""
    stream = io.BytesIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    row = '{"id":"\x9b2J"}'
    StandardOutput(stream).write(0, Batch(VISITS, [msgspec.Raw(row.encode())]))
    assert stream.getvalue() == b'{"id":"\\u009b2J"}\n'


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no pipes as on Unix")
def test_closed_pipe():
    """If the reader of a pipe has gone, the error is Python's own, and the run cannot go on."""
    read, write = os.pipe()
    os.close(read)
    with FileIO(write, "w") as stream:
        sink = StandardOutput(stream)
        sink.open(RUN)
        with pytest.raises(BrokenPipeError):
            sink.write(0, batch(1))
        # Rows that were written cannot be taken back.
        with pytest.raises(BrokenPipeError):
            sink.open(RUN)
