"""`aconnect deploy`: what is deployed, what is said about it, and what is refused."""

import asyncio
import json
import signal
from pathlib import Path

import click
import pytest
from hypothesis import given, strategies as st

from aconnect.cli.variables import read_variables
from aconnect.testing import BuildScript, FakeConnect, faults
from tests.cli.conftest import Shell

RECORD = """\
"$schema" = "https://cdn.posit.co/publisher/schemas/posit-publishing-record-schema-v3.json"
server_type = "connect"
server_url = "{server}"
configuration_name = "site"
id = "{guid}"
"""
CONFIGURATION = """\
type = "html"
entrypoint = "index.html"
title = "From Publisher"
description = "Sales"
files = ["/index.html"]
validate = true
[environment]
REGION = "eu"
[connect.kubernetes]
default_py_environment_management = false
"""


@pytest.fixture
def folder(tmp_path):
    """A static site without a manifest, with a secret and a file that is ignored."""
    folder = tmp_path / "My Site"
    folder.mkdir()
    (folder / "index.html").write_text("<h1>hello</h1>")
    (folder / ".env").write_text("TOKEN=hunter2")
    (folder / "notes.log").write_text("...")
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def change(folder: Path, text: str) -> None:
    (folder / "index.html").write_text(text)


def published(folder: Path, server: str, guid: str) -> None:
    place = folder / ".posit" / "publish" / "deployments"
    place.mkdir(parents=True)
    (place / "deployment-A.toml").write_text(RECORD.format(server=server, guid=guid))
    (place.parent / "site.toml").write_text(CONFIGURATION)


def changes(server: FakeConnect) -> list[str]:
    """The requests that change something on the server."""
    return [f"{one.method} {one.path}" for one in server.requests if one.method != "GET"]


async def test_a_directory_without_options(server, shell, folder):
    """The name is that of the directory; another run finds that content, and sends nothing."""
    first = await shell("deploy", str(folder))
    guid, item = list(server.state.content.items())[-1]
    assert first.exit_code == 0, first.output
    assert first.stdout == f"{server.url}/content/{guid}/\n"
    assert (item["name"], item["app_mode"]) == ("my-site", "static")
    for line in (
        "Name: my-site (from the directory); --name chooses another",
        "1 file, 14 bytes; 3 left out",
        f"Created content {guid}",
        "  Restoring packages",
        "The draft responds with status 200",
    ):
        assert line in first.stderr.splitlines()
    assert "index.html: " in first.stderr.splitlines()[1]
    assert "Warning: .env was left out" in first.stderr
    assert "or pass --include with .env" in first.stderr
    again = await shell("deploy", str(folder))
    assert again.stdout == first.stdout
    (bundle,) = server.state.bundles[guid]
    assert f"Nothing was sent: bundle {bundle} has the same files" in again.stderr


async def test_include(shell, folder):
    """`--include` brings back what was left out, and `--exclude` leaves out more."""
    (folder / "draft.html").write_text("...")
    done = await shell("deploy", str(folder), "--include", ".env", "--exclude", "draft.*")
    assert done.exit_code == 0, done.output
    plan = await shell("deploy", str(folder), "--dry-run", "--json", "--include", ".env")
    assert ".env" in {file["name"] for file in json.loads(plan.stdout)["files"]}


async def test_json(server, shell, folder):
    """`--json` prints one document with what was done, and nothing else."""
    result = await shell("deploy", str(folder), "--json", "--title", "Mine")
    guid = list(server.state.content)[-1]
    document = json.loads(result.stdout)
    assert [one["name"] for one in document.pop("excluded")] == [".env", ".gitignore", "notes.log"]
    (warning,) = document.pop("warnings")
    assert ".env was left out" in warning
    assert document.pop("task_id")
    dashboard = f"{server.url}/connect/#/apps/{guid}"
    assert document == {
        "guid": guid,
        "name": "my-site",
        "title": "Mine",
        "url": f"{server.url}/content/{guid}/",
        "dashboard_url": dashboard,
        "draft_url": None,
        "log_url": f"{dashboard}/logs",
        "bundle_id": server.state.content[guid]["bundle_id"],
        "is_new": True,
        "is_unchanged": False,
    }


