"""What users of posit-sdk are used to works here as well."""

import asyncio
import io
import json
from collections import UserDict

import anyio
import pytest

from aconnect import Client, errors
from aconnect.connect import GroupMember, TaskStatus, User
from aconnect.testing import BuildScript, Seed, faults


@pytest.fixture
def seed():
    return Seed(content=12)


@pytest.fixture
async def other(client):
    """A publisher that is not the owner of the key."""
    return await client.users.find_one(prefix="publisher")


class Keyed:
    """Something with keys, but no mapping."""

    def keys(self):
        return ["A", "B"]

    def __getitem__(self, name):
        return name.lower()


class NotReady:
    """A file that does not wait, and has no data yet."""

    def read(self):
        return None


async def test_content_without_a_name(client):
    """Content can be created without a name: the server makes one up."""
    one = await client.content.create(title="Sales")
    two = await client.content.create(title="Sales")
    assert one.title == two.title == "Sales"
    assert one.name
    assert one.name != two.name


async def test_permissions_are_filtered(client, item, other):
    """`permissions.find` and `find_one` filter by the fields of a permission, as do their kin."""
    group = await client.groups.find_one()
    one = await item.permissions.create(other, role="viewer")
    two = await item.permissions.create(group, role="owner")
    assert await item.permissions.find(role="viewer") == [one]
    assert await item.permissions.find(principal_guid=group.guid.upper()) == [two]
    assert await item.permissions.find(principal_type="user", role="owner") == []
    assert await item.permissions.find_one(principal_type="group") == two
    assert await item.permissions.find_one(role="owner") == two
    assert await item.permissions.find_one(other, role="owner") is None
    assert await item.permissions.count(role="owner") == 1
    assert await item.permissions.find_by(role="owner") == two


async def test_filters_by_what_is_no_guid(server, client, item, other):
    """A name or an object instead of a GUID is refused: it would match nothing."""
    before = len(server.requests)
    for wrong, hint in (("publisher", "not a GUID"), (other, "User; pass its guid")):
        with pytest.raises(errors.InvalidArgumentError, match=f"principal_guid.*{hint}"):
            item.permissions.find(principal_guid=wrong)
        with pytest.raises(errors.InvalidArgumentError, match=f"app_guid.*{hint}"):
            client.packages.find(app_guid=wrong)
        with pytest.raises(errors.InvalidArgumentError, match=f"owner_guid.*{hint}"):
            client.content.find(owner_guid=wrong)
    assert len(server.requests) == before


@pytest.mark.parametrize(("wrong", "hint"), [(None, "look-up"), (User(guid="x"), "pass its guid")])
async def test_what_is_no_guid_of_content(server, client, wrong, hint):
    """The result of a look-up that found nothing, or an object, is refused with what to pass."""
    with pytest.raises(errors.InvalidArgumentError, match=hint):
        await client.content.get(wrong)
    assert not server.requests


@pytest.mark.parametrize("nobody", [None, User(), 3])
async def test_nobody(server, client, nobody):
    """What is no user, such as the result of a look-up that found none, is refused unsent."""
    group = await client.groups.find_one()
    before = len(server.requests)
    for call in (client.content.of, client.groups.of):
        with pytest.raises(errors.InvalidArgumentError, match="guid is"):
            call(nobody)
    for member in (group.members.add, group.ensure_member):
        with pytest.raises(errors.InvalidArgumentError):
            await member(nobody)
    assert len(server.requests) == before


async def test_limits_of_lists(client):
    """An argument that lists of other clients have is refused with what to use here."""
    with pytest.raises(TypeError, match=r"'limit'; .*\.take\(n\)"):
        client.audit_logs.find(limit=3)


async def test_a_look_up_does_not_print_objects(client, other):
    """An object instead of a value is named by its type, not printed with all its fields."""
    with pytest.raises(errors.InvalidArgumentError, match="owner=<User>") as caught:
        await client.content.find_by(owner=other)
    assert other.email not in str(caught.value)


