"""Finished files: atomic in a folder, one PUT in an object store."""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest

from aconnect.collect import publishing
from aconnect.collect.publishing import ObjectStore, fsync_folder, open_destination, publish
from aconnect.collect.sink import Period
from aconnect.collect.sinks.parquet import Parquet
from aconnect.errors import FileError, InvalidArgumentError, MissingExtraError, ResumeError
from tests.collect.parquet_rows import DAY, T0, batch, checkpoint, run_of, visit

NOON = T0 + DAY // 2


def test_publish_replaces_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name goes to the new file in one step, and the folder is synced after it."""
    staged, target = tmp_path / "new", tmp_path / "file"
    staged.write_text("new")
    target.write_text("old")
    synced: list[str] = []
    monkeypatch.setattr(publishing, "fsync_folder", lambda _: synced.append(target.read_text()))
    publish(staged, target)
    assert (target.read_text(), staged.exists(), synced) == ("new", False, ["new"])
    monkeypatch.undo()
    fsync_folder(tmp_path)


def test_a_local_folder(tmp_path: Path) -> None:
    """Files can be listed, published, fetched and removed; folders come and go with them."""
    folder = open_destination(tmp_path / "out")
    assert folder.find("visits") == []
    assert folder.size("visits/a/b") is None
    for name in ("visits/a/b", "visits/c/b", "other"):
        staged = tmp_path / "staged"
        staged.write_text(name)
        folder.publish(staged, name)
    assert sorted(folder.find("visits")) == ["visits/a/b", "visits/c/b"]
    assert folder.find("other") == ["other"]
    assert folder.size("other") == 5
    assert folder.fetch("other", tmp_path / "copy") == tmp_path / "out/other"
    assert folder.fetch("another", tmp_path / "copy") is None
    for name in ("visits/a/b", "visits/a/b", "visits/c/b"):
        folder.remove(name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["other"]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A store in memory, and a home for its journal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    files = fsspec.filesystem("memory")
    yield "memory://bucket/usage"
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A bucket of an S3-compatible server on this machine."""
    reason = "needs moto and s3fs, and nothing else that is missing here"
    if not os.environ.get("CI"):
        pytest.importorskip("moto.server", reason=reason)
        pytest.importorskip("s3fs", reason=reason)
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    files = fsspec.filesystem("s3")
    files.mkdir("bucket")
    yield "s3://bucket/usage"
    S3FileSystem.close_session(files.loop, files.s3)
    S3FileSystem.clear_instance_cache()
    server.stop()


def rows_at(url: str) -> Counter[tuple[str, str]]:
    files, root = fsspec.core.url_to_fs(url)
    files.invalidate_cache()
    found: Counter[tuple[str, str]] = Counter()
    for path in files.find(root):
        assert path.endswith("/visits.parquet")
        with files.open(path, "rb") as file:
            for name in pq.read_table(file, columns=["id"])["id"].to_pylist():
                found[path.split("/")[-2], name] += 1
    return found


def first_run(sink: Parquet) -> None:
    sink.open(run_of())
    sink.commit(checkpoint(Period(), at="0"))
    sink.write(0, batch([visit("a", T0), visit("b", NOON), visit("c", T0 + DAY)]))
    sink.commit(checkpoint(Period(), at="1"))
    sink.finish()
    sink.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("store", ["memory", "s3"])
def test_parquet_in_an_object_store(
    store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs, overlaps and lost responses come out as in a folder."""
    url: str = request.getfixturevalue(store)
    sink = Parquet(url)
    first_run(sink)
    first = {("date=2025-03-02", "a"), ("date=2025-03-02", "b"), ("date=2025-03-03", "c")}
    assert rows_at(url) == Counter(first)

    period = Period(NOON, T0 + 2 * DAY)
    sink.open(run_of())
    sink.commit(checkpoint(period, at="2"))
    sink.write(0, batch([visit("d", NOON)]))
    sink.commit(checkpoint(period, at="3"))
    sink.close()
    assert rows_at(url) == Counter(first)

    def lost(*arguments: Any) -> None:
        put(*arguments)
        raise FileError("the response was lost")

    put = ObjectStore.publish
    sink = Parquet(url)
    assert sink.open(run_of()) == {"at": "3"}
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "publish", lost)
        with pytest.raises(FileError, match="lost"):
            sink.finish()
    assert sink.open(run_of()) == {"at": "3"}
    written = sink.finish()
    sink.close()
    assert rows_at(url) == Counter([("date=2025-03-02", "a"), ("date=2025-03-02", "d")])
    assert (written.target, written.files) == (f"{url}/visits", 1)


def test_the_journal_of_a_url_is_local(memory: str, tmp_path: Path) -> None:
    """It is in the user's folder, or where `state` says; without it, files are refused."""
    first_run(Parquet(memory))
    (journal,) = [path for path in (tmp_path / "state/aconnect").rglob("*") if path.is_file()]
    assert journal.name == "visits.aconnect"
    assert not [path for path in fsspec.filesystem("memory").find("/") if "parquet" not in path]
    other = Parquet(memory, state=tmp_path / "other")
    with pytest.raises(ResumeError, match="no journal"):
        other.open(run_of())
    same = Parquet(f"{memory}/", state=journal.parent)
    assert same.open(run_of()) == {"at": "1"}
    same.close()


def test_errors_of_a_store(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are FileErrors whatever the file system raises, and lose nothing."""

    class StoreError(Exception):
        """An error that only one store knows."""

    def refused(*_: Any, **__: Any) -> None:
        raise StoreError("quota exceeded")

    sink = Parquet(memory)
    with monkeypatch.context() as patch:
        patch.setattr(type(fsspec.filesystem("memory")), "put_file", refused)
        with pytest.raises(FileError, match=r"memory://bucket/usage/visits.*quota exceeded"):
            first_run(sink)
    assert sink.open(run_of()) == {"at": "1"}
    sink.finish()
    sink.close()
    assert sum(rows_at(memory).values()) == 3


def test_destinations_that_cannot_be(tmp_path: Path) -> None:
    """An unknown protocol, or a folder for the journal of a folder, is refused by name."""
    with pytest.raises(InvalidArgumentError, match="nowhere"):
        open_destination("nowhere://bucket")
    with pytest.raises(InvalidArgumentError, match="state="):
        open_destination(tmp_path, tmp_path)
    with pytest.raises(MissingExtraError, match="another package"):
        open_destination("gdrive://x")


def test_a_file_url_is_a_folder(tmp_path: Path) -> None:
    """It has the journal beside the files, as a path does."""
    assert open_destination(f"file://{tmp_path}/x").state == tmp_path / "x"


@pytest.mark.parametrize("url", ["memory://user:secret@bucket/usage", "s4://AK:se/cret@bucket/x"])
def test_credentials_are_refused(url: str) -> None:
    """Credentials in a URL, which is written down, are refused and not quoted."""
    with pytest.raises(InvalidArgumentError, match="contains credentials") as error:
        open_destination(url)
    assert "AK" not in str(error.value)
    assert "user" not in str(error.value)


def test_fsync_fails_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be made durable is not taken for durable."""

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    sink = Parquet(tmp_path)
    sink.open(run_of())
    sink.write(0, batch([visit("a", T0)]))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(FileError, match="Input/output error"):
            sink.commit(checkpoint(Period(), at="1"))
    assert sink.open(run_of()) == {}
    sink.close()
