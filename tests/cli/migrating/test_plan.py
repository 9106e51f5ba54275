"""`aconnect migrate plan`: what is printed, written, chosen and refused."""

import json
import re

import pytest

from aconnect.testing import FakeConnect, Seed, faults
from tests.cli.migrating.conftest import PLAN


def rows(result):
    return [line.split("\t") for line in result.stdout.splitlines()]


def signs(result):
    return {row[3]: row[0] for row in rows(result)}


@pytest.mark.usefixtures("mine")
async def test_plan(shell, server, other):
    """Each item is a line with its sign; the plan is written, and nothing is changed."""
    result = await shell(*PLAN)
    assert result.exit_code == 0
    assert [row[:2] for row in rows(result)] == [["+", "1"], ["+", "2"], ["+", "3"]]
    assert rows(result)[0][2:8] == [
        *(next(iter(server.state.content)), "content-0000", "content-0000"),
        *("admin", "admin", rows(result)[0][7]),
    ]
    assert int(rows(result)[0][7]) > 0
    lines = result.stderr.splitlines()
    assert lines[0] == "3 items: 3 to create"
    assert lines[-2:] == ["Wrote plan.json.", "Run it with: aconnect migrate run plan.json"]
    assert "lost for all content" in result.stderr
    assert len(json.loads((shell.folder / "plan.json").read_text())["plan"]["items"]) == 3
    for one in (server, other):
        assert {request.method for request in one.requests} == {"GET"}


@pytest.mark.usefixtures("mine")
async def test_conflicts(shell, server, other):
    """A conflict is printed once with its items, and makes the exit code 2; the plan is written."""
    for guid in list(server.state.content)[:2]:
        server.state.environment[guid] = {"TOKEN": "value-of-token"}
    result = await shell(*PLAN)
    assert result.exit_code == 2
    assert signs(result) == {"content-0000": "?", "content-0001": "?", "content-0002": "+"}
    (line,) = [line for line in result.stderr.splitlines() if "no value of TOKEN" in line]
    assert line.startswith("  ? content-0000, content-0001: ")
    assert "Error: 2 of 3 items cannot be run as planned" in result.stderr
    number = len(other.requests)
    result = await shell("migrate", "run", "plan.json")
    assert result.exit_code == 2
    assert "the plan has conflicts" in result.stderr
    assert len(other.requests) == number


@pytest.mark.parametrize(
    ("options", "sign", "words"),
    [
        ("", "!", "--on-name-taken rename"),
        ("--on-name-taken rename", "+", "renamed to 'content-0000-2'"),
        ("--on-name-taken skip", "-", "skipped"),
    ],
)
@pytest.mark.usefixtures("mine")
async def test_policies(shell, options, sign, words):
    """A policy decides about a conflict, and the message about one names its option only."""
    async with FakeConnect(Seed(content=1)) as full:
        shell.settings["NEW_KEY"] = full.api_key
        path = shell.folder / "config.toml"
        path.write_text(re.sub(r'(?s)(.*server = )"[^"]*"', rf'\1"{full.url}"', path.read_text()))
        result = await shell(*PLAN, *options.split())
    assert signs(result)["content-0000"] == sign
    assert words in " ".join(result.output.split())
    assert "name_taken" not in result.output


async def test_grants(shell):
    """What only collaborators can download is a conflict, unless --grant-self allows it."""
    result = await shell(*PLAN)
    assert result.exit_code == 2
    assert "for the time of the migration with --grant-self" in result.stderr
    result = await shell(*PLAN, "--grant-self", "--overwrite")
    assert result.exit_code == 0
    assert "1 grant on the source" in result.stderr


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--owner", "publisher"], {"content-0001"}),
        (["--guid", "https://c.example/content/{}/"], {"content-0000"}),
        (["--guid", "{}", "--owner", "admin"], {"content-0000"}),
        (["--search", "content-0002"], {"content-0002"}),
        (["--tag", "Reports"], {"content-0000"}),
        (["--tag", "Department/Finance/Reports"], {"content-0000"}),
    ],
)
async def test_choosing(shell, server, options, names):
    """Content is chosen as for `migrate diff`: what matches one value of each kind."""
    guid = next(iter(server.state.content))
    server.state.tags.clear()
    names_of_tags = {"1": ("Department", None), "2": ("Finance", "1"), "3": ("Reports", "2")}
    for number, (name, parent) in names_of_tags.items():
        now = server.state.now()
        server.state.tags[number] = {
            "id": number,
            "name": name,
            "parent_id": parent,
            "created_time": now,
            "updated_time": now,
        }
    server.state.content_tags.clear()
    server.state.content_tags[guid] = {"3"}
    result = await shell(*PLAN, "--grant-self", *(one.format(guid) for one in options))
    assert result.exit_code == 0, result.output
    assert set(signs(result)) == names


