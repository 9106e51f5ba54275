"""Content of the destination that is updated, as the mapping says, and taken back."""

import dataclasses
from typing import Any

import msgspec
import pytest

from aconnect import migrate
from aconnect.errors import FileError
from aconnect.migrate.running.journal import Ledger
from aconnect.testing import faults
from tests.migrate.migrating import VALUES, clients, differences, mapping, servers, state
from tests.migrate.updating import KINDS, existing, named, plan_update


async def test_existing_content_becomes_what_the_source_is(tmp_path):
    """What is carried is changed, and what it has besides stays; undo puts all of it back."""
    async with existing(tmp_path) as (both, two):
        before = [state(server) for server in both]
        plan = await plan_update(both, two, tmp_path, KINDS)
        assert not plan.has_conflicts, [item.findings for item in plan.items]
        assert [item.sign for item in plan.items] == ["~"] * len(KINDS)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        now = state(both[1])["content"]
        assert {key for key in now if key not in before[1]["content"]} == {
            "alice.smith/report",
            "alice.smith/git",
            "carol/api",
        }
        api, old = now["carol/api"], before[1]["content"]["zoe/api"]
        assert api["settings"]["title"] == "The new title on the source"
        assert api["vanity"] == "/api-source/"
        assert api["tags"] == [["Region", "North"], *old["tags"]]
        assert api["integrations"] == ["GitHub", "Warehouse"]
        assert api["permissions"] == [
            ["group", "analysts", "viewer"],
            ["group", "others", "viewer"],
            # A collaborator there, and a viewer on the source.
            ["user", "bob", "viewer"],
            ["user", "erin", "viewer"],
        ]
        assert [one["active"] for one in api["bundles"]] == [False, False, False, True]
        assert now["alice.smith/git"]["repository"] == {
            "repository": "https://git.acme.example/source.git",
            "branch": "main",
            "directory": ".",
            "polling": True,
        }
        taken = await migrate.undo(tmp_path / "run.db", *two)
        assert {one.outcome for one in taken} == {"undone"}, taken
        for server, wanted in zip(both, before, strict=True):
            assert differences(state(server), wanted) == []


async def test_a_plan_says_what_is_changed(tmp_path):
    """The changes have what is added, and nothing that existing content keeps."""
    async with existing(tmp_path, ("api",)) as (both, two):
        (item,) = (await plan_update(both, two, tmp_path, ("api",))).items
        (text,) = (one.text for one in item.findings if one.kind == "updated")
        assert "viewer for group analysts" in text
        assert "others" not in text
        assert "Team/Data" not in text


async def test_bundles_that_are_there_are_not_sent_again(tmp_path):
    """A bundle with the same checksum is kept; the active one is neither sent nor built again."""
    async with existing(tmp_path, ("report",)) as (both, two):
        plan = await plan_update(both, two, tmp_path, ("report",))
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        row = named(both[1], "report")
        number = len(both[1].state.bundles[row["guid"]])
        assert both[1].count("POST", "*/content/*/bundles") == 5, "one, another one, and three"
        await two[1].content.update(row["guid"], title="Another title")
        both[0].state.content[named(both[0], "report")["guid"]]["locked"] = False
        plan = await plan_update(both, two, tmp_path, ("report",))
        assert [item.sign for item in plan.items] == ["~"]
        both[1].requests.clear()
        report = await migrate.run(plan, journal=tmp_path / "again.db")
        assert not report.has_failed, report
        assert both[1].count("POST", "*/content/*/bundles") == 0
        assert both[1].count("POST", "*/content/*/deploy") == 0
        assert both[1].count("PUT", "*/thumbnail") == 0
        assert len(both[1].state.bundles[row["guid"]]) == number
        assert row["title"] == "The new title on the source"


