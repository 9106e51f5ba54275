"""The commands' results, and their failures as one message."""

import base64
import codecs
import json
from datetime import UTC, datetime

import pytest

from aconnect.testing import BuildScript, faults
from tests.cli.conftest import MANIFEST

DAY = datetime(2026, 1, 1, tzinfo=UTC)
GUID = "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a"


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("hello")
    manifest = {"metadata": {"appmode": "static"}, "files": {"index.html": {}}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.login_page(), "received an HTML page"),
        (faults.error(403, 22), "use the key of an administrator"),
        (faults.redirect(), "credentials never go to another origin"),
        (faults.status(404, body="404 page not found"), "was added in Posit Connect 1.7.0"),
        (faults.truncated_json(), "damaged or truncated"),
        (faults.error(400, 1, "bad \x1b[31mred\x07"), "bad red"),
    ],
)
async def test_server_errors(server, shell, fault, words):
    """A failure of the server is one message without control characters, and exit code 1."""
    server.script(fault, on="GET /v1/instrumentation/content/visits")
    result = await shell("collect", "visits")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert not list(shell.folder.iterdir())


async def test_refused_key(shell):
    """A rejected key is reported without printing it."""
    result = await shell("collect", "visits", key="wrong-key-0123456789")
    assert result.exit_code == 1
    assert "returned 401" in result.stderr
    assert "0123456789" not in result.output


async def test_key_from_file(shell, tmp_path):
    """The key is read from a file or standard input, ignoring the line break."""
    path = tmp_path / "key"
    path.write_text(f"{shell.server.api_key}\n")
    for where, text in ((str(path), ""), ("-", path.read_text())):
        result = await shell("content", "list", "--api-key-file", where, key="wrong", text=text)
        assert result.exit_code == 0


@pytest.mark.parametrize("source", ["file", "standard input"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (codecs.BOM_UTF8 + b"KEY\r\n", ""),
        (codecs.BOM_UTF16 + "KEY".encode("utf-16-le"), "it is UTF-16 text"),
        ("KEY".encode("utf-16-le"), "it is UTF-16 text"),
        (b"KEY\x1b[A", "control characters"),
        (b"KEY\nKEY", "line breaks"),
        ("KEYé".encode("cp1252"), "is not UTF-8 text"),
    ],
)
async def test_keys_from_windows(shell, tmp_path, source, data, reason):
    """A key file with a mark is read; another encoding is refused, and the key is not shown."""
    key = shell.server.api_key
    path = tmp_path / "key"
    wide = "".join(f"{c}\0" for c in key).encode()
    path.write_bytes(data.replace(b"K\0E\0Y\0", wide).replace(b"KEY", key.encode()))
    where = str(path) if source == "file" else "-"
    result = await shell("content", "list", "--api-key-file", where, text=path.read_bytes())
    assert result.exit_code == (2 if reason else 0), result.output
    assert reason in result.stderr
    assert key[:6] not in result.stderr


async def test_a_key_in_what_a_server_returns(shell, server):
    """No command prints the key, wherever a server repeats it."""
    row = {"guid": "g", "name": server.api_key, "title": f"\x1b[31m{server.api_key}\u202e"}
    for arguments in (("content", "list"), ("content", "list", "--json")):
        server.script(faults.status(200, body=json.dumps([row])))
        result = await shell(*arguments)
        assert "***" in result.stdout
        assert "\u202e" not in result.stdout


async def test_a_folder_that_is_a_file(shell):
    """A file where a folder is needed is a message, not a traceback."""
    (shell.folder / "site").write_text("")
    volumes = ("--visits", "1", "--audit-logs", "1", "--shiny-usage", "1")
    result = await shell("demo", "--out", str(shell.folder), *volumes)
    assert result.exit_code == 1
    assert "File exists" in result.stderr


async def test_a_name_that_is_too_long(shell, monkeypatch):
    """A name that the file system refuses is a message, and leaves nothing behind."""
    monkeypatch.setattr("aconnect.collect.outputs.file_name", lambda *_: "x" * 250)
    result = await shell("collect", "visits")
    assert result.exit_code == 2
    assert "File name too long" in result.stderr
    assert list(shell.folder.iterdir()) == []


