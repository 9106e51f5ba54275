"""`aconnect build`, `redeploy` and `deploy-all`: what is selected, printed, kept and continued."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator

import pytest

from aconnect.testing import BuildScript, FakeConnect, Seed, faults

NAMES = ["one", "two", "three"]
BUILD = BuildScript(lines=("built",))
SECRET = "the-value-of-a-variable"


@pytest.fixture
async def server() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(content=0)) as running:
        # Its end is seen with the first poll, because commands really wait between polls.
        running.state.build_script = BUILD
        yield running


@pytest.fixture
def file(shell, monkeypatch):
    """The declaration of three directories, in the current folder."""
    monkeypatch.chdir(shell.folder)
    for name in NAMES:
        folder = shell.folder / name
        folder.mkdir()
        (folder / "index.html").write_text(name)
    file = shell.folder / "deploy.toml"
    file.write_text("".join(f'[[deploy]]\npath = "{name}"\n' for name in NAMES))
    return file


@pytest.fixture
async def sites(shell, file):
    """The three directories as content on the server."""
    result = await shell("deploy-all", str(file))
    assert result.exit_code == 0
    return result


def guid_of(server, name):
    return next(guid for guid, row in server.state.content.items() if row["name"] == name)


def states(result):
    return {row["name"]: row["state"] for row in json.loads(result.stdout)}


async def test_deploy_all(shell, sites):
    """Each directory gets a line when it ends, and a line of results; no state is left."""
    assert sorted(line.split("\t")[1:4] for line in sites.stdout.splitlines()) == sorted(
        [name, "done", "activate"] for name in NAMES
    )
    lines = [line.partition(" ") for line in sites.stderr.splitlines()]
    assert [number for number, _, _ in lines] == ["1/3", "2/3", "3/3"]
    assert sorted(text.rpartition(" ")[0] for _, _, text in lines) == sorted(
        f"{name}: deployed in" for name in NAMES
    )
    assert not list(shell.folder.glob("*.state"))


@pytest.mark.usefixtures("sites")
async def test_failure(server, shell):
    """One failure makes the exit code 1, is described, and is all that `--retry` repeats."""
    guid = guid_of(server, "two")
    server.script(faults.error(403, 22), on=f"POST /v1/content/{guid}/deploy")
    result = await shell("deploy-all", "deploy.toml", "--json")
    assert result.exit_code == 1
    assert states(result) == {"one": "done", "two": "failed", "three": "done"}
    end = result.stderr[result.stderr.index("Error: ") :].splitlines()
    assert end[0] == "Error: 1 of 3 items failed"
    assert end[1].startswith(f"two ({guid}): build: POST ")
    assert end[2].strip() == f"{server.url}/connect/#/apps/{guid}/logs"
    assert end[3] == "Go on with: aconnect deploy-all --retry deploy.toml"
    before = server.count("POST", "/v1/content/*/deploy")
    result = await shell("deploy-all", "--retry", "deploy.toml", "--json")
    assert (result.exit_code, set(states(result).values())) == (0, {"done"})
    assert server.count("POST", "/v1/content/*/deploy") == before + 1
    assert "1/1 two: deployed in " in result.stderr


@pytest.mark.usefixtures("sites")
async def test_dry_run(server, shell, file):
    """A dry run inspects each directory, lists what would be done, and changes nothing."""
    more = ("four", "fifth", "empty", "x")
    file.write_text(file.read_text() + "".join(f'[[deploy]]\npath = "{one}"\n' for one in more))
    for name in ("fifth", "empty", "x"):
        (shell.folder / name).mkdir()
    (shell.folder / "fifth" / "index.html").write_text("five")
    number = len(server.requests)
    result = await shell("deploy-all", "deploy.toml", "--dry-run", "--json")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[0] == "Error: 3 of 7 items would fail; nothing was changed"
    assert lines[1].startswith("four: there is no directory")
    assert lines[2] == "empty: 'empty' has no files; pass the folder with them"
    assert lines[3].startswith("x: the name of the directory, 'x', cannot be used for content")
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert (rows["one"]["guid"], rows["one"]["action"]) == (guid_of(server, "one"), "update")
    fifth = [rows["fifth"][name] for name in ("guid", "action", "type", "files", "size")]
    assert fifth == [None, "create", "static", 1, 4]
    assert {request.method for request in server.requests[number:]} == {"GET"}
    assert not (shell.folder / "deploy.state").exists()


@pytest.mark.parametrize(
    "arguments", ["build --retry", "redeploy nothing-there", "deploy-all deploy.toml --retry"]
)
@pytest.mark.usefixtures("file")
async def test_failure_before_the_first_item(shell, arguments):
    """A command that fails before it has begun says only why, and prints no results."""
    result = await shell(*arguments.split(), "--json")
    assert (result.exit_code > 0, result.stdout) == (True, "")
    assert "No content matches" not in result.stderr


@pytest.mark.usefixtures("sites")
async def test_build_all_failed(server, shell):
    """Only content whose newest build has failed is built again."""
    server.state.build_script = BuildScript(code=1)
    assert (await shell("build", "one", "two")).exit_code == 1
    (shell.folder / "aconnect-build.state").unlink()
    server.state.build_script = BUILD
    result = await shell("build", "--all-failed", "--dry-run", "--json")
    assert states(result) == {"one": "pending", "two": "pending"}
    assert result.stderr == "2 items would be built; nothing was changed\n"
    result = await shell("build", "--all-failed", "--parallel", "1", "--json")
    assert (result.exit_code, states(result)) == (0, {"one": "done", "two": "done"})
    assert "2/2 " in result.stderr
    assert ": built in " in result.stderr
    result = await shell("build", "--all-failed")
    assert (result.exit_code, result.output) == (0, "No content matches.\n")


@pytest.mark.usefixtures("sites")
async def test_redeploy(server, shell):
    """Variables of many items are set after a confirmation, and their values are not printed."""
    shell.settings["TOKEN"] = SECRET
    arguments = ("redeploy", "--query", "t", "--set-env", "TOKEN", "--set-env", "MODE=fast")
    result = await shell(*arguments)
    assert result.exit_code == 2
    assert "Set TOKEN, MODE on 2 items (t" in result.stderr
    assert "), and redeploy them? Pass --yes to confirm" in result.stderr
    assert result.stdout == ""
    assert server.state.environment == {}
    result = await shell(*arguments, "--yes", "--json")
    assert (result.exit_code, states(result)) == (0, {"two": "done", "three": "done"})
    assert SECRET not in result.output
    expected = {"TOKEN": SECRET, "MODE": "fast"}
    assert [*server.state.environment.values()] == [expected, expected]


@pytest.mark.usefixtures("sites")
async def test_retry_of_a_redeployment(server, shell):
    """`--retry` needs the same variables, and says so."""
    server.script(faults.error(403, 22), on=f"POST /v1/content/{guid_of(server, 'two')}/deploy")
    state = ("--state", "my state")
    result = await shell("redeploy", "one", "two", "--set-env", "A=bcde", "--yes", *state)
    how = "Go on with: aconnect redeploy --retry --state 'my state', with the same --set-env"
    assert result.stderr.splitlines()[-1] == how
    result = await shell("redeploy", "--retry", *state)
    assert (result.exit_code, "sets other variables (A)" in result.stderr) == (2, True)
    result = await shell("redeploy", "--retry", *state, "--set-env", "A=bcde", "--json")
    assert (result.exit_code, states(result)) == (0, {"one": "done", "two": "done"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("build", "no content: pass"),
        ("build one --tag x", "pass either ITEM, or options"),
        ("build --retry --all-failed", "leave out what selects content"),
        ("build --retry", "has no run to go on with"),
        ("redeploy one --set-env NOT_THERE", "--set-env NOT_THERE: the environment of"),
        ("deploy-all missing.toml", "does not exist"),
        ("deploy-all deploy.toml --transfers 0", "0 is not in the range"),
    ],
)
@pytest.mark.usefixtures("file")
async def test_usage(server, shell, arguments, message):
    """Options that contradict each other are refused before anything is requested."""
    result = await shell(*arguments.split())
    assert (result.exit_code, server.requests) == (2, [])
    assert message in " ".join(result.stderr.split())


@pytest.mark.usefixtures("file")
async def test_refused_key(server, shell):
    """A key that is refused ends the batch, and the message says what is left."""
    server.script(*[faults.error(401, 30)] * 50)
    result = await shell("deploy-all", "deploy.toml")
    assert result.exit_code == 1
    assert "3 of 3 items are not done; --retry goes on with them, from deploy.state" in (
        result.stderr
    )
    server.clear_script()
    result = await shell("deploy-all", "deploy.toml")
    assert result.exit_code == 2
    assert "Pass --retry to go on with them" in result.stderr
    assert (await shell("deploy-all", "deploy.toml", "--retry")).exit_code == 0


@pytest.mark.usefixtures("file")
async def test_interrupted(server, shell):
    """After Ctrl-C, what is open is listed, and `--retry` completes it."""
    server.state.build_script = BuildScript(hang=True)
    process = await shell.start("deploy-all", "deploy.toml", "--parallel", "1")
    while not server.count("GET", "/v1/tasks/*"):  # noqa: ASYNC110  of another process
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert process.returncode == 130
    assert b"3 of 3 items are not done.\nGo on with: aconnect deploy-all --retry deploy.toml" in err
    assert b"running\tbuild" in out
    for jobs in server.state.jobs.values():
        for job in jobs.values():
            job.run.end(0, "")
    server.state.build_script = BUILD
    result = await shell("deploy-all", "deploy.toml", "--retry", "--json")
    assert (result.exit_code, set(states(result).values())) == (0, {"done"})
    assert [len(bundles) for bundles in server.state.bundles.values()] == [1, 1, 1]


@pytest.mark.usefixtures("file")
async def test_terminal(server, shell):
    """On a terminal a table shows what runs with its log, and a line is kept for each result."""
    server.state.build_script = BuildScript(lines=("a \x1b[31mline", "end"), seconds_per_line=0.5)
    written = await shell.errors_on_terminal("deploy-all", "deploy.toml", columns=100)
    assert "Traceback" not in written
    assert re.search(r"two +(build|verify|activate) +0:0\d +a .*line", written)
    assert "3/3 " in written
    assert "\x1b[31m" not in written