async def test_interrupted_before_a_bundle_is_kept(tmp_path, monkeypatch):
    """A bundle that is there is not sent by the next run either."""
    async with existing(tmp_path, ("report",)) as (both, two):
        await migrate.run(
            await plan_update(both, two, tmp_path, ("report",)), journal=tmp_path / "run.db"
        )
        row = named(both[1], "report")
        await two[1].content.update(row["guid"], title="Another title")
        both[0].state.content[named(both[0], "report")["guid"]]["locked"] = False
        plan = await plan_update(both, two, tmp_path, ("report",))
        intend = Ledger.intend

        async def interrupted(self, number, side, kind, key, before):
            write = await intend(self, number, side, kind, key, before)
            if kind == "bundle":
                raise FileError("the disk is full")
            return write

        monkeypatch.setattr(Ledger, "intend", interrupted)
        both[1].requests.clear()
        await migrate.run(plan, journal=tmp_path / "again.db")
        monkeypatch.undo()
        report = await migrate.run(plan, journal=tmp_path / "again.db", retry=True)
        assert not report.has_failed, report
        assert both[1].count("POST", "*/content/*/bundles") == 0


async def test_a_damaged_response_to_new_settings(tmp_path):
    """What it lacks is not taken for what the content is, so undo puts the settings back."""
    async with existing(tmp_path, ("api",)) as (both, two):
        before = state(both[1])
        plan = await plan_update(both, two, tmp_path, ("api",))

        class Empty:
            async def apply(self, exchange):
                response = await exchange.response()
                return await exchange.send(dataclasses.replace(response, body=b"{}"))

        both[1].script(*[Empty()] * 9, on="PATCH *content/*")
        await migrate.run(plan, journal=tmp_path / "run.db")
        both[1].clear_script()
        await migrate.undo(tmp_path / "run.db", *two)
        assert differences(state(both[1]), before) == []


@pytest.mark.parametrize("version", [None, "2025.05.0"], ids=["drafts", "no drafts"])
async def test_wider_access_than_on_the_source(tmp_path, version):
    """Neither the run nor undo shows a bundle of the source to people who may not see it there."""
    options = {} if version is None else {"version": version}
    async with existing(tmp_path, ("api",), **options) as (both, two):
        source, row = named(both[0], "api"), named(both[1], "api")
        source["access_type"], row["access_type"] = "acl", "all"
        before, former = state(both[1]), row["bundle_id"]
        plan = await plan_update(both, two, tmp_path, ("api",))
        seen = []

        class Watch:
            async def apply(self, exchange):
                response = await exchange.response()
                if row["bundle_id"] != former:
                    seen.append(row["access_type"])
                return await exchange.send(response)

        both[1].script(*[Watch()] * 999, on="*")
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        await migrate.undo(tmp_path / "run.db", *two)
        assert set(seen) == {"acl"}
        assert row["bundle_id"] == former
        assert differences(state(both[1]), before) == []


@pytest.mark.parametrize("version", [None, "2025.05.0"], ids=["drafts", "no drafts"])
async def test_a_build_that_fails(tmp_path, version):
    """The former bundle stays active, the error says what is left, and undo puts it back."""
    options = {} if version is None else {"version": version}
    async with existing(tmp_path, ("api",), **options) as (both, two):
        before = [state(server) for server in both]
        plan = await plan_update(both, two, tmp_path, ("api",))
        row = named(both[1], "api")
        bundle = row["bundle_id"]
        both[1].script(*[faults.error(403, 22)] * 9, on="POST *content/*/deploy")
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        (item,) = report.items
        assert (item.outcome, item.step) == ("failed", "deployed")
        assert f"its bundle {bundle} is still active" in str(item.error)
        assert row["bundle_id"] == bundle
        both[1].clear_script()
        await migrate.undo(tmp_path / "run.db", *two)
        for server, wanted in zip(both, before, strict=True):
            assert differences(state(server), wanted) == []
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report


