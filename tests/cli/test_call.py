"""`aconnect call`: calling any operation from the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aconnect._client.operation import REGISTRY
from aconnect._client.signature import call_parameters
from aconnect.cli.app import app
from aconnect.cli.call import _operations, call as command
from aconnect.cli.connection import SERVICES
from aconnect.cli.parameters import function_of, operation_parameters
from aconnect.testing import FakeCloudEndure, FakeLooker, faults
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content.bundles import small_archive

ROOT = Path(__file__).parents[2]


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
    # Chosen, because the escape character, which the shell refuses, can be in any archive.
    data = b"\x1f\x8b\x08\xff\x00 and so on"
    bundles[bundle].archive = Archive.of(data)
    result = await shell("call", "content.bundles.download", guid, bundle, "--json")
    assert result.stdout_bytes == data


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
        (["get_user"], "did you mean users.get?"),
        (["contents.get"], "did you mean content.get?"),
        (["users.get"], "Missing argument 'GUID'"),
        (["users.get", "a", "b"], "extra argument (b)"),
        (["groups.create", "--nam", "x"], "Did you mean"),
        (["groups.create"], "Missing option '--name'"),
        (["groups.create", "--name", "x", "--null", "name"], "'name' is not 'gid'"),
        (["groups.create", "--name", "x", "--gid", "1.5"], "INTEGER"),
        (["content.update", "g", "--locked", "yes"], "true|false"),
        (["content.search", "--published", "null"], "must be true|false, not 'null'"),
        (["content.search", "--exclude", "[]"], "Expected `object"),
        (["content.search", "--exclude", '{"tags": "x"}'], "unexpected term 'tags'"),
        (["instrumentation.visits", "--from", "tomorrow"], "2026-01-31T12:00:00Z"),
        (["groups.create", "--name", "x", "--gid", "x{"], "must be INTEGER, not 'x{'"),
        (["groups.create", "--name"], "'--name' requires an argument"),
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


def test_all_operations_are_listed() -> None:
    """The list has a line for every operation of the service: name, request and summary."""
    names = {found.name for found in REGISTRY.values() if found.service == "connect"}
    result = CliRunner().invoke(app, ["call", "--list"])
    lines = [line.split("\t") for line in result.output.splitlines()]
    assert {name for name, _, _ in lines} == names
    assert all(summary for *_, summary in lines)
    assert ["users.me", "GET /v1/user", "Get the owner of the key."] in lines


async def test_the_list_on_a_terminal(shell) -> None:
    """On a terminal, the list is a table."""
    out, _ = await shell.on_terminal("call", "--list")
    assert b"\t" not in out
    assert b"users.me" in out


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


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["", "json"])
async def test_a_new_credential_is_printed(options: list[str]) -> None:
    """A credential that the server returns only once is the result, and not hidden."""
    async with FakeCloudEndure() as server:
        old = server.user_api_token
        settings = {"CLOUDENDURE_USER_API_TOKEN": old, "CLOUDENDURE_BASE_URL": server.url}
        arguments = ["--service", "cloudendure", "call", "users.replace_api_token", *options]
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, env=settings))
        assert result.exit_code == 0, result.output
        new = json.loads(result.stdout)["apiToken"]
        assert new not in {"", "***", old}


async def test_roles_by_user() -> None:
    """A mapping of Python is an object."""
    async with FakeCloudEndure() as server:
        token, user = server.user_api_token, next(iter(server.state.users))
        settings = {"CLOUDENDURE_USER_API_TOKEN": token, "CLOUDENDURE_BASE_URL": server.url}
        start = ["--service", "cloudendure", "call", "users.assign_roles", "--roles"]
        for roles, code in [({user: ["USER"]}, 0), ({user: 5}, 2), ([user], 2)]:
            arguments = [*start, json.dumps(roles)]
            result = await asyncio.to_thread(CliRunner(env=settings).invoke, app, arguments)
            assert result.exit_code == code, result.output


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
    assert "it is UTF-16 text" in result.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_has_help(service: str) -> None:
    """The help of each operation lists every argument that Python accepts, except objects."""
    for operation in list(_operations(service).values()):
        result = CliRunner().invoke(app, ["--service", service, "call", operation.name, "--help"])
        assert result.exit_code == 0, result.output
        assert operation.template in "".join(result.output.split())
        parameters = operation_parameters(operation)
        names = [parameter.name for parameter in parameters]
        accepted = {parameter.name for parameter in call_parameters(function_of(operation))}
        assert accepted - set(names) <= {"principal"}
        assert len({*names, "as_json", "output"}) == len(names) + 2
        options = [option for parameter in parameters for option in parameter.opts]
        assert all(
            parameter.make_metavar(click.Context(command)) in result.output
            if isinstance(parameter, click.Argument)
            else parameter.opts[0] in result.output
            for parameter in parameters
        ), options


@pytest.mark.parametrize(
    ("operation", "parts"),
    [
        ("users.get", ["[OPTIONS] GUID", "GET /v1/users/{guid}"]),
        (
            "content.search",
            ["--owner TEXT", "Known values: @me. Can be repeated.", "Whether it has a bundle."],
        ),
        ("content.create", ["--name TEXT", "--null NAME", "In bytes."]),
        ("groups.create", ["--name TEXT", "[required]"]),
        ("content.get", ["since 1.8.6; role: content viewer", "Default: owner, tags, vanity_url."]),
        ("instrumentation.visits", ["--from DATE|TIME", "--min-data-version INTEGER"]),
        ("content.permissions.delete", ["GUID [PERMISSION]", "--principal-guid TEXT"]),
        ("content.bundles.upload", ["--body @FILE"]),
        ("content.bundles.download", ["--output FILE"]),
        ("content.environment_variables.put", ["--body JSON", "An object with name, value"]),
        ("content.update", ["--locked true|false", "--cpu-limit FLOAT In cores."]),
        ("groups.members.delete", ["GROUP_GUID [USER]", "[USER] The user, or its guid."]),
    ],
)
def test_help(operation: str, parts: list[str]) -> None:
    """The help has types, known values, defaults and docs of the arguments."""
    result = CliRunner().invoke(app, ["call", operation, "--help"], terminal_width=100)
    text = " ".join(result.output.split())
    assert not [part for part in parts if part not in text], result.output


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (["--tag", "finance", "--owner", "@me"], "owner:@me tag:finance"),
        (["--owner", "@@me"], "owner:@me"),
        (["--tag", "a", "--tag", "b c"], 'tag:a,"b c"'),
        (["--tag", '["a", "b"]'], "tag:a,b"),
        (["--text", "[draft] x"], '"[draft] x"'),
        (["--q", "x", "--exclude", '{"type": ["shiny"]}'], "x -type:shiny"),
        (
            ["--published", "true", "--python", "false", "--r", "4.3"],
            "published:true -is:python r:4.3",
        ),
    ],
)
async def test_what_the_python_method_accepts(shell, arguments: list[str], query: str) -> None:
    """A method that is more convenient than its operation is called with its own arguments."""
    result = await shell("call", "content.search", *arguments)
    assert result.exit_code == 0, result.output
    sent = shell.server.requests[0].query["q"][0]
    assert sorted(sent.split(" ")) == sorted(query.split(" "))


async def test_a_known_value_is_no_file(shell, tmp_path, monkeypatch) -> None:
    """`@me` is the owner even if there is a file of that name; `@./me` is the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me").write_text("ana")
    for given in ("@me", "@./me"):
        await shell("call", "content.search", "--owner", given)
    assert [r.query["q"] for r in shell.server.requests] == [["owner:@me"], ["owner:ana"]]


