"""`aconnect collect --servers`: several servers at once, and a report of each."""

import json
from collections.abc import AsyncIterator

import pytest

from aconnect.testing import FakeConnect, Seed


@pytest.fixture
async def other() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(visits=30, hits=20, content=2)) as running:
        yield running


@pytest.fixture
def servers(server, other, shell):
    """A file of two servers, and of one that is not there."""
    path = shell.folder / "servers.toml"
    path.write_text(
        f"""
        [servers.prod]
        address = "{server.url}"
        api_key_env = "PROD_KEY"
        in_flight = 4

        [servers.test]
        address = "{other.url}"
        api_key_env = "TEST_KEY"
        datasets = ["hits", "users"]

        [servers.gone]
        address = "http://127.0.0.1:1"
        api_key_env = "PROD_KEY"
        """
    )
    shell.settings = {"PROD_KEY": server.api_key, "TEST_KEY": other.api_key, "CONNECT_SERVER": ""}
    return path


async def test_one_fails(shell, servers, monkeypatch):
    """One server that fails does not stop the others, is named, and makes the exit code 1."""
    monkeypatch.chdir(shell.folder)
    result = await shell("collect", "visits", "--servers", str(servers), "--out", "usage")
    assert result.exit_code == 1
    assert sorted(result.stdout.splitlines()) == [
        "usage/server=prod/visits.jsonl",
        "usage/server=test/hits.jsonl",
        "usage/server=test/users.jsonl",
    ]
    assert "prod visits: 2,200 rows, " in result.stderr
    assert "test hits: 20 rows, " in result.stderr
    assert "gone: Error: " in result.stderr
    assert result.stderr.endswith("Error: 1 of 3 servers failed: gone\n")


async def test_json(shell, servers):
    """`--json` prints a report of each server, with the error of those that failed."""
    result = await shell("collect", "visits", "--servers", str(servers), "--json")
    assert result.exit_code == 1
    reports = {each["alias"]: each for each in json.loads(result.stdout)}
    assert reports["prod"]["error"] is None
    assert [each["rows"] for each in reports["prod"]["reports"]] == [2200]
    assert [each["dataset"] for each in reports["test"]["reports"]] == ["hits", "users"]
    assert reports["gone"]["reports"] == []
    assert "could not connect" in reports["gone"]["error"]


async def test_no_key_is_printed(shell, server, other, servers):
    """No key of any server is printed, wherever a server repeats it."""
    for each in (server, other):
        next(iter(each.state.content.values()))["title"] = each.api_key
    result = await shell("collect", "content", "--servers", str(servers), "--verbose")
    assert server.api_key not in result.output
    assert other.api_key not in result.output


async def test_all_succeed(shell, servers):
    """The exit code is 0 if all servers succeed; a second run goes on."""
    text = servers.read_text()
    servers.write_text(text[: text.index("[servers.gone]")])
    for _ in range(2):
        result = await shell("collect", "visits", "--servers", str(servers), "--since-last")
        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("api_key_env =", "api_key ="), "contains api_key; keys are never read from this file"),
        (('datasets = ["hits", "users"]', "datasets = ['hit']"), "did you mean 'hits'"),
        (("in_flight = 4", "in_flihgt = 4"), "in_flihgt"),
        (("[servers.test]", "[servers.'a/b']"), "no alias"),
        (("[servers.prod]", "[server.prod]"), "tables [servers.ALIAS], not server"),
        (("[servers.prod]", "[servers.prod"), "not valid TOML"),
    ],
)
async def test_wrong_files(shell, server, servers, change, words):
    """A mistake in the file is named, with what would be right, before anything is fetched."""
    servers.write_text(servers.read_text().replace(*change))
    result = await shell("collect", "visits", "--servers", str(servers))
    assert (result.exit_code, words in result.stderr) == (2, True), result.stderr
    assert "PROD_KEY" not in result.stderr
    assert server.requests == []


async def test_one_output(shell, server, servers):
    """Several servers need a folder."""
    for out in ("a.jsonl", "a.duckdb", "-", "postgresql://user:secret@127.0.0.1:1/x"):
        result = await shell("collect", "visits", "--servers", str(servers), "--out", out)
        assert (result.exit_code, "need a folder" in result.stderr) == (2, True)
        assert "secret" not in result.stderr
    assert server.requests == []


async def test_no_dataset(shell, servers):
    """A server without datasets of its own needs those of the command."""
    result = await shell("collect", "--servers", str(servers))
    assert (result.exit_code, "no dataset for server prod" in result.stderr) == (2, True)
