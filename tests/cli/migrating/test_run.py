"""`aconnect migrate run`: progress, results, reports, exit codes, and going on after Ctrl-C."""

import asyncio
import json
import re
import signal

import pytest

from aconnect.migrate.snapshots.comparing import Difference
from aconnect.testing import BuildScript, faults
from aconnect.testing.connect.routes.content.repository import new_repository
from tests.cli.migrating.conftest import PLAN, SECRETS

RUN = ("migrate", "run", "plan.json")


def names(fake):
    return sorted(row["name"] for row in fake.state.content.values())


def writes(fake):
    return [request for request in fake.requests if request.method != "GET"]


@pytest.mark.usefixtures("planned")
async def test_run(shell, server, other):
    """Each item gets a line when it ends and a line of results; the reports are written."""
    result = await shell(*RUN, "--report", "a.html", "--report", "a.csv")
    assert result.exit_code == 0, result.output
    assert names(other) == ["content-0000", "content-0001", "content-0002"]
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[:3] for row in rows] == [["done", str(n + 1), f"content-000{n}"] for n in range(3)]
    for fake, column in ((other, 3), (server, 5)):
        assert {row[column] for row in rows} == {
            f"{fake.url}/content/{guid}/" for guid in fake.state.content
        }
    lines = result.stderr.splitlines()
    assert [re.sub(r" content-000\d: migrated in \d:\d\d", "", line) for line in lines[:3]] == [
        *("1/3", "2/3", "3/3")
    ]
    assert re.match(r"3 migrated as planned; \S+ \w+ sent", lines[3])
    assert lines[-2:] == ["Report: a.html", "Report: a.csv"]
    assert (shell.folder / "plan.db").exists()
    assert "content-0002" in (shell.folder / "a.html").read_text()
    assert not (shell.folder / "plan.html").exists()


@pytest.mark.usefixtures("planned")
async def test_again(shell, other):
    """A run that is complete writes nothing when it is repeated, and says the same."""
    first = await shell(*RUN)
    number = len(writes(other))
    again = await shell(*RUN)
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert len(writes(other)) == number
    assert (shell.folder / "plan.html").exists()


@pytest.mark.usefixtures("planned")
async def test_failure(shell, other):
    """A failure is described with its log, makes the exit code 1, and is repeated by --retry."""
    other.state.build_script = BuildScript(lines=("no such package",), code=1, error="exit 1")
    result = await shell(*RUN)
    assert result.exit_code == 1
    assert {line.partition("\t")[0] for line in result.stdout.splitlines()} == {"failed"}
    text = result.stderr
    assert re.search(r"content-0000, building: task \S+ failed .*\n  \| no such package\n", text)
    assert "Error: 3 items: 3 failed" in text
    assert text.endswith("Go on with: aconnect migrate run plan.json --retry\n")
    other.state.build_script = BuildScript(lines=("built",))
    assert (await shell(*RUN)).exit_code == 1
    result = await shell(*RUN, "--retry")
    assert result.exit_code == 0, result.output
    assert len(names(other)) == 3


@pytest.mark.usefixtures("planned")
async def test_differences(shell, monkeypatch):
    """What is not as planned after it was migrated makes the exit code 1."""
    found = (Difference("title", "A", "B"),)
    monkeypatch.setattr(
        "aconnect.migrate.running.steps.completing.compare_content", lambda *_: found
    )
    result = await shell(*RUN)
    assert result.exit_code == 1
    assert "Different from the plan:\n  content-0000: title is 'B' instead of 'A'" in result.stderr
    assert "Error: 3 items: 3 differ from the plan" in result.stderr
    assert "--retry" not in result.stderr