async def test_what_publisher_has_deployed(server, shell, folder):
    """In a folder that VS Code has published, the same content is updated, as it says."""
    guid = list(server.state.content)[1]
    server.state.content[guid].update(app_mode="static", bundle_id=None)
    published(folder, server.url, guid)
    result = await shell("deploy", str(folder), "--description", "Ours")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{server.url}/content/{guid}/\n"
    place = ".posit/publish"
    configuration = f"Configuration: {place}/site.toml, {place}/deployments/deployment-A.toml"
    assert configuration in result.stderr.splitlines()
    item = server.state.content[guid]
    assert (item["title"], item["description"]) == ("From Publisher", "Ours")
    assert item["default_py_environment_management"] is False
    assert server.state.environment[guid] == {"REGION": "eu"}
    # Another name is other content.
    other = await shell("deploy", str(folder), "--name", "another")
    assert other.stdout != result.stdout


async def test_what_publisher_has_deployed_is_gone(server, shell, folder):
    """If the content of a record was deleted, the message says where the guid comes from."""
    published(folder, server.url, "de2e7bdb-b085-401e-a65c-443e40009749")
    result = await shell("deploy", str(folder))
    assert result.exit_code == 1
    assert "deployment-A.toml; if that content was deleted, pass --name to create" in result.stderr
    plan = await shell("deploy", str(folder), "--dry-run")
    assert (plan.exit_code, "the deployment would fail: there is no" in plan.stderr) == (1, True)
    assert changes(server) == []


async def test_environment_variables(server, shell, folder, monkeypatch):
    """Variables come from options, files and the environment; no value is ever printed."""
    monkeypatch.setenv("FROM_SHELL", "secret-1")
    monkeypatch.setenv("TOKEN", "secret-2")
    (folder / "pyproject.toml").write_text(
        '[tool.aconnect.deploy]\nsecrets = ["TOKEN"]\nenv = {REGION = "eu", LEVEL = "info"}\n'
    )
    file = folder.parent / "values.env"
    file.write_text('LEVEL=secret-3\nexport KEY="secret-4"\n')
    options = ("--env", "FROM_SHELL", "--env", "A=secret-5", "--env-file", str(file))
    plan = await shell("deploy", str(folder), "--dry-run", *options)
    assert "Variables     A, FROM_SHELL, KEY, LEVEL, REGION, TOKEN\n" in plan.stdout
    done = await shell("deploy", str(folder), "--json", *options)
    assert done.exit_code == 0, done.output
    assert "secret" not in plan.output.replace("a secret", "")
    assert "secret-" not in done.output
    assert server.state.environment[json.loads(done.stdout)["guid"]] == {
        "FROM_SHELL": "secret-1",
        "TOKEN": "secret-2",
        "LEVEL": "secret-3",
        "KEY": "secret-4",
        "A": "secret-5",
        "REGION": "eu",
    }


async def test_a_secret_without_a_value(server, shell, folder, monkeypatch):
    """A secret that neither the command nor the content has is missed before anything is sent."""
    monkeypatch.delenv("TOKEN", raising=False)
    (folder / "pyproject.toml").write_text('[tool.aconnect.deploy]\nsecrets = ["TOKEN"]\n')
    missed = await shell("deploy", str(folder))
    assert (missed.exit_code, "no value for TOKEN" in missed.stderr) == (2, True)
    assert changes(server) == []
    assert "No value for  TOKEN" in (await shell("deploy", str(folder), "--dry-run")).stdout
    assert (await shell("deploy", str(folder), "--env", "TOKEN=1")).exit_code == 0
    kept = await shell("deploy", str(folder))
    assert kept.exit_code == 0


