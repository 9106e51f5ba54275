"""Plans of two servers over sockets: what is chosen, read, planned again, and never in a plan."""

from typing import Any, cast

import pytest

from aconnect import Client, migrate
from aconnect.errors import InvalidArgumentError, PermissionDeniedError
from aconnect.migrate.planning.staleness import changed_items
from aconnect.testing import faults
from aconnect.testing.connect.state import guid_of
from tests.migrate.planning.servers import (
    SECRETS,
    add_bundle,
    furnish,
    servers,
)

VERSIONS = ("2026.06.0", "2025.05.0", "2024.05.0", "2023.09.0", None)
_MANIFEST = {
    "version": 1,
    "metadata": {"appmode": "python-shiny", "entrypoint": "app"},
    "python": {"version": "3.11.10"},
    "files": {},
}
LENIENT = migrate.Options(
    grant_self=True, policies=migrate.Policies(value_missing="unset", missing="without")
)


def signs(plan):
    return {item.source.name: item.sign for item in plan.items}


def kinds(plan):
    return {found.kind for item in plan.items for found in item.findings}


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_administrator_plans_everything(version):
    """On every version, all content that can be carried is planned, and nothing is written."""
    async with servers(4, source_version=version, version=version) as (old, new, src, dst):
        furnish(old)
        plan = await migrate.plan(src, dst, options=LENIENT)
        assert signs(plan) == {f"content-{n:04d}": "+" for n in range(4)}
        assert not plan.has_conflicts
        assert {request.method for fake in (old, new) for request in fake.requests} == {"GET"}
        assert plan.source.version == plan.destination.version == version
        (sales,) = (item for item in plan.items if item.source.vanity == "/sales/")
        assert sales.source.details is not None
        assert sales.target.details is not None
        assert sales.source.details.variables == ("API_URL", "TOKEN")
        assert sales.target.details.variables == (), "they have no values"
        assert [one.name for one in sales.target.details.permissions] == ["viewer"]
        assert plan.bytes_total > 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_publisher_migrates_own_content(version):
    """The key of a publisher plans the content of its owner; that of others is not readable."""
    async with servers(
        4, source_version=version, version=version, source_user="publisher", user="publisher"
    ) as (old, new, src, dst):
        for row in old.state.content.values():
            row["access_type"] = "logged_in"
        plan = await migrate.plan(src, dst)
        expected = {"admin": "x", "publisher": "+"}
        assert signs(plan) == {item.source.name: expected[item.source.owner] for item in plan.items}
        assert len(plan.items) == 4
        assert not plan.has_conflicts
        own = await migrate.plan(src, dst, owners=["publisher"])
        assert set(signs(own).values()) == {"+"}
        assert {item.owner_guid for item in own.items} == {plan.destination.me_guid}
        assert {r.method for fake in (old, new) for r in fake.requests} == {"GET"}


@pytest.mark.parametrize("version", ["2026.06.0", "2023.09.0"])
async def test_requests_do_not_grow_with_the_number_of_items(version):
    """Besides the details of each item, both servers get the same requests for any number."""
    counts = []
    for count in (2, 17):
        async with servers(count, source_version=version, version=version) as (old, new, src, dst):
            for fake in (old, new):
                fake.state.vanities.clear()
            await migrate.plan(src, dst)
            of_items = [
                r for r in old.requests if r.path.startswith("/v1/content/") and "/" in r.path[12:]
            ]
            counts.append((len(old.requests) - len(of_items), len(new.requests)))
            assert len(of_items) <= 7 * count
            assert max(counts[-1]) < 30
    assert counts[0] == counts[1]


async def test_content_of_an_administrator_needs_a_grant():
    """Content of others can be downloaded by collaborators only."""
    async with servers(2) as (_, _, src, dst):
        plan = await migrate.plan(src, dst)
        assert signs(plan) == {"content-0000": "+", "content-0001": "!"}
        assert [item.needs_grant for item in plan.items] == [False, True]
        plan = await migrate.plan(src, dst, options=migrate.Options(grant_self=True))
        assert set(signs(plan).values()) == {"+"}
        assert "grants" in {found.kind for found in plan.findings}


