"""Snapshots in files."""

import pytest
from hypothesis import given

from aconnect.errors import InvalidArgumentError
from aconnect.migrate.snapshots.model import Snapshot
from aconnect.migrate.snapshots.reading import read_server
from aconnect.migrate.snapshots.saving import _read, _write, load_snapshot, save_snapshot
from tests.migrate.conftest import SECRETS
from tests.migrate.snapshots.samples import ME, TIME, servers


async def test_a_saved_server_has_no_secrets(client, server, furnished, tmp_path):
    """A file has everything that was read, and no secret of the server."""
    snapshot = await read_server(client, details=True, members=True)
    path = await save_snapshot(snapshot, tmp_path / "server.json")
    assert await load_snapshot(path) == snapshot
    text = path.read_text()
    assert furnished in text
    for secret in (*SECRETS, *server.state.keys):
        assert secret not in text
    assert [one.name for one in tmp_path.iterdir()] == ["server.json"]


@given(snapshot=servers)
def test_any_snapshot_is_read_back(tmp_path_factory, snapshot):
    """What is read from a file is what was written."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    assert _read(_write(snapshot, path)) == snapshot


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a snapshot"),
        (b"\x1f\x8b\xff", "not a snapshot"),
        (b"[1]", "not a snapshot"),
        (b'{"a": 1}', "aconnect_snapshot"),
        (b'{"aconnect_snapshot": 2}', "another version"),
        (b'{"aconnect_snapshot": 1, "server": {"url": 3}}', "damaged"),
    ],
    ids=["empty", "binary", "array", "other", "later", "damaged"],
)
async def test_files_that_are_refused(tmp_path, data, words):
    """A file that is not a snapshot is refused, with its name and the reason."""
    path = tmp_path / "server.json"
    path.write_bytes(data)
    with pytest.raises(InvalidArgumentError, match=r"server\.json") as refused:
        await load_snapshot(path)
    assert words in str(refused.value)


async def test_a_cut_file_is_refused(tmp_path):
    """Every beginning of a file is refused."""
    path = await save_snapshot(Snapshot(url="https://a", taken=TIME, me=ME), tmp_path / "a.json")
    data = path.read_bytes()
    for end in range(0, len(data) - 1, 7):
        path.write_bytes(data[:end])
        with pytest.raises(InvalidArgumentError):
            await load_snapshot(path)


async def test_paths_that_are_refused(tmp_path):
    """A file that cannot be read, or written, is named."""
    with pytest.raises(InvalidArgumentError, match="No such file"):
        await load_snapshot(tmp_path / "none.json")
    with pytest.raises(InvalidArgumentError, match="cannot write"):
        await save_snapshot(Snapshot(url="https://a", taken=TIME, me=ME), tmp_path)
