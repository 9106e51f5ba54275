"""What others do while a migration runs: each is a row of the report, and the rest goes on."""

import asyncio
import dataclasses
import gc
from collections import Counter
from contextlib import aclosing, asynccontextmanager, suppress

import msgspec
import pytest

from aconnect import Client, Limits, migrate
from aconnect.connect import User
from aconnect.errors import (
    FileError,
    InvalidArgumentError,
    StalePlanError,
)
from aconnect.migrate.running import runner
from aconnect.migrate.running.events import STEPS
from aconnect.migrate.running.journal import Journal, Write
from aconnect.migrate.running.steps.source import withdraw
from aconnect.testing import BuildScript, VirtualClock, faults
from aconnect.testing.connect.routes.content._items import new_content
from aconnect.testing.connect.routes.tags import new_tag
from tests.migrate.migrating import OPTIONS, clients, make_plan, servers, state
from tests.migrate.worlds import secrets

KINDS = ("report", "own", "app")


class Then:
    """Serve a request, and then do something else."""

    def __init__(self, action):
        self.action = action

    async def apply(self, exchange):
        response = await exchange.response()
        self.action()
        return await exchange.send(response)


class First(Then):
    """Do something else, and then serve a request."""

    async def apply(self, exchange):
        self.action()
        return await exchange.send(await exchange.response())


@asynccontextmanager
async def planned(tmp_path, kinds=KINDS, options=OPTIONS, **server_options):
    """Two servers, the plan for them, and the path of its journal."""
    async with servers(kinds, **server_options) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, options)
        assert not plan.has_conflicts, [(item.source.name, item.findings) for item in plan.items]
        yield both, plan, tmp_path / "run.db"


def rows(report):
    return {item.name: (item.outcome, item.step, item.error_type) for item in report.items}


def content(server, name):
    (row,) = [row for row in server.state.content.values() if row["name"] == name]
    return row


def grants(server):
    """The permissions that the key's owner has on the source."""
    me = server.state.keys[server.api_key]
    return [
        row
        for rows in server.state.permissions.values()
        for row in rows.values()
        if row["principal_guid"] == me
    ]


def full(_, __):
    raise FileError("cannot write 'run.db': database or disk is full")


DONE = ("done", "source-locked", None)


async def test_the_source_changes_after_the_plan(tmp_path):
    """A stale plan is refused as a whole: nothing is changed, and what has changed is named."""
    async with planned(tmp_path) as (both, plan, journal):
        content(both[0], "own")["title"] = "Another title"
        before = [state(server) for server in both]
        with pytest.raises(StalePlanError, match=r"1 item changed.*\(own\)"):
            await migrate.run(plan, journal=journal)
        assert [state(server) for server in both] == before
        assert not journal.exists()
        fresh = await migrate.refresh(plan)
        report = await migrate.run(fresh, journal=journal)
        assert set(rows(report).values()) == {DONE}
        assert content(both[1], "own")["title"] == "Another title"


async def test_the_source_is_deployed_during_the_run(tmp_path):
    """An item whose source gets another bundle before its turn fails; the rest is migrated."""
    async with planned(tmp_path) as (both, plan, journal):

        def deploy():
            content(both[0], "own")["bundle_id"] = "999"

        both[1].script(Then(deploy), on="POST /v1/content")
        report = await migrate.run(plan, journal=journal, calls=1)
        outcomes = rows(report)
        assert ("failed", "planned", "StalePlanError") in outcomes.values()
        assert list(outcomes.values()).count(DONE) == 2


async def test_a_retry_of_a_stale_item(tmp_path):
    """A retry does not migrate what has become stale, until it is planned again."""
    async with planned(tmp_path) as (both, plan, journal):
        row = content(both[0], "own")
        former = row["bundle_id"]

        def deploy():
            row["bundle_id"] = "999"

        both[1].script(Then(deploy), on="POST /v1/content")
        await migrate.run(plan, journal=journal, calls=1)
        for _ in range(2):
            report = await migrate.run(plan, journal=journal, retry=True)
            assert rows(report)["own"] == ("failed", "planned", "StalePlanError")
        row["bundle_id"] = former
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_a_retry_goes_on_where_it_failed(tmp_path):
    """The grant that a failure has withdrawn is given again; steps that have ended stay so."""
    async with planned(tmp_path) as (both, plan, journal):
        both[1].script(*[faults.status(500)] * 30, on="GET /content/*/_bundle*")
        await migrate.run(plan, journal=journal)
        both[1].clear_script()
        steps = [
            (event.name, event.step)
            async for event in migrate.run(plan, journal=journal, retry=True)
            if event.kind == "step"
        ]
        assert ("report", "checked") in steps
        # The first event says how far the item was.
        assert not {"granted", "created", "associated"} & {step for _, step in steps}