async def test_draft(server, shell, folder):
    """`--draft` prints the address of the draft; visitors see what was there before."""
    await shell("deploy", str(folder))
    guid, item = list(server.state.content.items())[-1]
    active = item["bundle_id"]
    change(folder, "new")
    result = await shell("deploy", str(folder), "--draft")
    bundle = max(server.state.bundles[guid], key=int)
    assert result.stdout == f"{server.url}/connect/#/apps/{guid}/draft/{bundle}\n"
    assert server.state.content[guid]["bundle_id"] == active != bundle
    (folder / "pyproject.toml").write_text("[tool.aconnect.deploy]\nactivate = false\n")
    over = await shell("deploy", str(folder), "--activate")
    assert over.stdout == f"{server.url}/content/{guid}/\n"


async def test_draft_on_an_old_server(folder, tmp_path):
    """A server without drafts refuses `--draft` before anything is sent."""
    async with FakeConnect(version="2024.06.0") as old:
        result = await Shell(old, tmp_path)("deploy", str(folder), "--draft")
        assert result.exit_code == 2
        assert "needs a server from 2025.06.0 on; this one is 2024.06.0" in result.stderr
        assert changes(old) == []


async def test_the_content_does_not_answer(server, shell, folder):
    """A draft that fails is not activated; the message says so, and where it and its log are."""
    await shell("deploy", str(folder))
    guid, item = list(server.state.content.items())[-1]
    active = item["bundle_id"]
    change(folder, "broken")
    server.state.content_status[str(int(active) + 1)] = 500
    result = await shell("deploy", str(folder))
    bundle = max(server.state.bundles[guid], key=int)
    assert (result.exit_code, result.stdout) == (1, "")
    dashboard = f"{server.url}/connect/#/apps/{guid}"
    assert "500" in result.stderr
    assert f"has bundle {bundle}, which is not active. Deploying again" in result.stderr
    assert f"The draft is at {dashboard}/draft/{bundle}\n" in result.stderr
    assert f"The log is at {dashboard}/logs\n" in result.stderr
    assert server.state.content[guid]["bundle_id"] == active
    assert (await shell("deploy", str(folder), "--no-verify")).exit_code == 0
    assert server.state.content[guid]["bundle_id"] == bundle


async def test_the_build_fails(server, shell, folder):
    """The log, the failure, the content and the draft are printed; the same command goes on."""
    server.state.build_script = BuildScript(lines=("one", "two"), code=1, error="boom")
    result = await shell("deploy", str(folder))
    guid = list(server.state.content)[-1]
    assert (result.exit_code, result.stdout) == (1, "")
    assert "  one\n  two\n" in result.stderr
    assert result.stderr.count("  two\n") == 1
    assert "boom" in result.stderr
    assert f"The content is at {server.url}/content/{guid}/\n" in result.stderr
    assert result.stderr.count("not active") == 1
    assert "The draft is at " in result.stderr
    server.state.build_script = BuildScript()
    again = await shell("deploy", str(folder))
    assert (again.exit_code, "Nothing was sent" in again.stderr) == (0, True)
    assert list(server.state.content)[-1] == guid


async def test_rollback(server, shell, folder):
    """The bundle before the active one, or any other, is built again and activated."""
    for text in ("one", "two", "three"):
        change(folder, text)
        assert (await shell("deploy", str(folder))).exit_code == 0
    guid, item = list(server.state.content.items())[-1]
    oldest, older, newest = sorted(server.state.bundles[guid], key=int)
    assert item["bundle_id"] == newest
    back = await shell("deploy", str(folder), "--rollback")
    assert back.stdout == f"{server.url}/content/{guid}/\n"
    said = back.stderr.splitlines()
    assert said[1].startswith(f"Found bundle {older}, which is built again with the packages")
    assert said[2].startswith("Building (task ")
    assert server.state.content[guid]["bundle_id"] == older
    to = await shell("deploy", "--rollback", "--guid", guid, "--to", oldest, "--json")
    document = json.loads(to.stdout)
    assert (document["bundle_id"], server.state.content[guid]["bundle_id"]) == (oldest, oldest)
    nothing = await shell("deploy", str(folder), "--rollback")
    assert (nothing.exit_code, "no older bundle" in nothing.stderr) == (2, True)


