"""What others do while a migration runs: each is a row of the report, and the rest goes on."""

from contextlib import asynccontextmanager

import pytest

from aconnect import Client, Limits, migrate
from aconnect.errors import (
    FileError,
    InvalidArgumentError,
    StalePlanError,
)
from aconnect.migrate.running.journal import Journal
from aconnect.testing import BuildScript, VirtualClock, faults
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
        assert wanted not in {item.vanity for item in report.items}


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
