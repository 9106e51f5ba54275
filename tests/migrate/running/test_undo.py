"""Taking a migration back: both servers are as before, or something says what is left."""

import shutil
from contextlib import asynccontextmanager

import msgspec
import pytest

from aconnect import migrate
from aconnect.errors import AconnectError, InvalidArgumentError
from aconnect.testing import faults
from aconnect.testing.connect.routes.content.bundles import small_archive
from tests.faulting import FAULTS, Unharmed
from tests.migrate.migrating import (
    KINDS,
    OPTIONS,
    clients,
    copied,
    differences,
    make_plan,
    operations,
    servers,
    state,
)
from tests.migrate.updating import existing, named, plan_update

TAKING = msgspec.structs.replace(
    OPTIONS, policies=migrate.Policies(vanity_taken="take", missing="without")
)
"""Options that change the most, on both servers."""


@asynccontextmanager
async def migrated(folder, kinds=KINDS, options=OPTIONS, **both_options):
    """Two servers after a migration: servers, clients, what they were before, and the report."""
    async with servers(kinds, **both_options) as both, clients(*both) as two:
        before = [state(server) for server in both]
        plan = await make_plan(*two, folder, options)
        assert not plan.has_conflicts, [item.findings for item in plan.items]
        report = await migrate.run(plan, journal=folder / "run.db")
        yield both, two, before, plan, report


async def undone(folder, two, **options):
    return {one.name: one for one in await migrate.undo(folder / "run.db", *two, **options)}


def assert_as_before(both, before):
    for server, wanted in zip(both, before, strict=True):
        assert differences(state(server), wanted) == []


async def test_both_servers_are_as_before(tmp_path):
    """Content, tags, grants and locks are taken back, and a second time there is nothing."""
    async with migrated(tmp_path) as (both, two, before, _, report):
        assert not report.has_failed, report
        assert state(both[1]) != before[1]
        taken = await undone(tmp_path, two)
        assert {one.outcome for one in taken.values()} == {"undone"}
        assert {*taken} == {*KINDS, "for all items"}
        assert all(one.notes == () for one in taken.values())
        assert_as_before(both, before)
        for server in both:
            server.requests.clear()
        assert await migrate.undo(tmp_path / "run.db", *two) == []
        assert [one.path for server in both for one in server.requests] == ["/v1/user"] * 2
        assert migrate.read_journal(tmp_path / "run.db").items == ()


async def test_run_again_with_the_same_journal(tmp_path):
    """The plan can be run after it was taken back, and taken back again."""
    async with migrated(tmp_path) as (both, two, before, plan, report):
        after = [state(server) for server in both]
        await undone(tmp_path, two)
        again = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not again.has_failed, again
        assert [one.bytes for one in again.items] == [one.bytes for one in report.items]
        assert [one.notes for one in again.items] == [one.notes for one in report.items]
        assert_as_before(both, after)
        await undone(tmp_path, two)
        assert_as_before(both, before)


async def test_the_former_role_on_the_source(tmp_path):
    """Who was a viewer before a grant is one again, after the run and after undo."""
    async with servers(["report"]) as both, clients(*both) as two:
        guid, me = named(both[0], "report")["guid"], both[0].state.known_user("root")
        both[0].state.permit(guid, me["guid"], "viewer")
        before = [state(server) for server in both]
        plan = await make_plan(*two, tmp_path)
        both[1].script(*[faults.error(403, 22)] * 9, on="POST *content/*/bundles")
        # The run makes a collaborator of a viewer, and fails to make it a viewer again.
        both[0].script(Unharmed(), *[faults.error(403, 22)] * 9, on="PUT *content/*/permissions/*")
        await migrate.run(plan, journal=tmp_path / "run.db")
        taken = await undone(tmp_path, two)
        assert taken["report"].outcome == "failed"
        both[0].clear_script()
        assert (await undone(tmp_path, two))["report"].outcome == "undone"
        assert_as_before(both, before)


