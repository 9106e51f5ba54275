"""Idempotent operations: members, tag paths and deletions."""

import pytest

from aconnect import errors
from aconnect._core.events import CallStarted
from aconnect.testing import faults
from aconnect.testing.connect.routes.tags import new_tag


async def test_ensure_member(server, client):
    """`ensure_member` adds a missing user, and returns True if it did."""
    group = await client.groups.create(name="fresh")
    user = await client.me()
    assert await group.ensure_member(user) is True
    assert await group.ensure_member(user.guid) is False
    (member,) = await group.members.find()
    assert await client.groups.handle(group.guid).ensure_member(member) is False
    assert await group.members.count() == 1
    server.script(faults.error(409, 15))
    with pytest.raises(errors.ConflictError):
        await group.ensure_member(user)


@pytest.mark.parametrize("path", ["A/B/C", ["A", "B", "C"], ("A", "B", "C")], ids=repr)
async def test_ensure_tag_path(server, client, path):
    """`ensure_tag_path` creates only the missing tags, from the category down."""
    tag = await client.tags.ensure_tag_path(path)
    assert tag == await client.tags.get_by_path(["A", "B", "C"])
    assert tag == await client.tags.get_by_path("A/B/C")
    made = len(server.state.tags)
    assert await client.tags.ensure_tag_path(path) == tag
    beside = await client.tags.ensure_tag_path(["A", "B/C"])
    assert (beside.name, beside.parent_id) == ("B/C", (await client.tags.get("A")).id)
    assert len(server.state.tags) == made + 1


async def test_an_existing_tag_path_costs_one_request(server, client):
    """If the whole path exists, one request lists the tags and nothing is created."""
    tag = await client.tags.ensure_tag_path("Department/Finance/Payroll")
    assert (tag.id, [request.method for request in server.requests]) == ("3", ["GET"])


@pytest.mark.parametrize("scripted", [(), (409, 26)], ids=["code 81", "code 26"])
async def test_ensure_tag_path_overtaken(server, client, scripted):
    """A tag that another client creates at the same time is used."""

    def see(event):
        if isinstance(event, CallStarted) and event.operation == "tags.create":
            stop()
            number = server.state.next_number("tag")
            server.state.tags[str(number)] = new_tag(number, "A", None, server.state.now())
            if scripted:
                server.script(faults.error(*scripted), on="POST /v1/tags")

    stop = client.subscribe(see)
    tag = await client.tags.ensure_tag_path("A/B")
    (category,) = await client.tags.find(name="A")
    assert tag.parent_id == category.id
    server.assert_script_used()


@pytest.mark.parametrize("path", ["", "A//B", "/A", [], ["A", ""]], ids=repr)
async def test_no_tag_path(server, client, path):
    """An empty path, or one with an empty name, is refused before anything is sent."""
    with pytest.raises(errors.InvalidArgumentError, match="is not a path of tag names"):
        await client.tags.ensure_tag_path(path)
    assert not server.requests


async def test_other_refusals_of_tags(server, client):
    """Other errors are raised, and so is a name conflict that persists."""
    for fault, kind in (
        (faults.error(403, 22), errors.PermissionDeniedError),
        (faults.error(400, 81), errors.ConflictError),
    ):
        server.script(fault, on="POST /v1/tags")
        with pytest.raises(kind):
            await client.tags.ensure_tag_path("New")
    server.assert_script_used()


async def test_ensure_deleted(client):
    """`ensure_deleted` returns True if it deleted the object; it accepts operations and methods."""
    item = await client.content.create(name="item")
    assert await client.ensure_deleted(client.content.delete, item.guid) is True
    assert await client.ensure_deleted(client.content.delete, guid=item.guid) is False
    assert await client.ensure_deleted(item.delete) is False
    assert await client.ensure_deleted(client.content.delete, "never-there") is False


async def test_a_deletion_with_a_lost_answer_is_this_calls(server, client):
    """A deletion whose response was lost returns True, although the retry returns 404."""
    item = await client.content.create(name="item")
    server.script(faults.after(faults.reset()), on="DELETE *")
    assert await client.ensure_deleted(item.delete) is True


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.status(404, body="404 page not found"), errors.EndpointMissingError),
        (faults.status(404, body="<html>"), errors.NotFoundError),
        (faults.error(404, 9), errors.NotFoundError),
        (faults.error(403, 22), errors.PermissionDeniedError),
        (faults.error(409, 35), errors.ConflictError),
    ],
    ids=["old server", "proxy", "something else", "not allowed", "in use"],
)
async def test_not_gone(server, client, fault, kind):
    """Only Connect's own codes for a missing object count as deleted; other errors are raised."""
    server.script(fault, on="DELETE *")
    with pytest.raises(kind):
        await client.ensure_deleted(client.content.delete, "x")


async def test_gone_applies_to_deletions_only(client):
    """A 404 of a request other than DELETE is raised."""

    async def look_first():
        await client.content.get("absent")

    with pytest.raises(errors.NotFoundError):
        await client.ensure_deleted(look_first)


LOST = {
    "done, but the answer is lost": [faults.after(faults.reset())],
    "not done": [faults.reset()],
    "done, but reported as failed": [faults.after(faults.status(502))],
    "not done, then done": [faults.reset(), faults.after(faults.reset())],
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
@pytest.mark.parametrize("before", [0, 1, 2])
async def test_ensure_tag_path_survives_a_lost_answer(server, client, lost, before):
    """A tag whose creation may have failed is looked up, and created if it is missing."""
    if before:
        await client.tags.ensure_tag_path(["A", "B"][:before])
    server.script(*lost, on="POST /v1/tags")
    tag = await client.tags.ensure_tag_path("A/B/C")
    server.assert_script_used()
    assert tag == await client.tags.get_by_path("A/B/C")
    assert [t.name for t in await client.tags.find() if t.name in "ABC"] == ["A", "B", "C"]


async def test_ensure_tag_path_in_an_outage(server, client):
    """A tag that cannot be created is an error after three attempts, or at once if refused."""
    server.script(*[faults.reset()] * 3, on="POST /v1/tags")
    with pytest.raises(errors.ConnectionLostError):
        await client.tags.ensure_tag_path("A")
    assert server.count("POST", "/v1/tags") == 3
    server.clear_script()
    server.script(faults.error(403, 22), on="POST /v1/tags")
    with pytest.raises(errors.PermissionDeniedError):
        await client.tags.ensure_tag_path("A")
    assert server.count("POST", "/v1/tags") == 4
