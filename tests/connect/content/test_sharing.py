"""Vanity URLs, bookmarks, thumbnails and the access test."""

import pytest

from aconnect import Client, errors
from aconnect.testing import faults

PNG = b"\x89PNG\r\n\x1a\n" + bytes(600_000)


@pytest.fixture
async def other(client):
    return await client.content.create(name="other")


@pytest.mark.parametrize("given", ["a/b", "/a/b", "a/b/", "/a/b/"])
async def test_vanity(client, item, given):
    """A vanity path gets a slash at both ends, is listed and included, and can be deleted."""
    assert await item.vanity.find_one() is None
    made = await item.vanity.put(path=given)
    assert (made.path, made.content_guid) == ("/a/b/", item.guid)
    assert await item.vanity.get() == made
    assert await client.vanities.find() == [made]
    got = await client.content.get(item.guid, include="vanity_url")
    assert got.vanity_url == f"{client.url}/a/b/"
    await (await client.vanities.find())[0].delete()
    assert await item.vanity.find_one() is None
    assert (await client.content.get(item.guid, include="vanity_url")).vanity_url is None
    with pytest.raises(errors.NotFoundError) as caught:
        await item.vanity.get()
    assert caught.value.code == 4


async def test_a_vanity_in_use(item, other):
    """Setting the same path again is accepted; that of other content is code 51, unless forced."""
    await item.vanity.put(path="/used/")
    assert (await item.vanity.put(path="/used/")).path == "/used/"
    with pytest.raises(errors.ConflictError, match="force=True") as caught:
        await other.vanity.put(path="used")
    assert caught.value.code == 51
    with pytest.raises(errors.ConflictError):
        await other.vanity.put(path="/used/below/", force=True)
    assert (await other.vanity.put(path="used", force=True)).content_guid == other.guid
    assert await item.vanity.find_one() is None
    assert (await item.vanity.put(path="/another/")).path == "/another/"


@pytest.mark.parametrize("path", ["/", "/__x/", "connect/x", "a b", "ä", "a//b"])
async def test_prohibited_vanities(item, path):
    """An invalid path returns code 52."""
    with pytest.raises(errors.BadRequestError) as caught:
        await item.vanity.put(path=path)
    assert caught.value.code == 52


async def test_roles_for_vanities(server, item):
    """A user that may see the content sees its path; only administrators see all paths."""
    await item.update(access_type="logged_in")
    await item.vanity.put(path="/x/")
    async with Client(server.url, server.api_key_for("publisher")) as other:
        mine = other.content.handle(item.guid)
        assert (await mine.vanity.get()).path == "/x/"
        for call in (other.vanities.find(), mine.vanity.put(path="/y/"), mine.vanity.delete()):
            with pytest.raises(errors.PermissionDeniedError):
                await call


async def test_none_only_for_connects_own_404(server, item):
    """A 404 from a proxy is not taken for a missing vanity URL or bookmark."""
    server.script(faults.status(404, body="<html>"), faults.status(404, body="404 page not found"))
    with pytest.raises(errors.NotFoundError):
        await item.vanity.find_one()
    with pytest.raises(errors.EndpointMissingError):
        await item.bookmark.find_one()
    server.assert_script_used()


async def test_bookmark(server, client, item):
    """A bookmark belongs to one user, exists once, and is included with the content."""
    assert await item.bookmark.find_one() is None
    await item.bookmark.create()
    assert (await item.bookmark.get()).created_time is not None
    assert (await client.content.get(item.guid, include="bookmarked")).bookmarked is True
    with pytest.raises(errors.ConflictError) as caught:
        await item.bookmark.create()
    assert caught.value.code == 267
    await item.update(access_type="all")
    async with Client(server.url, server.api_key_for("viewer")) as other:
        assert await other.content.handle(item.guid).bookmark.find_one() is None
        assert (await other.content.get(item.guid, include="bookmarked")).bookmarked is False
    await item.bookmark.delete()
    with pytest.raises(errors.NotFoundError):
        await item.bookmark.delete()


@pytest.mark.parametrize("form", ["bytes", "path", "text"])
async def test_thumbnail(server, item, tmp_path, form):
    """An image is uploaded from memory or a file, also by a retry, and can be deleted."""
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    server.script(faults.reset(), on="PUT *")
    await item.thumbnail.put({"bytes": PNG, "path": path, "text": str(path)}[form])
    server.assert_script_used()
    assert server.state.thumbnails == {item.guid: PNG}
    assert server.requests[-1].headers["Content-Type"] == "application/octet-stream"
    await item.thumbnail.delete()
    assert not server.state.thumbnails
    with pytest.raises(errors.NotFoundError):
        await item.thumbnail.delete()


async def test_other_files_than_images(server, item, tmp_path):
    """The server refuses a file that is not an image; a missing file is an error before sending."""
    with pytest.raises(errors.BadRequestError):
        await item.thumbnail.put(b"text")
    sent = len(server.requests)
    with pytest.raises(errors.InvalidArgumentError, match="cannot read the image"):
        await item.thumbnail.put(tmp_path / "absent.png")
    assert len(server.requests) == sent


@pytest.mark.parametrize(("access", "public"), [("all", True), ("acl", False)])
async def test_test_access(item, access, public):
    """`test_access` reports whether the content is public, with the reason if it is not."""
    await item.update(access_type=access)
    result = await item.test_access()
    assert (result.guid, result.accessible, bool(result.message)) == (item.guid, public, not public)


async def test_deleting_content_frees_what_it_had(server, client, item, other):
    """Deleting content deletes its permissions, vanity URL, bookmarks and thumbnail."""
    await item.vanity.put(path="/x/")
    await item.bookmark.create()
    await item.thumbnail.put(PNG)
    await item.ensure_permission(await client.users.find_one(prefix="viewer"), "viewer")
    await item.delete()
    state = server.state
    for table in (state.vanities, state.bookmarks, state.thumbnails, state.permissions):
        assert item.guid not in table
    await other.vanity.put(path="/x/")