async def test_a_value_is_missing_at_the_run(tmp_path):
    """Values that the plan has found are looked for before anything is written."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        (tmp_path / "secrets.env").write_text("")
        before = [state(server) for server in both]
        with pytest.raises(InvalidArgumentError, match="API_URL"):
            await migrate.run(plan, journal=journal)
        assert [state(server) for server in both] == before


async def test_the_source_changes_after_undo(tmp_path):
    """A run that begins again after it was undone compares the sources with the plan again."""
    async with planned(tmp_path) as (both, plan, journal):
        await migrate.run(plan, journal=journal)
        await migrate.undo(journal, *plan.clients)
        content(both[0], "own")["title"] = "Another title"
        with pytest.raises(StalePlanError, match="own"):
            await migrate.run(plan, journal=journal)


async def test_the_name_is_taken_after_the_plan(tmp_path):
    """The final name is refused; the content stays under its staging name, and can be undone."""
    async with planned(tmp_path) as (both, plan, journal):
        owner = both[1].state.known_user("bob")["guid"]
        row = dict(next(iter(both[1].state.content.values())))
        taken = {**row, "guid": "0" * 8 + row["guid"][8:], "name": "app", "owner_guid": owner}
        both[1].state.content[taken["guid"]] = taken
        report = await migrate.run(plan, journal=journal)
        outcomes = rows(report)
        assert outcomes.pop("app") == ("failed", "finished", "ConflictError")
        assert set(outcomes.values()) == {DONE}
        assert grants(both[0]) == []


async def test_the_content_is_created_late(tmp_path):
    """What a slow server creates after the first look-up is found, and belongs to the run."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        before, there = state(both[1]), both[1].state
        name, me = plan.items[0].staging_name, there.keys[both[1].api_key]

        def create():
            guid = "0" * 8 + next(iter(there.content))[8:]
            number = there.next_number("content")
            row = new_content(guid, number, name, me, there.now(), access_type="acl")
            there.content[guid] = row

        both[1].script(faults.reset(), First(create), on="POST /v1/content")
        report = await migrate.run(plan, journal=journal)
        assert set(rows(report).values()) == {DONE}
        await migrate.undo(journal, *plan.clients)
        assert state(both[1]) == before


