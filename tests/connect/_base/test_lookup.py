"""Searches that the client performs itself, and the relations between tags."""

from __future__ import annotations

from operator import attrgetter

import pytest

from aconnect import Client
from aconnect.testing import FakeConnect, Seed

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


@pytest.mark.parametrize("name", ["nam", "_origin"])
async def test_unknown_field(client, name):
    """A field that the rows do not have raises TypeError."""
    with pytest.raises(TypeError, match=f"{name}.*ContentItem"):
        await client.content.find_by(**{name: "x"})


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
    assert [tag.name for tag in below] == ["Finance", "Research", "Payroll"]
    assert await below[-1].descendant_tags.find() == []
