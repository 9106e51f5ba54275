"""Users, groups and environments that the destination lacks are created first, if asked for."""

import msgspec
import pytest

from aconnect import migrate
from aconnect.migrate.people.model import Change
from aconnect.migrate.running.journal import Journal
from aconnect.testing import faults
from tests.migrate.migrating import clients, make_plan, servers, state

OPTIONS = migrate.Options(grant_self=True, people=True)


async def test_people_are_created_first(tmp_path):
    """An owner and a group that nobody maps are created, and then own and see the content."""
    async with servers(["unmapped", "own"]) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, OPTIONS)
        assert not plan.has_conflicts, [item.findings for item in plan.items]
        assert {change.kind for change in plan.people} >= {"create-user", "create-group"}
        await migrate.save_plan(plan, tmp_path / "plan.json")
        plan = await migrate.load_plan(tmp_path / "plan.json", source, destination)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        there = state(both[1])
        assert there["content"]["ivan/unmapped"]["permissions"] == [["group", "auditors", "viewer"]]
        assert "ivan" in there["users"]
        assert "auditors" in there["groups"]
        assert {mail["about"] for mail in both[1].state.mails} <= {"confirmation"}
        assert "mail" in {finding.kind for finding in plan.findings}
        undone = await migrate.undo(tmp_path / "run.db", source, destination)
        assert any("ivan" in note for item in undone for note in item.notes)
        assert "ivan" in state(both[1])["users"], "servers cannot delete users"
        assert "ivan/unmapped" not in state(both[1])["content"]


async def test_nobody_is_created_unless_asked_for(tmp_path):
    """Without the option, what nobody maps is a conflict."""
    async with servers(["unmapped"]) as both, clients(*both) as (source, destination):
        before = state(both[1])
        plan = await make_plan(source, destination, tmp_path)
        assert plan.has_conflicts
        assert plan.people == ()
        assert state(both[1]) == before


@pytest.mark.parametrize("call", ["POST /v1/users", "POST /v1/groups"])
async def test_somebody_who_cannot_be_created(tmp_path, call):
    """Only the content that needs them fails, and the next run completes it."""
    async with servers(["unmapped", "own"]) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, OPTIONS)
        both[1].script(faults.error(403, 22), on=call)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        outcomes = {item.name: (item.outcome, item.error_type) for item in report.items}
        assert outcomes == {"unmapped": ("failed", "PermissionDeniedError"), "own": ("done", None)}
        both[1].clear_script()
        report = await migrate.run(plan, journal=tmp_path / "run.db", retry=True)
        assert not report.has_failed, report


async def test_people_stay_and_are_not_created_again(tmp_path):
    """After undo the plan can be run again: those who stayed are used."""
    async with servers(["unmapped", "own"]) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, OPTIONS)
        await migrate.run(plan, journal=tmp_path / "run.db")
        after = state(both[1])
        await migrate.undo(tmp_path / "run.db", source, destination)
        assert await migrate.undo(tmp_path / "run.db", source, destination) == []
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert state(both[1]) == after


async def test_names_with_spaces(tmp_path):
    """The journal tells changes apart whose names look alike when they are put together."""
    async with servers(["own"]) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, OPTIONS)
        await destination.users.create(username="c", email="c@example.com")
        await destination.users.create(username="b c", email="bc@example.com")
        people = [
            *(Change(kind="create-group", name=name) for name in ("a", "a b")),
            Change(kind="add-member", name="a", member="b c"),
            Change(kind="add-member", name="a b", member="c"),
        ]
        plan = msgspec.structs.replace(plan, people=tuple(people)).bind(source, destination)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        with Journal(tmp_path / "run.db") as journal:
            keys = [write.key for write in journal.writes() if write.kind == "people"]
        assert len(set(keys)) == len(people)
