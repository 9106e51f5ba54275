"""Several servers at once: their declaration, their keys, and that they do not depend on others."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import ModuleType

import pytest
import trustme

from aconnect import Client
from aconnect.collect.fleet import Fleet, Server
from aconnect.errors import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidArgumentError,
    MissingExtraError,
)
from aconnect.testing import ConcurrencyLimit, FakeConnect, Seed, VirtualClock

ADDRESS = "https://connect.example.com"


@pytest.fixture
async def servers(monkeypatch) -> AsyncIterator[dict[str, FakeConnect]]:
    async with AsyncExitStack() as stack:
        running = {}
        for i, alias in enumerate(("prod", "test")):
            server = FakeConnect(Seed(visits=100 * (i + 1), hits=20, content=2, old_rows=0))
            running[alias] = await stack.enter_async_context(server)
            monkeypatch.setenv(f"{alias.upper()}_KEY", server.api_key)
        yield running


def fleet_of(servers, **more):
    return Fleet(
        [
            *(
                Server(alias=alias, address=server.url, api_key_env=f"{alias.upper()}_KEY")
                for alias, server in servers.items()
            ),
            *(Server(alias=alias, **fields) for alias, fields in more.items()),
        ]
    )


def client_of(server):
    return server.client(clock=VirtualClock())


async def test_reports(servers, tmp_path):
    """The rows of each server are in its folder, and each has a report when it ends."""
    reports = {}
    async for report in fleet_of(servers).collect(["visits", "users"], tmp_path):
        reports[report.alias] = report
    for alias, rows in (("prod", 100), ("test", 200)):
        report = reports[alias]
        assert report.error is None
        assert [each.rows for each in report.reports][:1] == [rows]
        path = tmp_path / f"server={alias}" / "visits.jsonl"
        assert path.read_bytes().count(b"\n") == rows


async def test_parquet(servers, tmp_path):
    """Readers of a folder of Parquet files get the alias as a column."""
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    await fleet_of(servers).collect(["visits"], tmp_path, format="parquet")
    files = f"{tmp_path}/*/visits/*/*.parquet"
    query = f"SELECT server, count(*) FROM read_parquet('{files}') GROUP BY 1 ORDER BY 1"  # noqa: S608
    assert duckdb.execute(query).fetchall() == [("prod", 100), ("test", 200)]


async def test_one_fails(servers, tmp_path):
    """A server that fails has its error in its report, and the others are complete."""
    gone = {"address": "http://127.0.0.1:1", "api_key_env": "PROD_KEY"}
    no_key = {"address": servers["prod"].url, "api_key_env": "NO_SUCH_KEY"}
    fleet = fleet_of(servers, gone=gone, no_key=no_key)
    reports = {r.alias: r for r in await fleet.collect(["visits"], tmp_path, client=client_of)}
    assert isinstance(reports["gone"].error, ConnectionFailedError)
    assert isinstance(reports["no_key"].error, InvalidArgumentError)
    assert "NO_SUCH_KEY, which is not set" in str(reports["no_key"].error)
    assert [reports[alias].reports[0].rows for alias in ("prod", "test")] == [100, 200]


async def test_a_refused_key(servers, tmp_path, monkeypatch):
    """A key that is refused is the error of its server."""
    monkeypatch.setenv("TEST_KEY", "wrong-key-0123456789")
    reports = {r.alias: r for r in await fleet_of(servers).collect(["visits"], tmp_path)}
    assert isinstance(reports["test"].error, AuthenticationError)
    assert reports["prod"].error is None


async def test_its_own_datasets_and_limits(servers, tmp_path, monkeypatch):
    """A server has its own datasets and limits; those of the call are for the others."""
    limit = ConcurrencyLimit(1)
    async with FakeConnect(Seed(visits=5000, hits=20), concurrency_limit=limit) as busy:
        own = Server(
            alias="own",
            address=busy.url,
            api_key_env="OWN_KEY",
            datasets=("audit-logs", "visits"),
            in_flight=1,
        )
        fleet = Fleet([own, *fleet_of({"prod": servers["prod"]}).servers])
        monkeypatch.setenv("OWN_KEY", busy.api_key)
        reports = {r.alias: r for r in await fleet.collect(["hits"], tmp_path, in_flight=9)}
    assert [each.dataset for each in reports["prod"].reports] == ["hits"]
    assert [each.dataset for each in reports["own"].reports] == ["audit_logs", "visits"]
    # It answers one request at a time, and was never asked for two.
    assert [each.pushbacks for each in reports["own"].reports] == [0, 0]


async def test_progress(servers, tmp_path):
    """Progress says of which server it is."""
    seen = set()
    await fleet_of(servers).collect(
        ["visits"], tmp_path, on_progress=lambda server, p: seen.add((server.alias, p.dataset))
    )
    assert seen == {("prod", "visits"), ("test", "visits")}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"datasets": ["vists"]}, "did you mean 'visits'"),
        ({"output": "a.jsonl"}, "need a folder"),
        ({"format": "xml"}, "no format 'xml'"),
        ({"in_flight": 0}, "in_flight=0"),
        ({"datasets": ["users"], "content_guid": ["x"]}, "cannot be filtered"),
    ],
)
def test_wrong_arguments(call, words, tmp_path):
    """A wrong argument is refused at once."""
    fleet = Fleet([Server(alias="a", address=ADDRESS, api_key_env="A")])
    with pytest.raises(InvalidArgumentError, match=words):
        fleet.collect(**{"datasets": ["visits"], "output": tmp_path} | call)


FILE = """
[servers.prod]
address = "https://connect.example.com"
api_key_env = "PROD_KEY"
in_flight = 8
max_rate = 20
cacert = "ca.pem"
proxy = "http://proxy.example.com:3128"
datasets = ["visits", "audit-logs"]