async def test_git(server, shell):
    """A repository is deployed by the server, under its own name and without its password."""
    url = "https://user:hunter2@git.example.com/acme/Sales-Report.git"
    result = await shell("deploy", "--git", url, "--branch", "main", "--subdirectory", "app")
    assert result.exit_code == 0, result.output
    guid, item = list(server.state.content.items())[-1]
    assert item["name"] == "sales-report"
    assert result.stdout == f"{server.url}/content/{guid}/\n"
    assert "hunter2" not in result.output
    repository = server.state.repositories[guid]
    assert (repository["branch"], repository["directory"]) == ("main", "app")
    assert repository["repository"] == "https://git.example.com/acme/Sales-Report.git"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rollback", "--tag", "a/b"], "--rollback cannot be combined with --tag"),
        (["--rollback", "--title", "x"], "--rollback cannot be combined with --title"),
        (["--rollback", "--dry-run"], "--rollback cannot be combined with --dry-run"),
        (["--rollback", "--git", "https://a/b"], "--rollback cannot be combined with --git"),
        (["--git", "https://a/b", "."], "--git cannot be combined with DIRECTORY"),
        (["--git", "https://a/b", "--draft"], "--git cannot be combined with --draft"),
        (["--git", "https://a/b", "--env-file", "/dev/null", "--type", "x"], "with --type"),
        (["--to", "7"], "--to needs --rollback"),
        (["--branch", "main"], "--branch needs --git"),
        (["--subdirectory", "a", "--rollback"], "--subdirectory needs --git"),
        (["--name", "abc", "--guid", "x"], "pass either --name or --guid"),
        (["--env", "=x"], "write NAME=VALUE"),
        (["--env", "NOT_SET_ANYWHERE"], "the environment of this command has no NOT_SET_ANYWHERE"),
        (["--env-file", "absent.env"], "--env-file: cannot read absent.env"),
        (["--git", "https://a/b", "--name", "x"], "3 to 64"),
        (["--min-processes", "many"], "it must be INTEGER"),
    ],
)
async def test_contradictions(server, shell, options, message):
    """Options that contradict each other are refused with both names, and nothing is requested."""
    result = await shell("deploy", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert server.requests == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nmae = 'x'", "[tool.aconnect.deploy] has no key 'nmae'; did you mean 'name'?"),
        ("type = 'fastapy'", "'fastapy' is not a type of content"),
        ("name = 'a b'", "'a b' cannot be the name of content"),
    ],
)
async def test_mistakes_in_the_configuration(server, shell, folder, text, message):
    """A mistake in the configuration is wrong usage, and nothing is changed."""
    (folder / "pyproject.toml").write_text(f"[tool.aconnect.deploy]\n{text}\n")
    result = await shell("deploy", str(folder))
    assert (result.exit_code, message in result.stderr) == (2, True), result.output
    assert changes(server) == []


async def test_several_configurations(server, shell, folder):
    """One of several configurations of Publisher is chosen with `--configuration`."""
    place = folder / ".posit" / "publish"
    place.mkdir(parents=True)
    for name in ("one", "two"):
        (place / f"{name}.toml").write_text(f'type = "html"\ntitle = "{name}"\n')
    refused = await shell("deploy", str(folder))
    assert refused.exit_code == 2
    assert "has several configurations: one, two; choose one with --configuration\n" in (
        refused.stderr
    )
    done = await shell("deploy", str(folder), "--configuration", "two")
    assert done.exit_code == 0, done.output
    assert list(server.state.content.values())[-1]["title"] == "two"