CALLS = ("POST *content", "PATCH *content/*", "POST *content/*/bundles", "POST *content/*/deploy")


@pytest.mark.parametrize("call", CALLS)
async def test_a_run_whose_items_failed(tmp_path, call):
    """What items that failed have written is taken back, also if a response was lost."""
    async with servers() as both, clients(*both) as two:
        before = [state(server) for server in both]
        plan = await make_plan(*two, tmp_path)
        # The look-ups fail as well, so that the run does not know what it has written.
        both[1].script(*[faults.after(faults.reset())] * 30, on=call)
        both[1].script(*[faults.status(500)] * 99, on="GET *content*")
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert {item.outcome for item in report.items} <= {"failed", "pending"}
        both[1].clear_script()
        taken = await undone(tmp_path, two)
        assert {one.outcome for one in taken.values()} == {"undone"}
        assert_as_before(both, before)


async def test_a_failure_before_the_first_write(tmp_path):
    """What failed before it wrote anything is done by the next run, without retry=."""
    async with servers(["own"]) as both, clients(*both) as two:
        plan = await make_plan(*two, tmp_path)
        both[1].script(faults.error(403, 22), on="POST *content")
        await migrate.run(plan, journal=tmp_path / "run.db")
        assert await undone(tmp_path, two) == {}
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert [item.outcome for item in report.items] == ["done"]


async def deploy_again(_, client, row):
    item = await client.content.get(row["guid"])
    await (await item.deploy(item.bundle_id))


async def deploy_another(_, client, row):
    item = await client.content.get(row["guid"])
    bundle = await item.bundles.create(small_archive("quarto-static")[0])
    await (await item.deploy(bundle))


async def give_away(server, client, row):
    zoe = server.state.known_user("zoe")
    await client.content.update(row["guid"], owner_guid=zoe["guid"])


async def give_to_me(server, client, row):
    await client.content.update(row["guid"], owner_guid=server.state.known_user("admin")["guid"])


async def rename(_, client, row):
    await client.content.update(row["guid"], name="another-name")


CHANGES = {
    "again": (deploy_again, "deployed"),
    "another bundle": (deploy_another, "deployed"),
    "owner": (give_away, "another owner"),
    "my own": (give_to_me, "another owner"),
    "name": (rename, "renamed to 'another-name'"),
}


@pytest.mark.parametrize(("change", "text"), CHANGES.values(), ids=CHANGES)
async def test_refused_for_what_has_changed_since(tmp_path, change, text):
    """Content that others work with is kept, and its source locked; force= takes it back."""
    async with migrated(tmp_path) as (both, two, before, _, _):
        row = named(both[1], "report")
        await change(both[1], two[1], row)
        kept = state(both[1])["content"]
        taken = await undone(tmp_path, two)
        assert {one.name for one in taken.values() if one.outcome == "refused"} == {"report"}
        assert text in taken["report"].text
        assert row["guid"] in taken["report"].text
        assert [note for note in taken["for all items"].notes if "'Region/North'" in note]
        now = state(both[1])["content"]
        changed = next(key for key in kept if key.endswith(("/report", "/another-name")))
        assert now == {**before[1]["content"], changed: kept[changed]}
        assert state(both[0])["content"]["alice/report"]["settings"]["locked"]
        assert (await undone(tmp_path, two))["report"].outcome == "refused"
        taken = await undone(tmp_path, two, force=[row["guid"]])
        assert {one.outcome for one in taken.values()} == {"undone"}
        assert_as_before(both, before)


async def test_deleted_since(tmp_path):
    """Nothing is to be done for content that somebody deleted, on either server."""
    async with migrated(tmp_path) as (both, two, before, _, _):
        await two[1].content.delete(named(both[1], "report")["guid"])
        await two[0].content.delete(named(both[0], "report")["guid"])
        taken = await undone(tmp_path, two)
        assert {one.outcome for one in taken.values()} == {"undone"}
        assert differences(state(both[1]), before[1]) == []


