"""Searches that the client performs itself, and the relations between tags."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from uuid import UUID

import pytest

from aconnect import Client, errors
from aconnect.testing import FakeConnect, Seed
from aconnect.testing.connect.routes.groups import new_group
from aconnect.testing.connect.routes.users import new_user
from aconnect.testing.connect.state import guid_of

SEED = Seed(users=3, content=8, jobs=3, hits=5)


@pytest.fixture
async def client():
    async with FakeConnect(seed=SEED) as server, Client(server.url, server.api_key) as client:
        yield client


@pytest.fixture
async def item(client):
    item = await client.content.find_one(name="content-0000")
    assert item is not None
    return item


@pytest.mark.parametrize(
    ("among", "field"),
    [
        ("content", "guid"),
        ("environments", "guid"),
        ("item.jobs", "key"),
        ("item.packages", "name"),
        ("packages", "name"),
        ("packages", "language"),
        ("metrics.hits", "id"),
    ],
)
async def test_find_by(client, item, among, field):
    """`find_by` returns the first row that matches, or None."""
    begin = item if among.startswith("item.") else client
    resource = attrgetter(among.removeprefix("item."))(begin)
    rows = await resource.find()
    wanted = getattr(rows[-1], field)
    found = await resource.find_by(**{field: wanted})
    assert found == next(row for row in rows if getattr(row, field) == wanted)
    assert await resource.find_by(**{field: "no-such-value"}) is None


async def test_find_by_all_fields(client):
    """With several fields, `find_by` returns a row that matches all of them."""
    item = await client.content.find_by(name="content-0003", app_mode="shiny")
    assert item.name == "content-0003"
    assert await client.content.find_by(name="content-0003", app_mode="static") is None


@pytest.mark.parametrize(
    ("among", "name", "hint"),
    [
        ("content", "nam", "did you mean name"),
        ("content", "_origin", "is not a field"),
        ("content", "delete", "is not a field"),
        ("content", "bundles", "is not a field"),
        ("content", "tags", "did you mean included_tags"),
        ("users", "content", "is not a field"),
        ("users", "groups", "is not a field"),
        ("tags", "origin", "is not a field"),
        ("me.groups", "nam", "did you mean name"),
        ("me.content", "nam", "did you mean name"),
        ("metrics.usage", "started", "is not a field"),
    ],
)
async def test_unknown_field(client, among, name, hint):
    """A name that is no field of the rows raises TypeError, even if there are no rows."""
    begin = await client.me() if among.startswith("me.") else client
    with pytest.raises(TypeError, match=f"{name}.*{hint}"):
        await attrgetter(among.removeprefix("me."))(begin).find_by(**{name: "x"})


async def test_values_in_another_form(client, item):
    """Times may be text, ids numbers or UUIDs, and enums text: they are compared as values."""
    job = (await item.jobs.find())[-1]
    text = job.start_time.isoformat()
    assert await item.jobs.find_by(start_time=text.replace("+00:00", "Z")) == job
    assert await item.jobs.find_by(start_time=job.start_time.astimezone(None)) == job
    assert await client.content.find_by(id=int(item.id)) == item
    assert await client.content.find_by(guid=UUID(item.guid)) == item
    assert await client.content.find_by(guid=f"{{{item.guid.upper()}}}") == item
    assert await client.content.find_by(access_type=str(item.access_type), title=None) is None
    assert (await client.tags.find_by(id=2)).id == "2"
    hit = (await client.metrics.hits.find())[0]
    assert await client.metrics.hits.find_by(id=int(hit.id)) == hit


@pytest.mark.parametrize(
    "criterion",
    [
        {"created_time": "yesterday"},
        {"created_time": "2026-01-01"},
        {"created_time": datetime(2026, 1, 1)},  # noqa: DTZ001  that is the mistake
        {"created_time": 5},
        {"locked": "yes"},
        {"max_processes": "3"},
        {"title": b"x"},
    ],
    ids=str,
)
async def test_value_that_no_field_has(client, criterion):
    """A value that the field can never have raises an error, instead of finding nothing."""
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(criterion))):
        await client.content.find_by(**criterion)


async def test_search_by_details(client, item):
    """A field that the server only includes on request is requested, and so are others."""
    await item.vanity.put(path="/there/")
    url = (await client.content.get(item.guid)).vanity_url
    found = await client.content.find_by(vanity_url=url)
    assert found.guid == item.guid
    me = await client.me()
    assert (await me.content.find_by(vanity_url=url)).guid == item.guid
    found = await client.content.find_by(include="owner", vanity_url=url)
    assert (found.guid, found.owner.guid) == (item.guid, item.owner_guid)
    await item.bookmark.create()
    assert (await client.content.find_by(bookmarked=True)).guid == item.guid


async def test_arguments_of_find(client):
    """`find_by` passes on the arguments of `find`, so that the server returns fewer items."""
    group = await client.groups.create(name="data")
    await client.groups.create(name="data-science")
    assert await client.groups.find_by(prefix="data", name="data") == group
    assert await client.groups.find_by(prefix="x", name="data") is None
    content = (await client.metrics.hits.find())[-1].content_guid
    assert (await client.metrics.hits.find_by(content_guid=content)).content_guid == content


def add_user(server, username, **more):
    guid = guid_of(username)
    row = new_user(guid, username, "viewer", server.state.seed.start, **more)
    server.state.users[guid] = row


def add_group(server, name):
    guid = guid_of(name)
    server.state.groups[guid] = new_group(guid, name, None)


@pytest.fixture
async def crowd():
    """A server with more users and groups of one beginning than a page has, and its client."""
    async with FakeConnect(seed=Seed(users=3)) as server, Client(server.url, server.api_key) as own:
        for number in range(700):
            add_user(server, f"member{number:04}", first_name="Ada", last_name=f"No{number}")
            add_group(server, f"team{number:04}")
        yield server, own


@pytest.mark.parametrize(
    ("among", "field", "value"),
    [
        ("users", "username", "member0042"),
        ("users", "last_name", "No42"),
        ("groups", "name", "team0042"),
    ],
)
async def test_exact_name_on_a_large_server(crowd, among, field, value):
    """A user or group is found by its exact name with one request, as long as few begin like it."""
    server, client = crowd
    found = await getattr(client, among).find_by(**{field: value})
    assert getattr(found, field) == value
    (request,) = server.requests
    assert request.query["prefix"] == [value]


@pytest.mark.parametrize("among", ["users", "groups"])
async def test_exact_name_that_nobody_has(crowd, among):
    """A name that others begin with, or that differs in case, is not found, with one request."""
    server, client = crowd
    resource, field = getattr(client, among), "username" if among == "users" else "name"
    for wrong in ("MEMBER0042", "member004x") if among == "users" else ("TEAM0042", "team004x"):
        assert await resource.find_by(**{field: wrong}) is None
    assert len(server.requests) == 2


@pytest.mark.parametrize("version", ["2026.01.0", "2024.01.0"])
@pytest.mark.parametrize(("among", "field"), [("users", "username"), ("groups", "name")])
async def test_exact_name_that_many_begin_with(version, among, field):
    """A match is not lost where the server returns one page of more that begin like it."""
    async with FakeConnect(seed=Seed(users=3), version=version) as server:
        for number in range(520):
            (add_user if among == "users" else add_group)(server, f"name{number:04}")
        # It begins like the others, but is on no page that servers return for this beginning.
        (add_user if among == "users" else add_group)(server, "NAME")
        async with Client(server.url, server.api_key) as client:
            resource = getattr(client, among)
            backwards = {"asc_order": False}
            assert getattr(await resource.find_by(**backwards, **{field: "NAME"}), field) == "NAME"
            assert await resource.find_by(**{field: "name"}) is None
            asked = [r.query.get("prefix") for r in server.requests]
            assert asked == [["NAME"], None, None, ["name"], None, None]


async def test_fields_beside_an_exact_name(client):
    """All fields of `find_by` count, and an argument that is passed is sent as it is."""
    user = await client.users.find_by(username="publisher", user_role="publisher")
    assert user.username == "publisher"
    assert await client.users.find_by(username="publisher", user_role="viewer") is None
    assert await client.users.find_by(username="publisher", prefix="view") is None
    assert await client.users.find_by(username="") is None


async def test_active_bundle(client, item, archive):
    """The active bundle is the one that was deployed last, not the newest."""
    newest = await item.bundles.create(archive)
    active = await item.bundles.active()
    assert active.id == item.bundle_id != newest.id
    empty = await client.content.create(name="empty")
    assert await empty.bundles.active() is None


@pytest.mark.parametrize(
    ("mode", "interactive", "rendered"),
    [("shiny", True, False), ("quarto-static", False, True), ("static", False, False)],
)
async def test_kinds_of_content(client, mode, interactive, rendered):
    """Content is interactive, rendered or neither, depending on its type."""
    item = await client.content.find_by(app_mode=mode)
    assert (item.is_interactive, item.is_rendered) == (interactive, rendered)


async def test_tag_tree(client):
    """A tag returns its parent, its children and all its descendants."""
    category = await client.tags.get_by_path(["Department"])
    assert await category.parent_tag() is None
    children = await category.child_tags.find()
    assert [tag.name for tag in children] == ["Finance", "Research"]
    assert (await children[0].parent_tag()).id == category.id
    below = await category.descendant_tags.find()
    assert [tag.name for tag in below] == ["Finance", "Payroll", "Research"]
    assert await below[-1].descendant_tags.find() == []