async def test_a_name_that_cannot_be_made(server, shell, tmp_path):
    """If the name of the directory gives none, one must be passed."""
    (tmp_path / "日本").mkdir()
    result = await shell("deploy", str(tmp_path / "日本"))
    assert (result.exit_code, "pass --name or --guid" in result.stderr) == (2, True)
    assert server.requests == []


async def test_dry_run(server, shell, folder):
    """`--dry-run` prints all that would be done, and changes nothing."""
    (folder / "pyproject.toml").write_text('[tool.aconnect.deploy]\ntags = ["Dept/Finance"]\n')
    (folder / "large.bin").write_bytes(bytes(5000))
    result = await shell("deploy", str(folder), "--dry-run", "--min-processes", "0")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Type          ")
    assert "Content       my-site (would be created)" in lines
    assert "Settings      min_processes=0" in lines
    assert "Tags          Dept/Finance" in lines
    start = lines.index("Left out")
    assert [line.split()[-1] for line in lines[start - 2 : start]] == ["large.bin", "index.html"]
    assert lines[start + 1] == "  .env: may contain a secret: environment variables"
    assert "  notes.log: .gitignore: *.log" in lines
    assert "  pyproject.toml: configuration, which visitors could read" in lines
    assert result.output.count(".env:") == 1
    assert "Warning" not in result.output
    assert "or send it with --include" in lines[-1]
    assert changes(server) == []
    await shell("deploy", str(folder))
    there = await shell("deploy", str(folder), "--dry-run", "--json")
    plan = json.loads(there.stdout)
    assert (plan["exists"], plan["type"], plan["tags"]) == (True, "static", ["Dept/Finance"])
    assert plan["guid"] == list(server.state.content)[-1]


async def test_dry_run_without_a_server(shell, folder):
    """A dry run needs neither a server nor a key."""
    shell.settings = {"CONNECT_SERVER": "", "CONNECT_API_KEY": ""}
    result = await shell("deploy", str(folder), "--dry-run", "--json")
    plan = json.loads(result.stdout)
    assert (result.exit_code, plan["exists"], plan["name"]) == (0, None, "my-site")
    assert plan["files"] == [{"name": "index.html", "size": 14}]
    text = await shell("deploy", str(folder), "--dry-run")
    assert "Content       my-site (not compared with a server)" in text.stdout
    shell.settings["CONNECT_SERVER"] = "https://connect.example.com"
    text = await shell("deploy", str(folder), "--dry-run")
    assert (text.exit_code, "there is no API key for https://connect" in text.stdout) == (0, True)


async def test_dry_run_of_what_would_fail(server, shell, folder):
    """A dry run says that content of another type, or locked content, takes no deployment."""
    guid, item = next(
        (guid, item) for guid, item in server.state.content.items() if item["bundle_id"]
    )
    item["app_mode"] = "quarto-static"
    plan = await shell("deploy", str(folder), "--dry-run", "--guid", guid)
    assert plan.exit_code == 1
    assert f"Error: the deployment would fail: content {guid} is quarto-static" in plan.stderr
    item["locked"] = True
    plan = await shell("deploy", str(folder), "--dry-run", "--json", "--guid", guid)
    (error,) = json.loads(plan.stdout)["errors"]
    assert (plan.exit_code, "is locked" in error) == (1, True)
    done = await shell("deploy", str(folder), "--guid", guid)
    assert (done.exit_code, "Usage:" in done.stderr) == (2, False)
    assert "unlock it first: aconnect content update GUID --locked false" in done.stderr