async def test_permissions_by_principal(shell) -> None:
    """Permissions are created and deleted by the arguments of the Python methods."""
    guid = next(iter(shell.server.state.content))
    group = next(iter(shell.server.state.groups))
    arguments = ["--principal-guid", group, "--principal-type", "group", "--role", "viewer"]
    created = await shell("call", "content.permissions.create", guid, *arguments)
    assert created.exit_code == 0, created.output
    assert json.loads(created.stdout)["principal_guid"] == group
    deleted = await shell("call", "content.permissions.delete", guid, "--principal-guid", group)
    assert deleted.exit_code == 0, deleted.output
    assert shell.server.requests[-1].method == "DELETE"
    again = await shell(
        "call", "content.permissions.delete", guid, json.loads(created.stdout)["id"]
    )
    assert again.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (["--load-factor", "0.5", "--locked", "true"], {"load_factor": 0.5, "locked": True}),
        (["--max_processes", "3"], {"max_processes": 3}),
        (
            ["--null", "owner-guid", "--null", "max_processes"],
            dict.fromkeys(["owner_guid", "max_processes"]),
        ),
        (["--load-factor", "null"], {"load_factor": None}),
    ],
)
async def test_values_by_type(shell, arguments: list[str], body: dict[str, object]) -> None:
    """Numbers, booleans and null are sent as what they are; names may have underscores."""
    await shell("call", "content.update", next(iter(shell.server.state.content)), *arguments)
    assert shell.server.requests[-1].json() == body


async def test_dates(shell) -> None:
    """A date is midnight UTC, as for the other commands."""
    await shell("call", "instrumentation.visits", "--from", "2025-01-01", "--to", "2025-01-02")
    query = shell.server.requests[0].query
    assert (query["from"], query["to"]) == (["2025-01-01T00:00:00Z"], ["2025-01-02T00:00:00Z"])


@pytest.mark.parametrize(
    "values",
    [
        ["--body", '[{"name": "A", "value": "1"}, {"name": "B", "value": null}]'],
        ["--body", '{"name": "A", "value": "1"}', "--body", '{"name": "B", "value": null}'],
    ],
    ids=["array", "repeated"],
)
async def test_a_list_of_objects(shell, values: list[str]) -> None:
    """A list of objects is one JSON array or a repeated option."""
    guid = next(iter(shell.server.state.content))
    result = await shell("call", "content.environment_variables.patch", guid, *values)
    assert result.exit_code == 0, result.output
    sent = shell.server.requests[-1].json()
    assert sent == [{"name": "A", "value": "1"}, {"name": "B", "value": None}]


