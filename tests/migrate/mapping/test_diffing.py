"""Comparing servers and snapshots, by what is read of each."""

import pytest

from aconnect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.diffing import diff
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.snapshots.reading import read_server
from aconnect.testing import FakeConnect


async def test_servers_of_different_versions(client, server):
    """What an older server cannot have is no difference."""
    for version in ("2025.01.0", "2023.09.0", None):
        async with FakeConnect(version=version) as other, Client(other.url, other.api_key) as there:
            found = await diff(client, there, kinds=("content", "user", "group", "tag"))
            assert found.is_equal, found
            assert (found.before, found.after) == (server.url, there.url)


async def test_a_snapshot_and_its_server(client, server, furnished):
    """A server is like its snapshot until something changes."""
    before = await read_server(client, details=True, members=True)
    assert (await diff(before, client)).is_equal
    assert (await diff(before, before)).is_equal
    server.state.environment[furnished]["MORE"] = "x"
    rows = (await diff(before, client)).rows
    assert [str(one) for row in rows for one in row.differences] == ["variables: MORE in addition"]


async def test_chosen_on_one_side(client, server, furnished):
    """Content that is chosen on one server only is compared; other content is not read."""
    before = await read_server(client, details=True)
    server.state.content_tags[furnished].clear()
    server.requests.clear()
    found = await diff(
        before,
        client,
        kinds=["content"],
        items=lambda one: ("Department", "Finance", "Payroll") in one.tags,
    )
    assert [str(one) for row in found.rows for one in row.differences] == [
        "tags: Department/Finance/Payroll missing"
    ]
    assert server.count("GET", "/v1/content/*/permissions") == 1


async def test_nothing_is_chosen(client):
    """A choice that no server has is refused, instead of being equal."""
    with pytest.raises(InvalidArgumentError, match="neither server"):
        await diff(client, client, items=lambda _: False)


async def test_names_of_the_other_server(client):
    """Users and groups can have other names on the second server."""
    async with FakeConnect() as other, Client(other.url, other.api_key) as there:
        state = other.state
        state.known_user("publisher")["username"] = "ana"
        next(iter(state.groups.values()))["name"] = "team"
        assert not (await diff(client, there)).is_equal
        mapping = Mapping(users={"publisher": "ana"}, groups={"group0000": "team"})
        found = await diff(client, there, mapping=mapping)
        assert found.is_equal, found


async def test_who_is_left_out(client, server):
    """Permissions of those whom the mapping leaves out are no difference."""
    (guid, *_) = server.state.content
    server.state.permit(guid, server.state.known_user("viewer")["guid"], "viewer")
    async with FakeConnect() as other, Client(other.url, other.api_key) as there:
        found = await diff(client, there, kinds=["content", "user"])
        assert [row.kind for row in found.rows if row.sign != "="] == ["content"]
        found = await diff(client, there, kinds=["content"], mapping=Mapping(users={"viewer": ""}))
        assert found.is_equal, found


async def test_a_mapping_file(client, tmp_path):
    """The mapping can be a file; what it names must exist."""
    file = tmp_path / "mapping.toml"
    file.write_text('[users]\n"nobody" = "somebody"\n')
    with pytest.raises(InvalidArgumentError, match="nobody"):
        await diff(client, client, mapping=file)
