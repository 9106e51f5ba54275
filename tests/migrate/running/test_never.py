"""What a migration never does unless it is asked for."""

import pytest

from aconnect import migrate
from tests.migrate.kinds import CLEAN, CONFLICTS
from tests.migrate.migrating import clients, make_plan, operation, servers, state

LENIENT = migrate.Policies(
    name_taken="rename",
    principal_unmapped="leave-out",
    missing="without",
    value_missing="unset",
)
WITHOUT = ("unmapped", "viewer")
"""Content whose owner cannot be found is in conflict, whatever the policies say."""
WIDTH = ["acl", "logged_in", "all"]


def writes(server):
    return sorted(
        {operation(one.method, one.path) for one in server.requests if one.method != "GET"}
    )


@pytest.fixture
async def migrated(tmp_path):
    """Everything that can be carried was, with a grant; what was there before and is there now."""
    kinds = [kind for kind in (*CLEAN, *CONFLICTS) if kind not in WITHOUT]
    async with servers(kinds) as both, clients(*both) as (source, destination):
        before = [state(server) for server in both]
        options = migrate.Options(grant_self=True, policies=LENIENT)
        plan = await make_plan(source, destination, tmp_path, options)
        assert not plan.has_conflicts
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        yield both, before, [state(server) for server in both], report


async def test_the_source_is_only_read(tmp_path):
    """Without a grant and a lock there is no write on the source at all."""
    options = migrate.Options()
    async with servers(["own", "git"]) as both, clients(*both) as (source, destination):
        plan = await make_plan(source, destination, tmp_path, options)
        report = await migrate.run(plan, journal=tmp_path / "run.db")
        assert {item.outcome for item in report.items} == {"done"}
        assert writes(both[0]) == []


async def test_a_grant_is_all_that_is_written(migrated):
    """With a grant, only permissions of the key's owner are written, and none is left."""
    both, before, after, _ = migrated
    assert writes(both[0]) == [
        "DELETE */v1/content/*/permissions/*",
        "POST */v1/content/*/permissions",
    ]
    assert after[0] == before[0]


async def test_nothing_of_others_changes(migrated):
    """Content, users, groups, integrations, environments and vanity URLs of others stay."""
    _, (_, before), (_, after), _ = migrated
    for kind in ("users", "groups", "integrations", "environments"):
        assert after[kind] == before[kind]
    for key, content in before["content"].items():
        assert after["content"][key] == content
    assert [one for one in before["vanities"] if one not in after["vanities"]] == []


async def test_nobody_gets_a_mail(migrated):
    """No permission sends a mail."""
    both, *_ = migrated
    assert both[0].state.mails == both[1].state.mails == []


async def test_no_account_is_carried(migrated):
    """`run_as`, `run_as_current_user` and the service account need their option."""
    both, *_ = migrated
    rows = both[1].state.content.values()
    assert not [row for row in rows if row.get("run_as") or row.get("run_as_current_user")]
    assert not [row for row in rows if row.get("service_account_name")]


async def test_access_is_never_wider(migrated):
    """Who may view content is at most who may view its source, and nobody before it is complete."""
    both, _, _, report = migrated
    source = {row["guid"]: row for row in both[0].state.content.values()}
    target = {row["guid"]: row for row in both[1].state.content.values()}
    carried = [item for item in report.items if item.target_guid is not None]
    assert len(carried) > 10
    for item in carried:
        widths = [source[item.source_guid]["access_type"], target[item.target_guid]["access_type"]]
        assert WIDTH.index(widths[1]) <= WIDTH.index(widths[0])
        if item.outcome == "failed":
            assert widths[1] == "acl"