@pytest.mark.usefixtures("planned")
async def test_json(shell):
    """Each event is a line of JSON, the last line is the report, and there is no other progress."""
    result = await shell(*RUN, "--json", "--report", "a.json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"step", "progress", "log", "done", "report"} == {line["kind"] for line in lines}
    assert [line["kind"] for line in lines].index("report") == len(lines) - 1
    report = json.loads((shell.folder / "a.json").read_text())
    assert lines[-1] == {"kind": "report", **report}
    assert [item["outcome"] for item in report["items"]] == ["done"] * 3
    assert result.stderr == "Report: a.json\n"


@pytest.mark.usefixtures("planned")
async def test_verbose(shell):
    """With --verbose, what is done with each item is printed as well, in words."""
    lines = (await shell(*RUN, "--verbose")).stderr.splitlines()
    assert "content-0001: creating" in lines
    assert "content-0001: verifying" in lines
    assert "locked" not in "".join(lines)


@pytest.mark.usefixtures("planned")
async def test_go_on_with_the_same_options(shell, other):
    """The command that goes on has what was asked for: bounds, reports, journal and --retry."""
    other.state.build_script = BuildScript(lines=("no",), code=1, error="exit 1")
    given = ("--journal", "a.db", "--builds", "1", "--retry", "--report", "a.csv")
    result = await shell(*RUN, "--verbose", "--insecure", *given)
    assert result.exit_code == 1
    go_on = "Go on with: aconnect migrate run plan.json"
    assert f"{go_on} --journal a.db --builds 1 --retry --report a.csv\n" in result.stderr


@pytest.mark.usefixtures("planned")
async def test_a_refused_key(shell, other):
    """Only the key of the server that refused it is to be replaced."""
    other.state.keys.clear()
    result = await shell(*RUN)
    assert result.exit_code == 1
    assert "The key is that of profile 'new'" in result.stderr
    assert "profile 'old'" not in result.stderr


@pytest.mark.usefixtures("planned")
async def test_done_items_have_no_step(shell, other):
    """Steps that had nothing to do are not shown as if they had: no source is locked."""
    other.script(faults.error(403, 22), on="POST /v1/content")
    result = await shell(*RUN, "--calls", "1")
    steps = {tuple(line.split("\t")[::4]) for line in result.stdout.splitlines()}
    assert steps == {("done", ""), ("failed", "created")}


async def test_interrupted(shell, server, other):
    """After Ctrl-C, the grants are withdrawn, and the same command completes the run."""
    assert (await shell(*PLAN, "--grant-self")).exit_code == 0
    other.state.build_script = BuildScript(hang=True)
    process = await shell.start(*RUN, "--journal", "a.db")
    while not other.count("GET", "/v1/tasks/*"):  # noqa: ASYNC110  of another process
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert err.decode().endswith(
        "Stopping. The grants on the source are withdrawn first.\n"
        "Stopped.\n3 of 3 items are not done.\nThe grants on the source were withdrawn.\n"
        "Go on with: aconnect migrate run plan.json --journal a.db\n"
    )
    assert server.count("DELETE", "/v1/content/*/permissions/*") == 1
    for jobs in other.state.jobs.values():
        for job in jobs.values():
            job.run.end(0, "")
    other.state.build_script = BuildScript(lines=("built",))
    result = await shell(*RUN, "--journal", "a.db")
    assert result.exit_code == 0, result.output
    assert len(names(other)) == 3


@pytest.mark.usefixtures("planned")
async def test_interrupted_at_once(shell, server):
    """If nothing was written before Ctrl-C, the message says that nothing was changed."""
    server.outage = faults.slow_headers(30)
    process = await shell.start(*RUN)
    before = len(server.requests)
    while len(server.requests) == before:  # noqa: ASYNC110  of another process
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert b"Stopped.\nNothing was changed.\nGo on with: aconnect migrate run plan.json" in err


@pytest.mark.usefixtures("planned")
async def test_terminal(shell, other):
    """A terminal shows the numbers and what is in work with its step and log, redrawn."""
    other.state.build_script = BuildScript(
        lines=("a \x1b[31mline", "another", "end"), seconds_per_line=0.4
    )
    written = await shell.errors_on_terminal(*RUN, columns=100)
    assert "Traceback" not in written
    assert re.search(r"0 done, 3 left, 0:0\d elapsed, \d+ bytes sent", written)
    assert re.search(r"content-0000 +building +0:0\d +a line", written)
    assert "\x1b[31m" not in written
    assert "3 migrated as planned" in written
    assert "migrated in" not in written


@pytest.mark.usefixtures("planned")
async def test_terminal_after_failures(shell, other):
    """What failed before and is not tried again is not counted as done."""
    other.state.build_script = BuildScript(lines=("no",), code=1, error="exit 1")
    assert (await shell(*RUN)).exit_code == 1
    written = await shell.errors_on_terminal(*RUN, columns=100)
    assert re.search(r"0 done, 3 failed, 0 left", written)


@pytest.mark.usefixtures("planned")
async def test_refused_before_anything(shell, server, other):
    """A report of an unknown format, or in no folder, is refused before anything is requested."""
    numbers = len(server.requests), len(other.requests)
    for path, words in (("a.xls", ".html, .json, .csv"), ("absent/a.html", "no folder 'absent'")):
        result = await shell(*RUN, "--report", path)
        assert (result.exit_code, words in " ".join(result.stderr.split())) == (2, True)
    (shell.folder / "other.json").write_text('{"format": 1}')
    result = await shell("migrate", "run", "other.json")
    assert (result.exit_code, "is not a plan of a migration" in result.stderr) == (2, True)
    assert (len(server.requests), len(other.requests)) == numbers


@pytest.mark.usefixtures("planned")
async def test_no_key_for_an_address(shell):
    """If no profile is for an address of the plan, the message says how to save one."""
    shell.settings["ACONNECT_CONFIG"] = str(shell.folder / "absent.toml")
    result = await shell(*RUN)
    assert result.exit_code == 2
    assert "aconnect login NAME --server" in result.stderr


@pytest.mark.usefixtures("mine")
async def test_no_secrets(shell, server, other):
    """No key and no value is in a plan, a journal, a report, or anything that is printed."""
    value, password = SECRETS
    from_git = list(server.state.content)[1]
    server.state.environment.update({guid: {"TOKEN": value} for guid in server.state.content})
    server.state.repositories[from_git] = new_repository(
        f"https://user:{password}@git.example/sales.git", server.state.now()
    )
    (shell.folder / "secrets.env").write_text(f"TOKEN={value}\n")
    (shell.folder / "mapping.toml").write_text('[env]\nTOKEN = { file = "secrets.env" }\n')
    other.state.build_script = BuildScript(lines=(f"TOKEN={value}",), code=1, error=value)
    texts = [(await shell(*PLAN, "--map", "mapping.toml", "--json")).output]
    reports = [word for name in ("r.html", "r.json", "r.csv") for word in ("--report", name)]
    texts.append((await shell(*RUN, *reports, "--verbose")).output)
    other.state.build_script = BuildScript(lines=(f"TOKEN={value}",))
    texts.append((await shell(*RUN, *reports, "--retry", "--json")).output)
    assert list(other.state.environment.values()) == [{"TOKEN": value}] * 3
    texts.append((await shell("migrate", "undo", "plan.db", "--yes")).output)
    files = [path for path in shell.folder.iterdir() if path.name != "secrets.env"]
    assert {"plan.json", "plan.db", "r.html", "r.json", "r.csv"} <= {path.name for path in files}
    texts += [path.read_bytes().decode("utf-8", "replace") for path in files]
    assert "git.example/sales.git" in texts[0]
    for text in texts:
        for secret in (value, password, server.api_key, other.api_key):
            assert secret not in text