[servers.test-2]
address = "https://test.example.com"
keyring = true
"""


def test_a_file(tmp_path, monkeypatch):
    """A file says everything about its servers but their keys; its paths are beside it."""
    (tmp_path / "servers.toml").write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    (tmp_path / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    prod, test = Fleet.read(tmp_path / "servers.toml").servers
    assert (prod.alias, prod.in_flight, prod.max_rate) == ("prod", 8, 20.0)
    assert prod.datasets == ("visits", "audit-logs")
    assert test.datasets is None
    monkeypatch.setenv("PROD_KEY", "secret-of-prod\n")
    assert prod.key() == "secret-of-prod"
    assert isinstance(prod.client(), Client)
    assert "secret-of-prod" not in repr(prod)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"must contain tables \[servers.ALIAS\]"),
        ("servers = 5", r"must contain tables \[servers.ALIAS\]"),
        ("[servers]\na = 5", "is not a table"),
        ("[other]\na = 5", "not other"),
        ("[servers.a", "is not valid TOML"),
        ("[servers.a]\napi_key_env = 'A'", "address"),
        ("[servers.a]\naddress = 'x'", "set either api_key_env"),
        ("[servers.a]\naddress = 'x'\napi_key_env = 'A'\nkeyring = true", "set either api_key_env"),
        ("[servers.a]\naddress = 'x'\napi_key_env = 'A'\nfoo = 1", "unknown field `foo`"),
        ("[servers.a]\naddress = 'x'\napi_key_env = 'A'\nin_flight = '5'", "in_flight"),
        (
            "[servers.a]\naddress = 'x'\napi_key_env = 'A'\ndatasets = ['hit']",
            "did you mean 'hits'",
        ),
        ("[servers.'a b']\naddress = 'x'\napi_key_env = 'A'", "no alias"),
        ("[servers.a]\naddress = 'x'\napi_key = 'S3CRET'", "keys are never read from this file"),
        ("[servers.a]\naddress = 'x'\ntoken = 'S3CRET'", "contains token"),
        ("[servers.a]\naddress = 'x'\npassword = 'S3CRET", "not valid TOML"),
    ],
)
def test_wrong_files(tmp_path, text, words):
    """A file that is wrong, or has a key, is refused with what to do, and without the key."""
    path = tmp_path / "servers.toml"
    path.write_text(text)
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        Fleet.read(path)
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_unreadable(tmp_path):
    """A file that cannot be read, or is no text, is named."""
    for name, data in (("absent", None), ("binary", b"\xff\xfe\x00")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidArgumentError, match=name):
            Fleet.read(tmp_path / name)


def keyring(monkeypatch, keys):
    """Replace the package keyring."""
    module = ModuleType("keyring")
    module.get_password = lambda service, user: keys.get((service, user))  # type: ignore[attr-defined]
    errors = ModuleType("keyring.errors")
    errors.KeyringError = OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_keyring(monkeypatch):
    """The key is the one that `aconnect login` has saved for this alias and this address."""
    server = Server(alias="prod", address=ADDRESS, keyring=True)
    keyring(monkeypatch, {("aconnect", f"prod {ADDRESS}"): "secret"})
    assert server.key() == "secret"
    elsewhere = Server(alias="prod", address="https://evil.example.com", keyring=True)
    with pytest.raises(InvalidArgumentError, match="aconnect login prod --server https://evil"):
        elsewhere.key()
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"aconnect\[keyring\]"):
        server.key()