async def test_locked_again_since(tmp_path):
    """A lock of the source by somebody else stays."""
    async with migrated(tmp_path, ["own"]) as (both, two, _, _, _):
        row = named(both[0], "own")
        await two[0].content.update(row["guid"], locked_message="Frozen for the audit.")
        (taken,) = await migrate.undo(tmp_path / "run.db", *two)
        assert "locked again" in taken.notes[0]
        assert row["locked"]


async def add_content_with_tag(server, client):
    tag = next(tag for tag in await client.tags.find() if tag.name == "North")
    other = named(server, "other")
    await client.content.handle(other["guid"]).tags.add(tag)


async def test_tags_in_use(tmp_path):
    """A tag that other content has stays with those above it, until nobody uses it any more."""
    async with migrated(tmp_path) as (both, two, before, _, _):
        await add_content_with_tag(both[1], two[1])
        there = len(before[1]["tags"])
        taken = await undone(tmp_path, two)
        notes = taken["for all items"].notes
        assert ["'Region'" in note or "'Region/North'" in note for note in notes] == [True, True]
        assert len(state(both[1])["tags"]) == there + 2
        both[1].state.content_tags.clear()
        taken = await undone(tmp_path, two)
        assert {*taken} == {"for all items"}
        assert taken["for all items"].notes == ()
        assert_as_before(both, before)


async def test_a_tag_that_was_deleted_since(tmp_path):
    """Tags that undo has left and somebody deleted are created again by the next run."""
    async with migrated(tmp_path) as (both, two, _, plan, _):
        after = state(both[1])
        await add_content_with_tag(both[1], two[1])
        await undone(tmp_path, two)
        both[1].state.content_tags.clear()
        for tag in reversed(await two[1].tags.find()):
            if "Region" in {
                tag.name,
                tag.parent_id and (await two[1].tags.get(tag.parent_id)).name,
            }:
                await tag.delete()
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert differences(state(both[1]), after) == []


async def test_other_servers_or_keys(tmp_path):
    """Only the servers and users of the run can take it back."""
    async with migrated(tmp_path, ["own"]) as (both, two, _, _, _):
        with pytest.raises(InvalidArgumentError, match="not with"):
            await migrate.undo(tmp_path / "run.db", *reversed(two))
        both[1].api_key = "destination-key-of-bob"
        async with clients(*both) as others:
            with pytest.raises(InvalidArgumentError, match="another user than bob"):
                await migrate.undo(tmp_path / "run.db", *others)


PATH = "/report/weekly/"


async def nothing(*_):
    pass


async def delete_holder(_, client, holder):
    await client.content.delete(holder)


async def give_holder_another(_, client, holder):
    await client.content.handle(holder).vanity.put(path="/elsewhere/")


async def give_to_a_third(server, client, _):
    third = named(server, "taken")["guid"]
    await client.content.handle(third).vanity.put(path=PATH, force=True)


AFTER = {
    "nothing": (nothing, "", ("zoe/other", PATH)),
    "holder deleted": (delete_holder, "does not exist any more", None),
    "holder has another": (
        give_holder_another,
        "has /elsewhere/ now",
        ("zoe/other", "/elsewhere/"),
    ),
    "a third has it": (give_to_a_third, "is not given back", ("bob/taken", PATH)),
}


@pytest.mark.parametrize("is_deleted", [False, True], ids=["there", "deleted"])
@pytest.mark.parametrize(("change", "text", "expected"), AFTER.values(), ids=AFTER)
async def test_vanity_urls_go_back(tmp_path, change, text, expected, is_deleted):
    """A path goes back to its former holder, unless that or the path is another's now."""
    async with servers(["report"]) as both, clients(*both) as two:
        holder = named(both[1], "other")["guid"]
        await two[1].content.handle(holder).vanity.put(path=PATH)
        plan = await make_plan(*two, tmp_path, TAKING)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert ["alice.smith/report", PATH] in [[b, a] for a, b in state(both[1])["vanities"]]
        await change(both[1], two[1], holder)
        if is_deleted:
            await two[1].content.delete(str(report.items[0].target_guid))
        taken = await undone(tmp_path, two)
        assert taken["report"].outcome == "undone"
        assert [text in note for note in taken["report"].notes] == ([True] if text else [])
        vanities = [(owner, path) for path, owner in state(both[1])["vanities"]]
        assert vanities == ([] if expected is None else [expected])


