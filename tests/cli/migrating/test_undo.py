"""`aconnect migrate undo`: what it shows, asks, takes back and refuses."""

import json

import pytest

from aconnect.testing import faults

UNDO = ("migrate", "undo", "plan.db")


@pytest.fixture
async def migrated(shell, planned):
    """A run that is complete."""
    del planned
    result = await shell("migrate", "run", "plan.json")
    assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("migrated")
async def test_undo(shell, other):
    """It shows what would be taken back, asks, and then takes it back; the plan can run again."""
    urls = [f"{other.url}/content/{guid}/" for guid in other.state.content]
    number = len(other.requests)
    result = await shell(*UNDO)
    assert result.exit_code == 2
    assert "Take back 3 items? Pass --yes to confirm" in result.stderr
    for url in urls:
        assert f"{url}: delete the content" in result.stderr
    assert len(other.requests) == number
    result = await shell(*UNDO, "--yes")
    assert result.exit_code == 0
    assert sorted(line.split("\t")[:3] for line in result.stdout.splitlines()) == [
        ["undone", str(number + 1), f"content-000{number}"] for number in range(3)
    ]
    assert result.stderr.endswith("\n3 of 3 items taken back\n")
    assert other.state.content == {}
    result = await shell(*UNDO, "--yes")
    assert (result.exit_code, result.stderr) == (0, "There is nothing to take back.\n")
    assert (await shell("migrate", "run", "plan.json")).exit_code == 0
    assert len(other.state.content) == 3


@pytest.mark.usefixtures("migrated")
async def test_refused(shell, other):
    """What has changed since is refused with exit code 1, unless --force names it."""
    guid = next(iter(other.state.content))
    viewer = other.state.known_user("publisher")["guid"]
    other.state.content[guid]["owner_guid"] = viewer
    result = await shell(*UNDO, "--yes")
    assert result.exit_code == 1
    assert "Error: not all was taken back: 1 refused" in result.stderr
    assert "name it with --force to take it back anyway" in " ".join(result.stderr.split())
    assert result.stderr.endswith("Go on with: aconnect migrate undo plan.db\n")
    assert list(other.state.content) == [guid]
    result = await shell(*UNDO, "--yes", "--force", guid)
    assert result.exit_code == 0, result.output
    assert other.state.content == {}


@pytest.mark.usefixtures("migrated")
async def test_failure(shell, other):
    """What fails is a row with its reason, and the same command goes on."""
    other.script(faults.error(403, 22), on="DELETE /v1/content/*")
    result = await shell(*UNDO, "--yes", "--json")
    assert result.exit_code == 1
    outcomes = [row["outcome"] for row in json.loads(result.stdout)]
    assert sorted(outcomes) == ["failed", "undone", "undone"]
    assert "1 failed" in result.stderr
    assert (await shell(*UNDO, "--yes")).exit_code == 0
    assert other.state.content == {}


async def test_no_journal(shell):
    """A file that is missing, or no journal, is refused."""
    result = await shell(*UNDO, "--yes")
    assert (result.exit_code, "does not exist" in result.stderr) == (2, True)
    (shell.folder / "plan.db").write_text("something else")
    result = await shell(*UNDO, "--yes")
    assert (result.exit_code, "cannot be read" in result.stderr) == (1, True)


async def test_a_damaged_journal(shell):
    """A file that is no journal is refused in the words of the command line."""
    (shell.folder / "plan.db").write_text("a plan")
    result = await shell(*UNDO)
    assert result.exit_code == 1
    assert "choose another JOURNAL, or" in " ".join(result.stderr.split())