async def test_packages_are_filtered(client):
    """`packages.find` filters by the fields of a package, over all pages, raw rows included."""
    every = await client.packages.find()
    python = [one for one in every if one.language == "python"]
    assert 0 < len(python) < len(every)
    pages = client.packages.find(language="python").page_size(3)
    assert await pages == python
    assert await pages.total() == await client.packages.count(language="python") == len(python)
    rows = [json.loads(bytes(row)) async for row in pages.raw()]
    assert [row["name"] for row in rows] == [one.name for one in python]
    one = python[-1]
    assert await client.packages.find_one(
        language="python", version=one.version, bundle_id=int(one.bundle_id), name=one.name
    )
    assert await client.packages.find_one(language="rust") is None
    of_item = client.content.handle(one.content_guid).packages
    assert {each.language for each in await of_item.find(language="python")} == {"python"}


async def test_what_cannot_be_compared_is_kept(server, client):
    """A raw row that does not fit is kept by a filter: nobody knows whether it matches."""
    rows = [{"language": "r", "name": "a"}, {"language": "python", "name": "b"}, "odd"]
    server.script(faults.status(200, body={"results": rows, "current_page": 1, "total": 3}))
    found = [json.loads(bytes(row)) async for row in client.packages.find(language="r").raw()]
    assert found == [rows[0], "odd"]