async def test_a_vanity_url_that_others_got_after_the_plan(tmp_path):
    """A path is taken only from the content that the plan names."""
    async with servers(["report"]) as both, clients(*both) as two:
        holder = named(both[1], "other")["guid"]
        await two[1].content.handle(holder).vanity.put(path=PATH)
        plan = await make_plan(*two, tmp_path, TAKING)
        await give_to_a_third(both[1], two[1], holder)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert report.items[0].error_type == "ConflictError"
        assert state(both[1])["content"]["bob/taken"]["vanity"] == PATH


@asynccontextmanager
async def interrupted(folder):
    """Two servers after a migration that did everything, and could not withdraw its grants."""
    async with existing(folder) as (both, two):
        # One item is created again, and takes the path of other content; others are updated.
        await two[1].content.delete(named(both[1], "report")["guid"])
        other = two[1].content.handle(named(both[1], "other")["guid"])
        await other.vanity.put(path="/report-source/")
        region = await two[1].tags.find_one(name="Region")
        assert region is not None
        await region.delete()
        before = [state(server) for server in both]
        plan = await plan_update(both, two, folder, ("api", "git"))
        assert {item.sign for item in plan.items} == {"+", "~"}
        both[0].script(*[faults.error(403, 22)] * 9, on="DELETE *permissions/*")
        await migrate.run(plan, journal=folder / "run.db")
        both[0].clear_script()
        assert migrate.read_journal(folder / "run.db").grants == 2
        yield both, two, before


@pytest.mark.parametrize("side", [0, 1], ids=["source", "destination"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_any_fault_of_any_call(tmp_path, side, fault):
    """Each call of undo meets each fault: others are taken back, and calling it again completes."""
    async with interrupted(tmp_path) as (both, two, before):
        states = [copied(server.state) for server in both]
        calls, journal = ["nothing"], tmp_path / "copy.db"
        for call in calls:
            shutil.copy(tmp_path / "run.db", journal)
            for server, there in zip(both, states, strict=True):
                server.state = copied(there)
                server.requests.clear()
            both[side].script(*[fault] * 6, on=call)
            try:
                taken = await migrate.undo(journal, *two)
                failed = {item.name for item in taken if item.outcome == "failed"}
                assert all(item.text for item in taken)
                assert len(failed) < len(taken), call
            except AconnectError:
                # It ends before it begins if the users of the keys cannot be read.
                failed = {"all"} if call == "GET */v1/user" else set()
                assert failed, call
            both[side].clear_script()
            if failed:
                taken = await migrate.undo(journal, *two)
                assert {item.outcome for item in taken} == {"undone"}, (call, taken)
            else:
                assert await migrate.undo(journal, *two) == []
            assert_as_before(both, before)
            if call == "nothing":
                assert not failed
                calls += operations(both[side])
        assert len(calls) > (20, 4)[side == 0]


@pytest.mark.parametrize("call", ["DELETE *content/*", "DELETE *content/????????-*-????????????"])
async def test_a_run_after_an_undo_that_failed(tmp_path, call):
    """What was taken back in part can be migrated again instead, and nothing is there twice."""
    async with migrated(tmp_path) as (both, two, before, plan, _):
        after = state(both[1])
        both[1].script(*[faults.error(403, 22)] * 9, on=call)
        taken = await undone(tmp_path, two)
        assert "failed" in {one.outcome for one in taken.values()}
        both[1].clear_script()
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert differences(state(both[1]), after) == []
        await undone(tmp_path, two)
        assert_as_before(both, before)