async def test_unknown_choice(shell):
    """What the source does not have is refused, because a typing error would plan nothing."""
    for options in (("--tag", "Absent"), ("--owner", "nobody"), ("--guid", "0" * 8)):
        result = await shell(*PLAN, *options)
        assert result.exit_code == 2
        assert options[1] in result.stderr


async def test_existing_file(shell, server):
    """A plan is not overwritten without being told, and that is known before anything is read."""
    (shell.folder / "plan.json").write_text("mine")
    result = await shell(*PLAN)
    assert (result.exit_code, server.requests) == (2, [])
    assert "plan.json exists; pass --overwrite, or another --output" in result.stderr
    assert (shell.folder / "plan.json").read_text() == "mine"
    assert (await shell(*PLAN, "--grant-self", "-o", "other.json")).exit_code == 0
    assert (await shell(*PLAN, "--grant-self", "--overwrite")).exit_code == 0


@pytest.mark.usefixtures("mine")
async def test_json(shell):
    """--json prints the plan that is written."""
    result = await shell(*PLAN, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((shell.folder / "plan.json").read_text())


async def test_refresh(shell, planned, change):
    """A stale plan is refused with the command that plans again, and runs after it."""
    change(1, title="Changed since")
    result = await shell("migrate", "run", "plan.json")
    assert result.exit_code == 2
    assert "1 item changed since it was made (content-0001)" in result.stderr
    assert "Nothing was changed." in result.stderr
    assert (
        "plan again what has changed with: aconnect migrate plan --refresh plan.json"
        in result.stderr
    )
    before = json.loads(planned.read_text())["plan"]
    result = await shell("migrate", "plan", "--refresh", "plan.json")
    assert result.exit_code == 0, result.output
    assert "Planned again: 1 of 3 items (content-0001)\n" in result.stderr
    after = json.loads(planned.read_text())["plan"]
    assert after["id"] == before["id"]
    assert [one["source"]["title"] for one in after["items"]][1] == "Changed since"
    assert after["items"][0] == before["items"][0]
    assert (await shell("migrate", "run", "plan.json")).exit_code == 0


@pytest.mark.usefixtures("planned")
async def test_refresh_for_another_journal(shell, change):
    """The command that plans again names the journal of the run that needs it."""
    change(1, title="Changed since")
    result = await shell("migrate", "run", "plan.json", "--journal", "a.db")
    assert result.exit_code == 2
    assert "with: aconnect migrate plan --refresh plan.json --journal a.db\n" in result.stderr


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    "command",
    [(*PLAN, "-o"), ("migrate", "map", *PLAN[2:], "-o"), ("migrate", "snapshot", "old", "-o")],
)
async def test_a_folder_that_is_missing(shell, server, command):
    """A path that cannot be written is refused before the servers are read."""
    result = await shell(*command, "missing/file.json")
    assert result.exit_code == 2
    assert "there is no folder 'missing'" in result.stderr
    assert server.requests == []