async def test_what_cannot_be_put_back(tmp_path):
    """Replaced values and thumbnails stay, as the plan and undo say; new ones are removed."""
    async with existing(tmp_path, ("report",)) as (both, two):
        row = named(both[1], "report")
        variables = both[1].state.environment[row["guid"]]
        del variables["API_URL"]
        variables["TOKEN"] = "another"
        both[1].state.thumbnails[row["guid"]] = b"GIF89a"
        plan = await plan_update(both, two, tmp_path, ("report",))
        texts = [one.text for one in plan.items[0].findings]
        assert any("TOKEN are replaced, which undo cannot take back" in text for text in texts)
        assert any("not a thumbnail" in text for text in texts)
        await migrate.run(plan, journal=tmp_path / "run.db")
        assert {*variables} == {"API_URL", "TOKEN"}
        (item,) = (one for one in await migrate.undo(tmp_path / "run.db", *two) if one.number)
        assert item.outcome == "undone"
        assert ["TOKEN" in item.notes[-1], "thumbnail" in item.notes[0]] == [True, True]
        assert variables == {"TOKEN": VALUES["TOKEN"]}


async def test_without_a_thumbnail(tmp_path):
    """A thumbnail that content gets and had not before is removed again."""
    async with existing(tmp_path, ("report",)) as (both, two):
        del both[1].state.thumbnails[named(both[1], "report")["guid"]]
        before = state(both[1])
        plan = await plan_update(both, two, tmp_path, ("report",))
        await migrate.run(plan, journal=tmp_path / "run.db")
        await migrate.undo(tmp_path / "run.db", *two)
        assert differences(state(both[1]), before) == []


async def test_settings_that_have_changed_since(tmp_path):
    """A field that somebody has set since the run stays; the others are put back."""
    async with existing(tmp_path, ("api",)) as (both, two):
        plan = await plan_update(both, two, tmp_path, ("api",))
        await migrate.run(plan, journal=tmp_path / "run.db")
        row = named(both[1], "api")
        await two[1].content.update(row["guid"], title="Since")
        taken = await migrate.undo(tmp_path / "run.db", *two)
        assert [one.notes for one in taken if one.number] == [
            ("changed since the run, and left so: title",)
        ]
        assert (row["title"], row["description"]) == ("Since", "On the destination")


async def test_a_former_bundle_that_is_gone(tmp_path):
    """The bundle of the run stays if the server has not kept the former one."""
    async with existing(tmp_path, ("api",)) as (both, two):
        row = named(both[1], "api")
        former = row["bundle_id"]
        plan = await plan_update(both, two, tmp_path, ("api",))
        await migrate.run(plan, journal=tmp_path / "run.db")
        await two[1].content.handle(row["guid"]).bundles.delete(former)
        taken = await migrate.undo(tmp_path / "run.db", *two)
        (notes,) = (one.notes for one in taken if one.number)
        assert f"its former bundle {former} is not stored any more" in notes[0]
        assert row["title"] == "The new title on the destination"


async def test_content_that_was_never_deployed(tmp_path):
    """It keeps the bundle that it got, which no server takes away."""
    async with existing(tmp_path, ("api",)) as (both, two):
        created = await two[1].content.create(name="new-api")
        plan = await plan_update(both, two, tmp_path, ("api",))
        content = {named(both[0], "api")["guid"]: created.guid}
        plan = await migrate.plan(
            *two,
            mapping=msgspec.structs.replace(plan.mapping, content=content),
            options=plan.options,
        )
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        taken = await migrate.undo(tmp_path / "run.db", *two)
        assert any("it had no bundle" in note for one in taken for note in one.notes)
        there = state(both[1])["content"]["admin/new-api"]
        assert (there["vanity"], there["permissions"], there["tags"]) == (None, [], [])


async def test_the_owner_of_the_key_gives_its_content_away(tmp_path):
    """Who owns it keeps a permission that the source gives, and gets the content back by undo."""
    async with existing(tmp_path, ("own",)) as (both, two):
        row, admin = named(both[1], "own"), both[1].state.known_user("admin")
        source = named(both[0], "own")
        await two[0].content.update(
            source["guid"], owner_guid=both[0].state.known_user("bob")["guid"]
        )
        root = both[0].state.known_user("root")["guid"]
        both[0].state.permit(source["guid"], root, "owner")
        await two[1].content.update(row["guid"], owner_guid=admin["guid"])
        before = state(both[1])
        plan = await plan_update(both, two, tmp_path, ("own",))
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert ["user", "admin", "owner"] in state(both[1])["content"]["bob/own"]["permissions"]
        await migrate.undo(tmp_path / "run.db", *two)
        assert differences(state(both[1]), before) == []