async def test_no_secret_is_in_a_plan(tmp_path):
    """No value, key or password of either server is in a plan, a file or a representation."""
    async with servers(3) as (old, new, src, dst):
        furnish(old)
        furnished = tmp_path / "secrets.env"
        furnished.write_text(f"TOKEN={SECRETS[0]}\n")
        mapping = migrate.Mapping(
            env={
                "TOKEN": migrate.ValueSource(file=str(furnished)),
                "API_URL": migrate.ValueSource(environ="UNSET_VARIABLE"),
            }
        )
        plan = await migrate.plan(src, dst, mapping=mapping)
        path = await migrate.save_plan(plan, tmp_path / "plan.json")
        texts = [path.read_text("utf-8"), repr(plan), repr(await migrate.refresh(plan))]
        secrets = [*SECRETS, old.api_key, new.api_key, *old.state.keys, *new.state.keys]
        for secret in secrets:
            assert all(secret not in text for text in texts), secret
        # What the secrets belong to is there.
        for known in ("git.example/sales.git", "packages.example/a", "TOKEN", "GitHub"):
            assert all(known in text for text in texts), known


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"tags": ["Department/Finance"]}, {"content-0000"}),
        ({"tags": ["Department"]}, {"content-0000"}),
        ({"tags": ["Payroll"]}, {"content-0000"}),
        ({"owners": ["publisher"]}, {"content-0001", "content-0003"}),
        ({"guids": [str(guid_of("content", 2)).upper()]}, {"content-0002"}),
        ({"guids": [guid_of("content", n) for n in (0, 1)], "owners": ["admin"]}, {"content-0000"}),
        ({"search": "content-0003"}, {"content-0003"}),
    ],
    ids=["path", "category", "tag", "owner", "guid", "both", "search"],
)
async def test_choosing(chosen, names):
    """Content that matches one value of each kind is planned."""
    async with servers(4) as (old, _, src, dst):
        guid = guid_of("content", 0)
        tag = next(i for i, row in old.state.tags.items() if row["name"] == "Payroll")
        old.state.content_tags[guid] = {tag}
        plan = await migrate.plan(src, dst, **chosen)
        assert set(signs(plan)) == names


@pytest.mark.parametrize(
    ("chosen", "parts"),
    [
        ({"tags": ["Department/Finanze"]}, ["no tag 'Department/Finanze'", "Department/Finance"]),
        ({"owners": ["publisher", "publishr"]}, ["no user 'publishr'", "did you mean 'publisher'"]),
        (
            {"guids": ["5407f285-0000-40f6-ba5f-ba461253cf54"], "owners": ["x"]},
            ["no content '5407f285-0000-40f6-ba5f-ba461253cf54'", "no user 'x'"],
        ),
        ({"owners": ["viewer"]}, ["no content of", "the owner 'viewer'"]),
        (
            {"owners": ["publisher"], "search": "content-0000"},
            ["owner 'publisher'", "the search for 'content-0000'"],
        ),
    ],
    ids=["tag", "owner", "guid", "nothing", "nothing-found"],
)
async def test_what_is_not_there_is_an_error(chosen, parts):
    """Unknown names come with near ones, and a choice of nothing is refused."""
    async with servers(2) as (_, _, src, dst):
        with pytest.raises(InvalidArgumentError) as caught:
            await migrate.plan(src, dst, **chosen)
        for part in parts:
            assert part in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"options": migrate.Options(policies=migrate.Policies(missing=cast("Any", "leave_out")))},
        {"options": migrate.Options(bundles=cast("Any", "newest"))},
        {"tags": "Finance"},
    ],
    ids=["policy", "bundles", "text"],
)
async def test_wrong_arguments(client, wrong):
    """A misspelled policy, which would decide nothing, is refused; so is a text for a list."""
    with pytest.raises(InvalidArgumentError, match=r"leave_out|newest|Finance"):
        await migrate.plan(client, Client("https://other.example", "key"), **wrong)


async def test_a_server_without_content():
    """A source without content is refused, because nothing would be planned."""
    async with servers(0) as (_, _, src, dst):
        with pytest.raises(InvalidArgumentError, match="no content that admin can see"):
            await migrate.plan(src, dst)


async def test_a_server_is_not_migrated_to_itself(client):
    """The same address for both is refused."""
    with pytest.raises(InvalidArgumentError, match="both servers are"):
        await migrate.plan(client, client)


@pytest.mark.parametrize("table", ["content", "content-env"])
async def test_mapped_content_must_be_on_the_source(table):
    """A wrong guid on the left side would create what was meant to be updated."""
    unknown = "5407f285-0000-40f6-ba5f-ba461253cf54"
    mapping = (
        migrate.Mapping(content={unknown: unknown})
        if table == "content"
        else migrate.Mapping(content_env={unknown: {}})
    )
    async with servers(1) as (_, _, src, dst):
        with pytest.raises(InvalidArgumentError, match=rf"\[{table}\].*{unknown}"):
            await migrate.plan(src, dst, mapping=mapping)


async def test_a_mapping_file(tmp_path):
    """The path of a mapping file is enough."""
    path = tmp_path / "mapping.toml"
    path.write_text('[users]\npublisher = "admin"\n')
    async with servers(2) as (_, _, src, dst):
        plan = await migrate.plan(src, dst, owners=["publisher"], mapping=str(path))
        assert plan.items[0].target.owner == "admin"