async def test_a_tag_that_somebody_else_creates_meanwhile(tmp_path):
    """It is used, and stays when the run is undone, because the run has not created it."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        there = both[1].state
        tags = {row["name"] for row in there.tags.values()}

        def create():
            number = there.next_number("tag")
            there.tags[str(number)] = new_tag(number, plan.tags[0][-1], None, there.now())

        both[1].script(First(create), on="POST /v1/tags")
        report = await migrate.run(plan, journal=journal)
        assert set(rows(report).values()) == {DONE}
        await migrate.undo(journal, *plan.clients)
        left = {row["name"] for row in there.tags.values()} - tags
        assert left == {plan.tags[0][-1]}


async def test_two_runners_at_once(tmp_path):
    """The second is refused, and the first goes on."""
    async with planned(tmp_path) as (_, plan, journal):
        run = migrate.run(plan, journal=journal)
        refused = 0
        async for event in run:
            if event.kind == "step" and not refused:
                refused += 1
                with pytest.raises(InvalidArgumentError, match="another process"):
                    await migrate.run(plan, journal=journal)
        assert refused
        assert set(rows(run.report).values()) == {DONE}


@pytest.mark.parametrize("commits", [0, 3, 10, 25])
async def test_the_disk_of_the_journal_is_full(tmp_path, monkeypatch, commits):
    """Nothing more is written to the servers; with space, the run is completed."""
    async with planned(tmp_path) as (both, plan, journal):
        apply, done = Journal.apply, 0

        def full(self, changes):
            nonlocal done
            done += 1
            if done > commits:
                raise FileError("cannot write 'run.db': database or disk is full")
            apply(self, changes)

        monkeypatch.setattr(Journal, "apply", full)
        run = migrate.run(plan, journal=journal)
        with pytest.raises(FileError, match="full"):
            await run
        # It is no item that fails, and the message is one, not one for each of them.
        assert not [item for item in run.report.items if item.outcome == "failed"]
        monkeypatch.undo()
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}
        names = sorted(row["name"] for row in both[1].state.content.values())
        assert names == sorted({*names}), "nothing is there twice"
        assert not [name for name in names if name.startswith("ac-")]
        assert grants(both[0]) == []


async def test_retention_deletes_the_bundles(tmp_path):
    """Without its active bundle an item fails; an older one that is gone is only noted."""
    options = migrate.Options(grant_self=True, bundles="all")
    async with planned(tmp_path, options=options) as (both, plan, journal):
        state_ = both[0].state
        report_guid, own_guid = content(both[0], "report")["guid"], content(both[0], "own")["guid"]

        def delete():
            bundles = state_.bundles[report_guid]
            old = next(key for key, bundle in bundles.items() if not bundle.row["active"])
            del bundles[old]
            state_.bundles[own_guid].clear()

        both[1].script(Then(delete), on="POST /v1/content")
        report = await migrate.run(plan, journal=journal)
        outcomes = rows(report)
        assert outcomes == {
            "report": DONE,
            "own": ("failed", "sourced", "NotFoundError"),
            "app": DONE,
        }
        (item,) = [item for item in report.items if item.name == "report"]
        assert any("was deleted on the source" in note for note in item.notes)


async def test_a_bundle_is_damaged_on_the_way(tmp_path):
    """Without a checksum on the source, the one on the destination tells; the bundle is removed."""
    options = migrate.Options(grant_self=True, bundles="all")
    async with planned(tmp_path, ("api",), options) as (both, plan, journal):

        class Damage:
            async def apply(self, exchange):
                response = await exchange.response()
                row = msgspec.json.decode(response.body)
                row["metadata"]["archive_md5"] = "0" * 32
                response = dataclasses.replace(response, body=msgspec.json.encode(row))
                return await exchange.send(response)

        both[1].script(Damage(), on="POST *content/*/bundles")
        (item,) = (await migrate.run(plan, journal=journal)).items
        assert (item.step, item.error_type) == ("sourced", "UploadSourceError")
        assert not both[1].state.bundles[item.target_guid]
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_a_build_fails(tmp_path):
    """The report has the last lines of the log; the draft is not activated, and retry goes on."""
    async with planned(tmp_path) as (both, plan, journal):
        both[1].state.build_outcomes = iter(["fail"] * 3 + ["ok"] * 99)
        report = await migrate.run(plan, journal=journal)
        assert set(rows(report).values()) == {("failed", "deployed", "TaskFailedError")}
        assert all(item.log for item in report.items)
        there = [row for row in both[1].state.content.values() if row["name"].startswith("ac-")]
        assert len(there) == 3
        assert {row["bundle_id"] for row in there} == {None}
        assert grants(both[0]) == []
        report = await migrate.run(plan, journal=journal)
        assert {outcome for outcome, _, _ in rows(report).values()} == {"failed"}
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_the_content_does_not_respond(tmp_path):
    """A draft that responds with 500 is not activated."""
    async with planned(tmp_path) as (both, plan, journal):
        both[1].script(*[faults.status(500)] * 30, on="GET /content/*/_bundle*")
        report = await migrate.run(plan, journal=journal)
        failed = {name for name, row in rows(report).items() if row[0] == "failed"}
        assert failed
        assert {rows(report)[name] for name in failed} == {
            ("failed", "checked", "VerificationError")
        }
        both[1].clear_script()
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_an_owner_loses_the_right_to_publish(tmp_path):
    """The item of the owner fails in the end; those of others are migrated."""
    async with planned(tmp_path) as (both, plan, journal):
        both[1].state.known_user("bob")["user_role"] = "viewer"
        report = await migrate.run(plan, journal=journal)
        outcomes = rows(report)
        assert outcomes.pop("app")[0] == "failed"
        assert set(outcomes.values()) == {DONE}


@pytest.mark.parametrize("side", [0, 1], ids=["source", "destination"])
async def test_a_key_expires(tmp_path, side):
    """Every item that was begun says so, and nothing else is begun; with a key, it goes on."""
    async with planned(tmp_path) as (both, plan, journal):
        server = both[side]
        user = server.state.keys[server.api_key]

        def expire():
            server.state.keys.pop(server.api_key, None)

        both[1].script(Then(expire), on="POST */bundles")
        report = await migrate.run(plan, journal=journal, calls=2)
        types = {row[2] for row in rows(report).values()}
        assert "AuthenticationError" in types
        assert types <= {"AuthenticationError", None}
        both[1].clear_script()
        server.state.keys[server.api_key] = user
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}
        assert grants(both[0]) == []


async def test_an_item_without_its_vanity_url(tmp_path):
    """The report names a vanity URL only where the destination has it: redirects rely on that."""
    async with planned(tmp_path) as (both, plan, journal):
        (wanted,) = {item.target.vanity for item in plan.items} - {None}
        both[1].state.build_script = BuildScript(lines=("no",), code=1, error="exit 1")
        report = await migrate.run(plan, journal=journal)
        assert {item.vanity for item in report.items} == {None}
        both[1].state.build_script = BuildScript(lines=("built",))
        report = await migrate.run(plan, journal=journal, retry=True)
        assert {item.vanity for item in report.items} == {wanted, None}


async def test_an_item_goes_on_where_it_was(tmp_path):
    """Access to the source that is needed again is no step back: the steps before are not repeated.

    The first event says how far the item is.
    """
    async with planned(tmp_path) as (both, plan, journal):
        both[1].state.build_script = BuildScript(lines=("no",), code=1, error="exit 1")
        await migrate.run(plan, journal=journal)
        for _ in range(2):
            events = [one async for one in migrate.run(plan, journal=journal, retry=True)]
            failed = {one.number for one in events if one.kind == "failed"}
            steps = [one.step for one in events if one.kind == "step" and one.number in failed]
            assert failed
            assert set(steps) == {"associated"}


async def test_a_vanity_url_is_taken_meanwhile(tmp_path):
    """The item is migrated without it, as the policy says, and the report says so."""
    async with planned(tmp_path) as (both, plan, journal):
        wanted = next(item.target.vanity for item in plan.items if item.target.vanity)
        other = next(guid for guid in both[1].state.content)
        both[1].state.vanities[other] = {
            "content_guid": other,
            "path": wanted,
            "created_time": both[1].state.now(),
        }
        report = await migrate.run(plan, journal=journal)
        assert {row[0] for row in rows(report).values()} == {"done"}
        assert any("taken meanwhile" in note for item in report.items for note in item.notes)
        assert wanted not in {item.vanity for item in report.items}, "it is that of other content"


async def test_the_report_has_the_vanity_urls_that_are_set(tmp_path):
    """A failed item has no vanity URL yet, whatever was planned."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        both[1].script(*[faults.error(403, 22)] * 9, on="PUT *content/*/vanity")
        (item,) = (await migrate.run(plan, journal=journal)).items
        assert (item.step, item.vanity) == ("vanity", None)
        both[1].clear_script()
        (item,) = (await migrate.run(plan, journal=journal, retry=True)).items
        assert item.vanity == plan.items[0].target.vanity is not None


async def test_the_content_is_deleted_on_the_destination(tmp_path):
    """The source is not locked, because people still need it."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        there = both[1].state

        def delete():
            guid = content(both[1], "report")["guid"]
            del there.content[guid]
            there.vanities.pop(guid, None)

        both[1].script(Then(delete), on="PUT *content/*/vanity")
        (item,) = (await migrate.run(plan, journal=journal)).items
        assert item.differences == ("it was deleted on the destination",)
        assert any("the source is not locked" in note for note in item.notes)
        assert content(both[0], "report")["locked"] is False