@pytest.mark.parametrize("kind", ["file", "memory", "bytes", "path"])
async def test_bundles_from_open_files(item, archive, tmp_path, server, kind):
    """A bundle is created from an open file, bytes or a path; a retry sends all of it again."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(archive)
    server.script(faults.status(503))
    if kind == "file":
        with path.open("rb") as file:
            bundle = await item.bundles.create(file)
    else:
        given = {"memory": io.BytesIO(archive), "bytes": archive, "path": path}
        bundle = await item.bundles.create(given[kind])
    assert await item.bundles.download(bundle.id) == archive


async def test_files_that_are_no_archives(item, tmp_path):
    """A file opened as text, one that was closed, and other objects are refused with the reason."""
    path = tmp_path / "bundle.tar.gz"
    path.write_text("text")
    with (
        path.open(encoding="utf-8") as file,
        pytest.raises(errors.InvalidArgumentError, match="'rb'"),
    ):
        await item.bundles.create(file)
    with pytest.raises(errors.InvalidArgumentError, match="closed"):
        await item.bundles.create(file)
    with pytest.raises(errors.InvalidArgumentError, match="it is a int"):
        await item.bundles.create(3)
    with (
        path.open(encoding="utf-8") as file,
        pytest.raises(errors.InvalidArgumentError, match="'rb'"),
    ):
        await item.thumbnail.put(file)


async def test_files_that_are_not_read_at_once(item, tmp_path):
    """An asynchronous file, or one without data yet, is refused with what is wrong about it."""
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(b"data")
    async with await anyio.open_file(path, "rb") as file:
        with pytest.raises(errors.InvalidArgumentError, match="has to be awaited"):
            await item.bundles.create(file)
    with pytest.raises(errors.InvalidArgumentError, match="returned a NoneType instead of bytes"):
        await item.bundles.create(NotReady())


async def test_thumbnails_from_open_files(server, item):
    """A thumbnail is uploaded from an open file, as bundles are."""
    await item.thumbnail.put(io.BytesIO(b"GIF8-image"))
    assert server.requests[-1].body == b"GIF8-image"


@pytest.mark.parametrize(
    ("args", "more"),
    [
        (({"A": "a", "B": "b"},), {}),
        (([("A", "a"), ("B", "b")],), {}),
        ((zip("AB", "ab", strict=True),), {}),
        ((Keyed(),), {}),
        ((UserDict(A="a"),), {"B": "b"}),
        ((), {"A": "a", "B": "b"}),
    ],
)
async def test_environment_variables_as_dict_takes_them(server, item, args, more):
    """Environment variables are given as a mapping, by `keys()`, as pairs or as keywords."""
    assert await item.environment_variables.update(*args, **more) == ["A", "B"]
    sent = [(one["name"], one["value"]) for one in json.loads(server.requests[-1].body)]
    assert sent == [("A", "a"), ("B", "b")]


@pytest.mark.parametrize("values", ["text", 3, ["secret"], {"A": 1}, {"A": {"B": "secret"}}])
async def test_wrong_environment_variables(server, item, values):
    """What is no variables is refused before anything is sent, without quoting a value."""
    before = len(server.requests)
    for method in (item.environment_variables.update, item.environment_variables.replace):
        with pytest.raises(errors.InvalidArgumentError) as caught:
            await method(values)
        assert "secret" not in str(caught.value)
    assert len(server.requests) == before


async def test_none_is_no_value_of_a_variable(server, item):
    """None, such as that of `os.environ.get`, deletes no variable by mistake."""
    variables = item.environment_variables
    await variables.update(A="a", B="b")
    before = len(server.requests)
    with pytest.raises(errors.InvalidArgumentError, match="'A' to a value of type NoneType"):
        await variables.create("A", None)
    with pytest.raises(errors.InvalidArgumentError, match="'A' to a value of type NoneType"):
        await variables.replace({"A": None})
    assert len(server.requests) == before
    assert await variables.update(A=None) == ["B"]


async def test_no_credentials_outside_connect(client, server):
    """Outside Connect there are no content credentials: None, without a request."""
    assert await client.oauth.get_content_credentials() is None
    assert not await client.oauth.has_content_credentials()
    with pytest.raises(errors.InvalidArgumentError, match="neither"):
        await client.oauth.get_aws_content_credentials()
    assert not server.requests


async def test_content_of_a_user(client, other):
    """`user.content` has the methods of `client.content`, for what the user owns."""
    mine = (await client.me()).content
    item = await mine.create(title="Sales")
    assert item.owner_guid == (await client.me()).guid
    assert (await mine.get(item.guid)).owner.username == "admin"
    assert (await mine.find_by(title="Sales")).guid == item.guid
    assert await mine.find_one(name=item.name) == item
    theirs = await other.content.create(name="theirs")
    assert theirs.owner_guid == other.guid
    assert await other.content.find_one(name="theirs") == theirs
    assert await mine.count() + await other.content.count() == await client.content.count()


async def test_content_that_is_not_handed_over(server, client, other):
    """If content cannot be handed over to its user, none is left behind."""
    count = await client.content.count()
    async with Client(server.url, server.api_key_for(other.username)) as publisher:
        with pytest.raises(errors.PermissionDeniedError):
            await publisher.users.handle((await client.me()).guid).content.create(name="theirs")
    assert await client.content.count() == count


async def test_members_are_users(client, other):
    """The members of a group are users, with the methods of users."""
    group = await client.groups.create(name="analysts")
    await group.members.add(other)
    (member,) = await group.members.find()
    assert isinstance(member, User)
    assert isinstance(member, GroupMember)
    await member.lock()
    assert (await member.refresh()).locked
    await member.unlock()
    assert await member.content.count() == await other.content.count()
    assert [one.name for one in await member.groups.find()] == ["analysts"]
    await client.content.handle((await client.content.find_one()).guid).permissions.find_one(member)
    await member.delete()
    assert await group.members.count() == 0


async def test_a_status_is_awaited(server, client, item, archive):
    """What `tasks.get` returns has the fields of a status and is followed to the end."""
    server.state.build_script = BuildScript(lines=("one", "two"), lines_per_poll=1)
    started = await item.deploy(await item.bundles.create(archive))
    status = await client.tasks.get(started.id)
    assert status.finished is False
    assert [line async for line in status.task.output()] == ["one", "two"]
    final = await status
    assert isinstance(final, TaskStatus)
    assert final.finished
    assert (await final).finished


async def test_statuses_are_awaited_together(client, item, archive):
    """`asyncio.gather` takes statuses, as it takes tasks."""
    bundle = await item.bundles.create(archive)
    started = [await bundle.deploy() for _ in range(2)]
    statuses = [await client.tasks.get(task.id) for task in started]
    ended = await asyncio.gather(*statuses, *statuses)
    assert [status.id for status in ended] == [task.id for task in started] * 2
    assert all(status.finished for status in ended)


async def test_a_failed_status(server, client, item, archive):
    """Awaiting the status of a task that fails raises its error with the lines, as for a task."""
    server.state.build_script = BuildScript(lines=("one",), code=1, error="broken")
    started = await item.deploy(await item.bundles.create(archive))
    with pytest.raises(errors.TaskFailedError, match="broken") as caught:
        await (await client.tasks.get(started.id))
    assert caught.value.lines == ("one",)


@pytest.mark.parametrize("path", ["v1/user", "/v1/user", "v1/user?page_size=1"])
async def test_paths_without_a_slash(server, client, path):
    """A path passed to `request` may begin without a slash."""
    assert (await client.request("GET", path)).status == 200
    assert server.requests[-1].path == "/v1/user"