async def test_refreshing_plans_what_has_changed():
    """Changed items are planned again, deleted ones get `x`, and the others stay as they are."""
    async with servers(12) as (old, _, src, dst):
        options = migrate.Options(grant_self=True)
        plan = await migrate.plan(src, dst, options=options)
        assert len({item.staging_name for item in plan.items}) == 12
        same, deployed, retitled, deleted = (item.source.guid for item in plan.items[:4])
        bundle = add_bundle(old, deployed)
        old.state.content[retitled]["title"] = "New"
        del old.state.content[deleted]
        fresh = await migrate.refresh(plan)
        assert fresh.id == plan.id
        assert [item.number for item in fresh.items] == [item.number for item in plan.items]
        assert [one.staging_name for one in fresh.items] == [one.staging_name for one in plan.items]
        assert fresh.items[0] == plan.items[0]
        assert fresh.items[0].source.guid == same
        assert fresh.items[1].source.bundle_id == bundle
        assert fresh.items[2].target.title == "New"
        assert [found.kind for found in fresh.items[3].findings] == ["deleted"]
        assert fresh.items[3].sign == "x"
        assert fresh.items[4:] == plan.items[4:]
        assert await changed_items(fresh, fresh.items[:3]) == []
        again = await migrate.refresh(fresh)
        assert again.items == fresh.items


async def test_refreshing_keeps_what_was_begun():
    """Items that a run has begun stay as they were planned, whatever has changed."""
    async with servers(2) as (old, _, src, dst):
        plan = await migrate.plan(src, dst, options=migrate.Options(grant_self=True))
        for row in old.state.content.values():
            row["title"] = "New"
        fresh = await migrate.refresh(plan, begun={1})
        assert fresh.items[0] == plan.items[0]
        assert fresh.items[1].target.title == "New"


async def test_refreshing_gives_no_name_twice():
    """A changed item does not get the name or the vanity path of one that stays."""
    async with servers(2) as (old, _, src, dst):
        guids = list(old.state.content)
        mapping = migrate.Mapping(users={"publisher": "admin"})
        policies = migrate.Policies(name_taken="rename")
        options = migrate.Options(grant_self=True, policies=policies)
        plan = await migrate.plan(src, dst, mapping=mapping, options=options)
        old.state.content[guids[1]]["name"] = "content-0000"
        old.state.vanities[guids[0]] = {
            "path": "/a/",
            "content_guid": guids[0],
            "created_time": old.state.now(),
        }
        plan = await migrate.refresh(plan)
        assert [item.target.name for item in plan.items] == ["content-0000", "content-0000-2"]
        old.state.vanities[guids[1]] = {**old.state.vanities[guids[0]], "path": "/a/b/"}
        old.state.vanities[guids[1]]["content_guid"] = guids[1]
        fresh = await migrate.refresh(plan)
        assert [item.target.vanity for item in fresh.items] == ["/a/", None]
        assert fresh.items[0] == plan.items[0]


async def test_a_run_goes_on_with_a_refreshed_plan(tmp_path):
    """The journal of the old plan goes on with the new one, and nothing is made twice."""
    journal = tmp_path / "journal"
    async with servers(3) as (old, new, src, dst):
        for guid in old.state.content:
            add_bundle(old, guid, _MANIFEST)
        options = migrate.Options(grant_self=True, lock_source="moved")
        plan = await migrate.plan(src, dst, options=options)
        changed = plan.items[2].source.guid
        run = migrate.run(plan, journal=journal, calls=1)
        async for event in run:
            if (event.kind, event.number) == ("done", 1):
                add_bundle(old, changed, _MANIFEST)
        outcomes = {item.number: item.outcome for item in run.report.items}
        assert outcomes == {1: "done", 2: "done", 3: "failed"}
        begun = {number for number, outcome in outcomes.items() if outcome == "done"}
        # Both were locked by the run, so they are not what they were.
        assert {item.number for item in await changed_items(plan, plan.items)} == {1, 2, 3}
        fresh = await migrate.refresh(plan, begun=begun)
        assert fresh.items[:2] == plan.items[:2]
        assert fresh.items[2].sign == "+"
        report = await migrate.run(fresh, journal=journal, retry=True)
        assert [(item.outcome, item.error) for item in report.items] == [("done", None)] * 3
        names = sorted(row["name"] for row in new.state.content.values())
        assert names == ["content-0000", "content-0001", "content-0002"]


async def test_a_fault_is_not_a_plan():
    """A server that fails while it is read gives its error, and no plan of a part."""
    async with servers(2) as (old, _, src, dst):
        old.script(faults.status(403), on="GET /v1/tags")
        with pytest.raises(PermissionDeniedError):
            await migrate.plan(src, dst)
