"""`aconnect call`: calling any operation from the command line."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from aconnect._client.operation import REGISTRY
from aconnect.cli.app import app
from aconnect.cli.call import call as command
from aconnect.testing import FakeCloudEndure, FakeLooker, faults
from aconnect.testing.connect.routes.content.bundles import small_archive


async def test_a_call_prints_the_answer_as_json(shell) -> None:
    """The response is printed as JSON on standard output."""
    guid = next(iter(shell.server.state.users))
    result = await shell("call", "users.get", guid)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["guid"] == guid


async def test_rows_are_lines(shell) -> None:
    """The items of all pages are printed one per line, as received."""
    result = await shell("call", "instrumentation.visits", "--from", "2025-01-01T00:00:00Z")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 2200
    assert rows[0]["time"] == "2025-01-01T00:00:00Z"


async def test_json_as_it_came(shell) -> None:
    """`--json` prints the response as received, including unknown fields."""
    guid = next(iter(shell.server.state.content))
    shell.server.state.content[guid]["field_from_2030"] = 1
    result = await shell("call", "content.get", guid, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["field_from_2030"] == 1


@pytest.mark.parametrize(("prefix", "least"), [("", 5), ("nobody has this name", 0)])
async def test_rows_as_one_document(shell, prefix: str, least: int) -> None:
    """With `--json`, the items of all pages are one array, which may be empty."""
    result = await shell("call", "users.find", "--json", "--prefix", prefix)
    rows = json.loads(result.stdout)
    assert len(rows) >= least
    assert bool(rows) is bool(least)


async def test_other_bodies_than_json_are_unchanged(shell) -> None:
    """`--json` writes an archive unchanged."""
    guid, bundles = next(iter(shell.server.state.bundles.items()))
    (bundle,) = bundles
    result = await shell("call", "content.bundles.download", guid, bundle, "--json")
    assert result.stdout_bytes == b"".join(bundles[bundle].archive.pieces())


async def test_resources_below_an_object(shell) -> None:
    """The parameters of the path are positional, including those of the scope."""
    guid = next(iter(shell.server.state.content))
    assert (await shell("call", "content.bundles.find", guid)).exit_code == 0
    assert shell.server.count("GET", f"/v1/content/{guid}/bundles") == 1


async def test_fields_of_a_body(shell) -> None:
    """Values are strings if the signature takes a string, otherwise JSON."""
    result = await shell("call", "groups.create", "--name", "123", "--gid=5")
    assert result.exit_code == 0, result.output
    assert shell.server.requests[-1].json() == {"name": "123", "gid": 5}
    assert json.loads(result.stdout)["name"] == "123"


async def test_files_are_sent(shell, tmp_path) -> None:
    """An upload is read from a file, with the media type that the operation needs."""
    guid = next(iter(shell.server.state.content))
    for operation, data in [
        ("content.bundles.upload", small_archive("static")[0]),
        ("content.thumbnail.put", b"\x89PNG\r\n\x1a\n and so on"),
    ]:
        file = tmp_path / operation
        file.write_bytes(data)
        result = await shell("call", operation, guid, "--body", f"@{file}")
        assert result.exit_code == 0, result.output
    bundle = max(shell.server.state.bundles[guid], key=int)
    assert shell.server.requests[0].headers["X-Content-Checksum"]
    stored = shell.server.state.bundles[guid][bundle].archive
    assert b"".join(stored.pieces()) == small_archive("static")[0]
    assert shell.server.state.thumbnails[guid].endswith(b"and so on")


@pytest.mark.parametrize(
    ("given", "text", "name"),
    [("@-", "from-input\n", "from-input"), ("@@home", "", "@home"), ("@FILE", "", "from-file")],
)
async def test_values_from_files(shell, tmp_path, given: str, text: str, name: str) -> None:
    """`@` reads a value from a file or standard input; `@@` stands for `@`."""
    file = tmp_path / "value"
    file.write_text("from-file\n")
    given = given.replace("FILE", str(file))
    result = await shell("call", "groups.create", "--name", given, text=text)
    assert result.exit_code in {0, 1}, result.output
    assert shell.server.requests[-1].json() == {"name": name}


async def test_json_from_a_file(shell, tmp_path) -> None:
    """A JSON body may also be read from a file."""
    guid = next(iter(shell.server.state.content))
    file = tmp_path / "variables.json"
    file.write_text('[{"name": "A", "value": "1"}]')
    operation = "content.environment_variables.patch"
    result = await shell("call", operation, guid, "--body", f"@{file}")
    assert json.loads(result.stdout) == ["A"]


async def test_an_option_given_twice_is_a_list(shell) -> None:
    """All values of a repeated option are sent."""
    result = await shell("call", "content.find", "--include", "owner", "--include", "tags")
    assert result.exit_code == 0, result.output
    assert shell.server.requests[-1].query == {"include": ["owner,tags"]}


async def test_null_is_sent(shell) -> None:
    """`--null` sends null for a field; the string "null" is sent as a string."""
    guid = next(iter(shell.server.state.content))
    result = await shell("call", "content.update", guid, "--null", "title", "--name", "null")
    assert result.exit_code == 0, result.output
    assert shell.server.requests[-1].json() == {"title": None, "name": "null"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["users.fly"], "no operation 'users.fly'"),
        ([], "name an operation"),
        (["users.get"], "needs GUID"),
        (["users.get", "a", "b"], "unexpected 'b'"),
        (["groups.create", "--nam", "x"], "did you mean name"),
        (["groups.create", "--name", "x", "--gid", "x{"], "must be JSON"),
        (["groups.create", "--name"], "--name needs a value"),
        (["groups.create", "--name", "@no/such/file"], "@@no/such/file"),
        (["content.bundles.upload", "g", "--body", "bundle.tar.gz"], "write @FILE"),
        (["content.bundles.upload", "g", "--body", "@no/such/file"], "no/such/file"),
        (["content.thumbnail.put", "g", "--body", "@-"], "write @FILE"),
    ],
)
async def test_wrong_usage(shell, arguments: list[str], words: str) -> None:
    """Wrong usage exits with 2, explains what to do, and sends nothing."""
    result = await shell("call", *arguments)
    assert result.exit_code == 2
    assert words in result.output
    assert not shell.server.requests


def test_all_operations_are_listed_and_completed() -> None:
    """The list and the completion contain every operation of the service."""
    names = {found.name for found in REGISTRY.values() if found.service == "connect"}
    result = CliRunner().invoke(app, ["call", "--list"])
    assert {line.split("\t")[0] for line in result.output.splitlines()} == names
    context = app.make_context("aconnect", ["call", "--list"])
    items = command.params[0].shell_complete(context, "users.")
    assert {item.value for item in items} == {name for name in names if name.startswith("users.")}


async def test_another_service() -> None:
    """`--service` calls another service with the settings of its client."""
    async with FakeLooker() as server:
        settings = {
            "LOOKERSDK_BASE_URL": server.url,
            "LOOKERSDK_CLIENT_ID": server.client_id,
            "LOOKERSDK_CLIENT_SECRET": server.client_secret,
        }
        arguments = ["--service", "looker", "call", "roles.search", "--name", "%"]
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, env=settings))
        assert result.exit_code == 0, result.output
        names = [json.loads(line)["name"] for line in result.stdout.splitlines()]
        assert names == [role["name"] for role in server.state.roles.values()]
        assert server.client_secret not in result.output


@pytest.mark.parametrize(
    ("service", "operation"),
    [("looker", "roles.search"), ("authentik", "endpoints.find"), ("cloudendure", "users.me")],
)
def test_another_service_without_settings(service: str, operation: str) -> None:
    """Missing settings are named, with exit code 2."""
    result = CliRunner().invoke(app, ["--service", service, "call", operation])
    assert result.exit_code == 2
    assert "set " in result.output
    assert "_" in result.output


async def test_the_clients_own_credentials_are_hidden_in_an_answer() -> None:
    """Credentials that the server repeats in a response are not printed."""
    async with FakeCloudEndure() as server:
        token = server.user_api_token
        settings = {"CLOUDENDURE_USER_API_TOKEN": token, "CLOUDENDURE_BASE_URL": server.url}
        arguments = ["--service", "cloudendure", "call", "users.me"]
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, env=settings))
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["apiToken"] == "***"
        assert token not in result.output


@pytest.mark.parametrize("command", ["content.get g --json", "content.get g", "content.find"])
async def test_json_of_a_hostile_server(shell, command) -> None:
    """What a server sends is printed as JSON without control characters, and keeps its values."""
    key = shell.server.api_key
    item = '{"guid": "g\x9b31m", "name": "\u202eKEY", "title": "\x7f", "other": "\xff"}'
    body = item.replace("KEY", key).encode().replace("\xff".encode(), b"\xff")
    shell.server.script(faults.status(200, body=b"[%s]" % body if "find" in command else body))
    result = await shell("call", *command.split())
    assert result.exit_code == 0, result.output
    assert not [c for c in result.stdout if c != "\n" and not (c.isprintable() or c == "\ufffd")]
    printed = json.loads(result.stdout)
    assert (printed["guid"], printed["name"], printed["title"]) == ("g\x9b31m", "\u202e***", "\x7f")


@pytest.mark.parametrize("text", ["data", "\ufeffdata\r\n"], ids=["plain", "from Windows"])
async def test_text_files(shell, tmp_path, text) -> None:
    """A file is read as UTF-8, without the mark and the line break of Windows."""
    path = tmp_path / "name"
    path.write_bytes(text.encode())
    result = await shell("call", "groups.create", "--name", f"@{path}")
    assert json.loads(result.stdout)["name"] == "data"


async def test_a_text_file_in_another_encoding(shell, tmp_path) -> None:
    """A file in another encoding is refused by its name, and not shown."""
    path = tmp_path / "name"
    path.write_bytes("s3cret".encode("utf-16"))
    result = await shell("call", "groups.create", "--name", f"@{path}")
    assert result.exit_code == 2
    assert "is not UTF-8 text" in result.stderr


async def test_advice_names_options(shell) -> None:
    """The advice of an error names the options of the operation, with a value they take."""
    first, second = list(shell.server.state.content)[:2]
    assert (await shell("call", "content.vanity.put", first, "--path", "/a/")).exit_code == 0
    taken = await shell("call", "content.vanity.put", second, "--path", "/a/")
    assert taken.exit_code == 1
    assert "pass --force true to take the path" in taken.stderr
    moved = await shell("call", "content.vanity.put", second, "--path", "/a/", "--force", "true")
    assert moved.exit_code == 0