async def test_unwritable(server, shell):
    """A folder that cannot be created is reported before any request."""
    (shell.folder / "file").write_text("")
    shell.folder /= "file/below"
    result = await shell("collect", "audit-logs", "--from", "2025-01-01")
    assert result.exit_code == 1
    assert "choose another path" in result.stderr
    assert server.requests == []


async def test_a_server_that_asks_to_wait(server, shell):
    """One message says how long all requests wait; the single refusals are not reported."""
    server.script(*[faults.status(429, retry_after=0.05)] * 2)
    result = await shell("collect", "visits")
    assert result.exit_code == 0
    assert "The server asks to wait 0.1 s" in result.stderr
    assert "retrying" not in result.stderr


async def test_a_server_that_asks_to_wait_too_long(server, shell):
    """A wait that is longer than anybody waits is told."""
    server.script(faults.status(429, retry_after=86400))
    result = await shell("collect", "visits")
    assert result.exit_code == 1
    assert "the server asks to wait 86400 s" in result.stderr


async def test_unreachable(shell):
    """An unreachable server is reported with what to check."""
    shell.settings["CONNECT_SERVER"] = "http://127.0.0.1:1"
    result = await shell("content", "list")
    assert result.exit_code == 1
    assert "the server is running" in result.stderr.splitlines()[-1]