async def test_refresh_of_a_begun_run(shell, other, planned, change):
    """What a run has begun stays as it is planned; what it has not is planned again, and runs."""
    other.script(faults.error(403, 22), on="POST /v1/content")
    result = await shell("migrate", "run", "plan.json", "--calls", "1")
    assert result.exit_code == 1
    failed = next(line for line in result.stdout.splitlines() if line.startswith("failed"))
    items = json.loads(planned.read_text())["plan"]["items"]
    guids = [item["source"]["guid"] for item in items]
    names = [item["source"]["name"] for item in items]
    refused = names.index(failed.split("\t")[2])
    for number in range(3):
        change(number, title="Changed since")
    result = await shell("migrate", "plan", "--refresh", "plan.json")
    assert result.exit_code == 0, result.output
    again = json.loads(planned.read_text())["plan"]["items"]
    assert [item["source"]["guid"] for item in again] == guids
    assert [item["source"]["title"] == "Changed since" for item in again] == [
        number == refused for number in range(3)
    ]
    result = await shell("migrate", "run", "plan.json", "--retry")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("planned")
async def test_refresh_keeps_options(shell, server):
    """What a plan was made with cannot be changed by a refresh; another file can be written."""
    number = len(server.requests)
    for options in (("--tag", "A"), ("--grant-self",), ("--on-missing", "without")):
        result = await shell("migrate", "plan", "--refresh", "plan.json", *options)
        assert result.exit_code == 2
        assert f"leave {options[0]} out" in result.stderr
    assert len(server.requests) == number
    result = await shell("migrate", "plan", "--refresh", "plan.json", "-o", "new.json")
    assert result.exit_code == 0
    assert "Planned again: nothing" in result.stderr
    assert (shell.folder / "new.json").exists()


async def test_servers(shell, server):
    """Both servers must be named, and must be two; an address has the key of its profile."""
    result = await shell("migrate", "plan", "--from", "old")
    assert (result.exit_code, "pass --from SERVER and --to SERVER" in result.stderr) == (2, True)
    result = await shell("migrate", "plan", "--from", server.url, "--to", "old")
    assert (result.exit_code, "both servers are" in result.stderr) == (2, True)
    result = await shell(
        "migrate", "plan", "--from", server.url, "--to", "new", "--owner", "publisher"
    )
    assert "content-0001" in result.stdout


@pytest.mark.parametrize("number", [3, 30])
async def test_terminal(shell, server, number):
    """Few items have all findings below them; many have the kinds of their conflicts."""
    first = next(iter(server.state.content.values()))
    for more in range(3, number):
        guid = f"{more:08}-0000-4000-8000-000000000000"
        server.state.content[guid] = {**first, "guid": guid, "name": f"name-{more}"}
    out, err = await shell.on_terminal(*PLAN, "--grant-self", columns=100)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.decode())
    assert max(map(len, text.splitlines())) <= 100
    granted = "becomes a collaborator"
    assert (granted in text) is (number == 3)
    assert (granted in err.decode()) is (number == 30)
    assert ("never-deployed" in text) is (number == 30)
    out, err = await shell.on_terminal(*PLAN, "--grant-self", "--verbose", "--overwrite")
    assert granted in " ".join(out.decode().split())


@pytest.mark.usefixtures("planned")
async def test_after_a_migration(shell, change):
    """What an earlier migration has created is updated if it has changed, and only between them."""
    assert (await shell("migrate", "run", "plan.json")).exit_code == 0
    change(title="Another title")
    result = await shell(*PLAN, "--overwrite", "--migrated", "plan.db")
    assert result.exit_code == 0, result.output
    assert signs(result) == {"content-0000": "~", "content-0001": "=", "content-0002": "="}
    result = await shell(
        "migrate", "plan", "--from", "new", "--to", "old", "--overwrite", "--migrated", "plan.db"
    )
    assert (result.exit_code, "is the journal of a migration from" in result.stderr) == (2, True)


@pytest.mark.usefixtures("mine")
async def test_calls_that_fail_together(shell, other):
    """They are reported once, not each with its address."""
    other.script(*[faults.reset()] * 6, on="GET *")
    result = await shell(*PLAN)
    assert result.exit_code == 0, result.output
    first, *more = (line for line in result.stderr.splitlines() if "retrying in" in line)
    assert first.startswith("destination: GET ")
    assert all(line.startswith("destination: the same; ") for line in more)
    assert len(more) < 3