async def plan_again(folder, two, journal="first.db", **options):
    """Plan what has changed since a migration."""
    earlier = migrate.read_journal(folder / journal)
    assert earlier is not None
    return await migrate.plan(
        *two, mapping=mapping(folder), migrated=earlier.content, options=migrate.Options(**options)
    )


def signs(plan):
    return {item.source.name: item.sign for item in plan.items}


async def test_what_has_changed_since_is_migrated_again(tmp_path):
    """What was migrated is not created again: unchanged content stays, changed content is updated.

    The journal of the second migration has all of it as well, so a third can follow.
    """
    kinds = ("report", "own", "locked", "git")
    async with servers(kinds) as both, clients(*both) as two:
        options: dict[str, Any] = {"grant_self": True, "lock_source": "Moved."}
        plan = await migrate.plan(
            *two, mapping=mapping(tmp_path), options=migrate.Options(**options)
        )
        await migrate.run(plan, journal=tmp_path / "first.db")
        plan = await plan_again(tmp_path, two, **options)
        assert signs(plan) == dict.fromkeys(kinds, "="), [item.findings for item in plan.items]
        await two[0].content.update(named(both[0], "own")["guid"], title="New", locked=False)
        await two[1].content.delete(named(both[1], "git")["guid"])
        plan = await plan_again(tmp_path, two, **options)
        expected = {**dict.fromkeys(kinds, "="), "own": "~", "git": "+"}
        assert signs(plan) == expected
        report = await migrate.run(plan, journal=tmp_path / "second.db")
        assert not report.has_failed, report
        assert named(both[1], "own")["title"] == "New"
        assert {item.name: item.outcome for item in report.items}["report"] == "skipped"
        assert all(item.target_guid for item in report.items)
        plan = await plan_again(tmp_path, two, "second.db", **options)
        assert signs(plan) == dict.fromkeys(expected, "=")
        await migrate.undo(tmp_path / "second.db", *two)
        plan = await plan_again(tmp_path, two, "second.db", **options)
        assert signs(plan) == expected


async def test_the_mapping_is_preferred_to_an_earlier_migration(tmp_path):
    """Content that the mapping names is updated, and nothing else instead of it."""
    async with servers(("own",)) as both, clients(*both) as two:
        plan = await migrate.plan(*two, mapping=mapping(tmp_path))
        await migrate.run(plan, journal=tmp_path / "first.db")
        earlier = migrate.read_journal(tmp_path / "first.db")
        (guid,) = earlier.content
        other = named(both[1], "taken")["guid"]
        chosen = msgspec.structs.replace(mapping(tmp_path), content={guid: other})
        plan = await migrate.plan(*two, mapping=chosen, migrated=earlier.content)
        assert [item.target.guid for item in plan.items] == [other]


async def test_the_password_of_a_repository(tmp_path):
    """A password in the address of the former repository is not kept, and undo says so."""
    async with existing(tmp_path, ("git",)) as (both, two):
        repository = both[1].state.repositories[named(both[1], "git")["guid"]]
        repository["repository"] = "https://reader:password-of-former@git.acme.example/old.git"
        plan = await plan_update(both, two, tmp_path, ("git",))
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert not report.has_failed, report
        assert b"password-of-former" not in (tmp_path / "run.db").read_bytes()
        taken = await migrate.undo(tmp_path / "run.db", *two)
        assert any("password" in note for one in taken for note in one.notes)
        after = both[1].state.repositories[named(both[1], "git")["guid"]]
        assert after["repository"] == "https://git.acme.example/old.git"