async def test_an_unreachable_proxy(shell):
    """Messages about retries name the options of the command, as errors do."""
    result = await shell("whoami", "--proxy", "http://user:secret@127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.count("check its address (--proxy)") > 1
    assert "proxy=" not in result.stderr
    assert "secret" not in result.stderr


async def test_content_list(server, shell):
    """Content is listed as plain lines, or as JSON as received."""
    next(iter(server.state.content.values()))["title"] = "a\tb\nc\x1b[2J"
    lines = (await shell("content", "list")).stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == list(server.state.content)
    assert lines[0].split("\t")[3] == "a b c"
    items = json.loads((await shell("content", "list", "--json")).stdout)
    assert [item["guid"] for item in items] == list(server.state.content)
    assert items[0].keys() >= next(iter(server.state.content.values())).keys()


async def test_deploy(server, shell, site):
    """The log goes to standard error, the address of the content to standard output."""
    result = await shell("deploy", site, "--name", "my-site", "--title", "Mine")
    assert result.exit_code == 0
    guid, item = list(server.state.content.items())[-1]
    assert result.stdout == f"{server.url}/content/{guid}/\n"
    assert (item["name"], item["title"]) == ("my-site", "Mine")
    assert "  Restoring packages\n" in result.stderr
    again = await shell("deploy", site, "--guid", guid)
    assert again.stdout == result.stdout


async def test_deploy_a_large_directory(shell, site):
    """The advice for a directory that is too large is an option, and the option works."""
    refused = await shell("deploy", site, "--name", "my-site", "--max-size", "4")
    assert refused.exit_code == 2
    assert "have 5 bytes, more than 4;" in refused.stderr
    assert "Or raise --max-size\n" in refused.stderr
    plan = await shell("deploy", site, "--dry-run", "--max-size", "4")
    message = "Error: the deployment would fail: the files have 5 bytes, more than --max-size 4\n"
    assert (plan.exit_code, plan.stderr.endswith(message)) == (1, True)
    done = await shell("deploy", site, "--name", "my-site", "--max-size", "10000")
    assert done.exit_code == 0


async def test_deploy_fails(server, shell, site):
    """A failed build exits with 1; after a failed upload, the new content is named."""
    server.script(faults.error(400, 104), on="POST /v1/content/*/bundles")
    upload = await shell("deploy", site, "--name", "my-site")
    guid = list(server.state.content)[-1]
    assert (upload.exit_code, upload.stdout) == (1, "")
    assert f"content {guid} was created" in upload.stderr
    server.state.build_script = BuildScript(lines=("one", "two"), code=1, error="boom")
    build = await shell("deploy", site, "--name", "my-site")
    assert (build.exit_code, build.stdout) == (1, "")
    assert "boom" in build.stderr
    none = await shell("deploy", str(shell.folder), "--name", "my-site")
    assert (none.exit_code, "manifest.json" in none.stderr) == (2, True)


async def test_tasks_follow(server, shell):
    """`tasks follow` prints the output of a task by id or token, and exits with 1 if it failed."""
    from aconnect import Client

    async with Client(server.url, api_key=server.api_key) as client:
        item = await client.content.get(next(iter(server.state.content)))
        task = await item.deploy()
        for name in (task.id, task.token):
            result = await shell("tasks", "follow", name)
            assert result.exit_code == 0
            assert result.stdout.splitlines() == list(BuildScript().lines)
        server.state.build_script = BuildScript(lines=("one",), code=1, error="boom")
        failed = await shell("tasks", "follow", (await item.deploy()).id)
        assert (failed.exit_code, failed.stdout) == (1, "one\n")
        assert "boom" in failed.stderr
        del server.state.tasks[task.id]
        gone = await shell("tasks", "follow", task.token)
        assert (gone.exit_code, "not found" in gone.stderr) == (1, True)
        assert "follow it with" not in gone.stderr
        damaged = await shell("tasks", "follow", "{")
        assert (damaged.exit_code, "damaged" in damaged.stderr) == (1, True)


@pytest.mark.parametrize(
    "fault", [faults.error(403, 22), faults.error(401, 30), faults.redirect()], ids=repr
)
async def test_following_ends_early(server, shell, fault):
    """If following a build fails, the content and the command that follows it are printed."""
    (shell.folder / "manifest.json").write_text(MANIFEST)
    server.nodes = 2
    server.script(fault, on="GET /v1/tasks/*")
    result = await shell("deploy", str(shell.folder), "--name", "my-site")
    assert (result.exit_code, result.stdout) == (1, "")
    (task,) = server.state.tasks
    guid = list(server.state.content)[-1]
    follow = f"the build continues; follow it with: aconnect tasks follow {task}\n"
    assert f"The content is {guid} at {server.url}/content/{guid}/\n" in result.stderr
    assert follow in result.stderr
    assert "rscid" not in result.stderr
    server.script(fault, on="GET /v1/tasks/*")
    again = await shell("tasks", "follow", task)
    assert (again.exit_code, follow.replace("build", "task") in again.stderr) == (1, True)
    assert (await shell("tasks", "follow", task)).stdout.splitlines() == list(BuildScript().lines)


async def test_a_failed_build_is_not_followed(server, shell):
    """If the build itself fails, the content is printed, but no command to follow the build."""
    (shell.folder / "manifest.json").write_text(MANIFEST)
    server.state.build_script = BuildScript(lines=("one",), code=1, error="boom")
    result = await shell("deploy", str(shell.folder), "--name", "my-site")
    guid = list(server.state.content)[-1]
    assert (result.exit_code, "boom" in result.stderr) == (1, True)
    assert f"The content is at {server.url}/content/{guid}/\n" in result.stderr
    assert "tasks follow" not in result.stderr


@pytest.mark.parametrize("way", ["file", "standard input", "environment"])
async def test_bootstrap(server, shell, way):
    """The key of the new administrator is the only output; a second run fails."""
    server.state.users.clear()
    text = base64.encodebytes(server.state.bootstrap_secret).decode()
    path = shell.folder / "secret.txt"
    path.write_text(text)
    if way == "environment":
        shell.settings["CONNECT_BOOTSTRAP_SECRETKEY"] = text
    options = {"file": ("--secret-file", str(path)), "standard input": ("--secret-file", "-")}
    done = await shell("bootstrap", server.url, *options.get(way, ()), text=text)
    assert (done.exit_code, done.stderr) == (0, "")
    (guid,) = server.state.users
    assert server.state.keys[done.stdout.removesuffix("\n")] == guid
    again = await shell("bootstrap", server.url, *options.get(way, ()), text=text)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "bootstrapped once" in again.stderr


@pytest.mark.parametrize(
    ("url", "text", "words"),
    [
        ("connect", "QUJD" * 20, "not a web address"),
        ("https://connect.example.com", "QUJD", "has 3 bytes"),
        ("https://connect.example.com", "no-base64", "is not Base64 text"),
    ],
)
async def test_bootstrap_refused(shell, url, text, words):
    """An invalid address or secret is wrong usage."""
    result = await shell("bootstrap", url, "--secret-file", "-", text=text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