async def test_a_missing_part_is_no_missing_content(tmp_path):
    """A proxy's response about a part of the content does not say that the content is gone."""
    async with planned(tmp_path, ("report",)) as (both, plan, journal):
        both[1].script(faults.truncated_json(), on="GET *content/*/repository")
        (item,) = (await migrate.run(plan, journal=journal)).items
        assert (item.outcome, item.step, item.differences) == ("failed", "verified", ())
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_a_permission_whose_response_is_lost(tmp_path):
    """Older servers refuse it a second time; if it cannot be looked up, the next run does that."""
    async with planned(tmp_path, ("report",), version="2025.05.0") as (both, plan, journal):
        both[1].script(faults.after(faults.reset()), on="POST *content/*/permissions")
        both[1].script(faults.error(403, 22), on="GET *content/*/permissions")
        (item,) = (await migrate.run(plan, journal=journal)).items
        assert (item.outcome, item.step) == ("failed", "dressed")
        report = await migrate.run(plan, journal=journal, retry=True)
        assert set(rows(report).values()) == {DONE}


async def test_grants_are_withdrawn_at_once(tmp_path):
    """An interrupted run has little time, so one slow response does not delay the others."""
    async with planned(tmp_path, ("report", "api")) as (both, plan, journal):
        items = sum(item.needs_grant for item in plan.items)
        assert items == 2
        arrived, alone = asyncio.Barrier(items), []

        class Together:
            async def apply(self, exchange):
                try:
                    await asyncio.wait_for(arrived.wait(), 3)
                except (TimeoutError, asyncio.BrokenBarrierError) as error:
                    alone.append(error)
                return await exchange.send(await exchange.response())

        both[0].script(
            # Each item tries it twice.
            *[faults.error(403, 22)] * 2 * items,
            *[Together()] * items,
            on="DELETE *content/*/permissions/*",
        )
        await migrate.run(plan, journal=journal)
        assert alone == grants(both[0]) == []


