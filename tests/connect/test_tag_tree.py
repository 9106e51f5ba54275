"""The tags as a tree: every tag is in it once, whatever the list of the server is like."""

import pytest
from hypothesis import given, strategies as st

from aconnect import errors
from aconnect.connect import Tag
from aconnect.connect.tag_tree import TagTree

IDS = st.sampled_from(["", *"123456789"])
TAGS = st.lists(
    st.builds(Tag, id=IDS, name=st.sampled_from("abAB"), parent_id=st.none() | IDS), max_size=12
)


@given(TAGS)
def test_every_tag_once(tags):
    """Also with circles, missing parents and repeated ids, no tag is lost and none is repeated."""
    tree = TagTree(tags)
    nodes = list(tree)
    assert sorted(id(node.tag) for node in nodes) == sorted(map(id, tags))
    assert len(tree) == len(tags)
    assert len(str(tree).splitlines()) == len(tags)
    for node in nodes:
        names = [child.tag.name.casefold() for child in node.children]
        assert names == sorted(names)
        for child in node.children:
            assert child.tag.parent_id == node.tag.id
            assert child.path == (*node.path, child.tag.name)
    # Only what has no parent in the list is at the top, or is cut from a circle.
    ids = {tag.id for tag in tags}
    for root in tree.roots:
        assert root.path == (root.tag.name,)
        is_cut = root.tag.parent_id in {node.tag.id for node in root}
        assert root.tag.parent_id not in ids or is_cut or len(ids) < len(tags)


def test_what_is_below_a_circle_stays_there():
    """A circle is cut once, at one of its tags, and what is below them stays below."""
    tags = [
        Tag(id="1", name="one", parent_id="2"),
        Tag(id="2", name="two", parent_id="1"),
        Tag(id="3", name="three", parent_id="2"),
    ]
    tree = TagTree(tags)
    (root,) = tree.roots
    assert {node.tag.id for node in root} == {"1", "2", "3"}
    assert next(node for node in tree if node.tag.id == "3").path[-2:] == ("two", "three")


def test_a_deep_tree():
    """A chain of thousands of tags does not exhaust the stack."""
    tags = [Tag(id=str(n), name="x", parent_id=str(n - 1)) for n in range(1, 3000)]
    assert max(len(node.path) for node in TagTree(tags)) == 2999


async def test_the_tree_of_a_server(server, client):
    """One request; nodes have path, tag and children, and are found by path and by id."""
    await client.tags.ensure_tag_path("Department/Finance/Payroll")
    await client.tags.ensure_tag_path(["Department", "R/D"])
    server.requests.clear()
    tree = await client.tags.tree()
    assert len(server.requests) == 1
    node = tree.get("Department/Finance")
    assert node is not None
    assert str(node) == "Department/Finance"
    assert repr(node) == f"<TagNode Department/Finance, children: {len(node.children)}>"
    assert repr(tree) == f"<TagTree, tags: {len(tree)}>"
    assert node == tree.get(["Department", "Finance"]) == tree.by_id(node.tag.id)
    assert "Payroll" in [child.tag.name for child in node.children]
    assert tree.get("Department/R/D") is None
    assert str(tree.get(["Department", "R/D"]).tag.id) in {each.tag.id for each in tree}
    assert tree.get("Finance") is tree.by_id("no such id") is None
    lines = str(tree).splitlines()
    assert lines[lines.index("  Finance") + 1] == "    Payroll"
    with pytest.raises(errors.InvalidArgumentError):
        tree.get("")
    below = [tag.id async for tag in (await client.tags.get("1")).descendant_tags.find()]
    assert below == [each.tag.id for each in tree.by_id("1")][1:]