async def test_a_file_is_not_shown(shell, tmp_path) -> None:
    """What is wrong in a file is described without its text, which may be secret."""
    path = tmp_path / "config.json"
    path.write_text('{"client_secret": s3cret}')
    options = ["--name", "x", "--template", "custom", "--config", f"@{path}"]
    result = await shell("call", "oauth.integrations.create", *options)
    assert result.exit_code == 2
    assert "must be JSON" in result.output
    assert "s3cret" not in result.output


async def test_a_task_is_shown_by_its_id(shell) -> None:
    """A started task is its id, without the cookies of its token."""
    guid, bundles = next(iter(shell.server.state.bundles.items()))
    result = await shell("call", "content.deploy", guid, "--bundle-id", next(iter(bundles)))
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)) == ["task_id"]


async def test_rows_of_an_indented_answer(shell) -> None:
    """One item is one line, however the server indents it."""
    body = b'[\r\n  {\r\n    "guid": "a  b",\n    "name": "\\n"\n  },\n  {"guid": "b"}\n]'
    shell.server.script(faults.status(200, body=body))
    result = await shell("call", "content.find")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows == [{"guid": "a  b", "name": "\n"}, {"guid": "b"}]


async def test_a_download_into_a_file(shell, tmp_path) -> None:
    """`--output` writes the file as received, and nothing to standard output."""
    guid, bundles = next(iter(shell.server.state.bundles.items()))
    bundle, stored = next(iter(bundles.items()))
    path = tmp_path / "bundle.tar.gz"
    arguments = ["content.bundles.download", guid, bundle, "--output", str(path)]
    result = await shell("call", *arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert path.read_bytes() == b"".join(stored.archive.pieces())
    shell.server.script(faults.status(404, body=b"{}"))
    path.write_text("kept")
    assert (await shell("call", *arguments)).exit_code == 1
    assert path.read_text() == "kept"


async def test_a_download_is_streamed(shell) -> None:
    """In a pipe, the beginning of a file is written before its end has come."""
    beginning_was_read = asyncio.Event()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"a" * 100_000)
        await beginning_was_read.wait()
        writer.write(b"b" * 100_000)
        writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as raw:
        host, port = raw.sockets[0].getsockname()
        shell.settings["CONNECT_SERVER"] = f"http://{host}:{port}"
        process = await shell.start("call", "content.jobs.download", "guid", "key")
        assert process.stdout is not None
        assert await process.stdout.readexactly(50_000) == b"a" * 50_000
        beginning_was_read.set()
        out, err = await process.communicate()
    assert out == b"a" * 50_000 + b"b" * 100_000, err


def complete(words: list[str], incomplete: str, shell: str = "bash") -> list[str]:
    """Return what the completion of a shell offers after some words."""
    line = " ".join(["aconnect", *words, incomplete])
    variables = {
        "_ACONNECT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        # fish passes the word itself.
        "COMP_CWORD": incomplete if shell == "fish" else str(len(words) + 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "aconnect"],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    if shell == "zsh":  # type, value, help
        return lines[1::3]
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "ca", ["call"]),
        (["call"], "users.l", ["users.lock"]),
        (["call"], "--l", ["--list"]),
        (["--service", "looker", "call"], "roles.set", ["roles.set_groups", "roles.set_users"]),
        (["call", "content.search"], "--own", ["--owner"]),
        (["call", "content.update", "guid"], "--loc", ["--locked", "--locked-message"]),
        (["call", "content.create", "--access-type"], "a", ["all", "acl"]),
        (["call", "content.update", "--locked"], "", ["true", "false"]),
        (["call", "groups.create", "--null"], "", ["gid"]),
        (["deploy", "--type"], "qu", ["quarto", "quarto-shiny"]),
        (["deploy"], "--roll", ["--rollback"]),
        (["redeploy"], "--set", ["--set-env"]),
    ],
)
def test_completion(words: list[str], incomplete: str, offered: list[str]) -> None:
    """Commands, operations, their options and known values are completed."""
    assert complete(words, incomplete) == offered


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_in_other_shells(shell: str) -> None:
    """What bash completes, zsh and fish complete as well."""
    assert complete(["call"], "users.l", shell) == ["users.lock"]


async def test_advice_names_options(shell) -> None:
    """The advice of an error names the options of the operation, with a value they take."""
    first, second = list(shell.server.state.content)[:2]
    assert (await shell("call", "content.vanity.put", first, "--path", "/a/")).exit_code == 0
    taken = await shell("call", "content.vanity.put", second, "--path", "/a/")
    assert taken.exit_code == 1
    assert "pass --force true to take the path" in taken.stderr
    moved = await shell("call", "content.vanity.put", second, "--path", "/a/", "--force", "true")
    assert moved.exit_code == 0