async def test_a_grant_that_is_given_late(monkeypatch):
    """A grant whose response was lost is withdrawn after the server has had time to give it."""
    async with servers(["report"]) as both:
        source, clock = both[0], VirtualClock()
        guid, me = content(source, "report")["guid"], source.state.keys[source.api_key]
        sleep, given = clock.sleep, []

        async def slow(seconds):
            given.append(source.state.permit(guid, me, "owner"))
            await sleep(seconds)

        monkeypatch.setattr(clock, "sleep", slow)
        async with Client(source.url, source.api_key, clock=clock) as client:
            before = {"guid": guid, "role": None}
            lost = Write(id=1, number=1, side="source", kind="grant", key="", before=before)
            await withdraw(client.content.handle(guid), User(guid=me), lost)
        assert given
        assert grants(source) == []


@pytest.mark.parametrize("after", range(6))
async def test_the_events_are_left_while_the_disk_is_full(tmp_path, monkeypatch, after):
    """Nobody waits for the failure any more, so the event loop does not complain about it."""
    async with planned(tmp_path, ("report",)) as (_, plan, journal):
        complaints = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        run = migrate.run(plan, journal=journal)
        async with aclosing(aiter(run)) as events:
            for _ in range(after):
                await anext(events)
            monkeypatch.setattr(Journal, "apply", full)
            with suppress(FileError):
                await anext(events, None)
        gc.collect()
        await asyncio.sleep(0)
        assert complaints == []
        assert run.report.items


async def test_a_slow_reader_of_events(tmp_path, monkeypatch):
    """The run does not wait for it, and keeps no more progress and logs than a few for it."""
    monkeypatch.setattr(runner, "_BACKLOG", 2)
    async with planned(tmp_path) as (both, plan, journal):
        run, kinds = migrate.run(plan, journal=journal, calls=1), Counter[str]()
        # The last step of each item locks its source.
        over = asyncio.Event()
        others = [Then(lambda: None) for _ in plan.items[1:]]
        both[0].script(*others, Then(over.set), on="PATCH *content/*")
        async for event in run:
            kinds[event.kind] += 1
            await over.wait()
        assert kinds["done"] == len(plan.items)
        assert kinds["step"] == len(plan.items) * len(STEPS)
        assert kinds["progress"] + kinds["log"] <= 2


async def test_one_call_at_a_time(tmp_path):
    """A transfer holds a place for a call on both servers, and cannot wait for itself."""
    async with servers(KINDS) as both:
        one = [
            Client(
                server.url,
                server.api_key,
                limits=Limits(initial=1, maximum=1),
                clock=VirtualClock(),
            )
            for server in both
        ]
        async with one[0] as source, one[1] as destination:
            plan = await make_plan(source, destination, tmp_path)
            report = await migrate.run(plan, journal=tmp_path / "run.db")
            assert set(rows(report).values()) == {DONE}


async def test_no_mail_and_no_secrets(tmp_path, caplog):
    """Nobody gets a mail, and no file, event or log has a secret of either server."""
    async with planned(tmp_path, kinds=(*KINDS, "git", "api")) as (both, plan, journal):
        await migrate.save_plan(plan, tmp_path / "plan.json")
        run = migrate.run(plan, journal=journal)
        events = [repr(event) async for event in run]
        for suffix in ("html", "json", "csv"):
            await migrate.save_report(run.report, tmp_path / f"report.{suffix}")
        texts = [*events, caplog.text, repr(plan), repr(run.report)]
        texts += [
            path.read_bytes().decode(errors="replace")
            for path in tmp_path.iterdir()
            if path.name != "secrets.env"
        ]
        values = [value for env in both[1].state.environment.values() for value in env.values()]
        for secret in {*secrets(both[0]), *secrets(both[1]), *values}:
            assert not [text for text in texts if secret in text]
        assert both[0].state.mails == both[1].state.mails == []


async def test_the_clients_of_other_servers(tmp_path):
    """A plan is only run with the servers and the users that it was made for."""
    async with planned(tmp_path) as (_, plan, journal):
        source, destination = plan.clients
        with pytest.raises(InvalidArgumentError, match="the source of the plan is"):
            await migrate.run(plan.bind(destination, source), journal=journal)