async def test_a_build_that_runs_already(server, shell, folder):
    """It is followed, and called what it is: a job, with the command that follows it."""
    server.state.build_script = BuildScript(lines=("one",), hang=True)
    for path in ("/v1/tasks/*", "/v1/content/*/jobs/*/log"):
        process = await shell.start("deploy", str(folder))
        while not server.count("GET", path):  # noqa: ASYNC110  of another process
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    (bundle,) = server.state.bundles[guid := list(server.state.content)[-1]]
    (job,) = server.state.jobs[guid]
    lines = err.decode().splitlines()
    assert f"Nothing was sent: bundle {bundle} has the same files" in lines
    assert f"Building (job {job}, which runs already)" in lines
    assert any(line.endswith(f"aconnect jobs follow {guid} {job}") for line in lines)


async def test_dry_run_where_the_server_refuses(server, shell, folder):
    """If the server does not say whether the content exists, the rest is printed nevertheless."""
    server.script(faults.error(403, 22), on="GET /v1/content")
    result = await shell("deploy", str(folder), "--dry-run")
    assert result.exit_code == 0
    assert "Warning: it is not known whether the content exists: GET " in result.stdout


async def test_dry_run_of_strange_names(shell, folder):
    """A name with a line break cannot write a line of its own."""
    for name in ("new\nWarning: x", ".env\nWarning: y", "\x1b[31mred\r"):
        (folder / name).write_text("")
    result = await shell("deploy", str(folder), "--dry-run", "--exclude", ".env*")
    assert not {"Warning: x", "Warning: y"} & set(result.stdout.splitlines())
    assert not {"\x1b", "\r"} & set(result.stdout)


async def test_a_dry_run_of_many_files_on_a_terminal(shell, folder):
    """A terminal shows the largest files and how many there are; a pipe gets all of them."""
    for number in range(50):
        (folder / f"{number}.csv").write_text("x" * number)
    written, _ = await shell.on_terminal("deploy", str(folder), "--dry-run")
    lines = written.decode().splitlines()
    assert "  … and 32 more; --json lists all of them" in lines
    assert "49.csv" in written.decode()
    assert "1.csv" not in [line.split()[-1] for line in lines]
    piped = await shell("deploy", str(folder), "--dry-run")
    assert all(f" {number}.csv\n" in piped.stdout for number in range(50))


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@given(values=st.dictionaries(NAMES, VALUES, max_size=5))
def test_files_of_variables(tmp_path_factory, values):
    """Any value can be written in double quotes, among comments and empty lines."""
    file = tmp_path_factory.getbasetemp() / "values.env"
    lines = [f"export {name} = {quoted(value)}  # comment" for name, value in values.items()]
    file.write_text("\n\n# comment\n".join(lines), encoding="utf-8")
    assert read_variables([], [file]) == values


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("A=", ""),
        ("A = a b # comment", "a b"),
        ("A=a#b", "a#b"),
        ("A=# comment", ""),
        ("A='$HOME # \\n'", "$HOME # \\n"),
        ('A="a\\tb" # c', "a\tb"),
        ("export A=x=y", "x=y"),
        ("A=1\r", "1"),
        ("\ufeffA=1", "1"),
    ],
)
def test_lines_of_variables(tmp_path, line, value):
    """Values are read as they are: nothing is expanded, and only quotes, escapes and comments."""
    (tmp_path / "a.env").write_text(line + "\n", encoding="utf-8")
    assert read_variables([], [tmp_path / "a.env"]) == {"A": value}
    assert read_variables(["A=b=c"], [tmp_path / "a.env"]) == {"A": "b=c"}


@pytest.mark.parametrize(
    "line", ["hunter2", "=hunter2", 'A="hunter2', "A='hunter2' x", "1 A=hunter2"]
)
def test_invalid_lines_of_variables(tmp_path, line):
    """An invalid line is named by its number, and its value is not shown."""
    (tmp_path / "a.env").write_text(f"B=1\n{line}\n")
    with pytest.raises(click.UsageError) as caught:
        read_variables([], [tmp_path / "a.env"])
    assert f"{tmp_path / 'a.env'}: line 2 is" in caught.value.message
    assert "hunter2" not in caught.value.message
