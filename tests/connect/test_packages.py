"""Packages of one item and of all content, and the Python lock file."""

from typing import cast

import pytest

from aconnect import Client, errors
from aconnect._client.bound import ChannelOwner
from aconnect._core.message import Response
from aconnect.connect import Lockfile
from aconnect.testing import Seed


@pytest.fixture
def seed():
    return Seed(content=12)


@pytest.fixture
def of(server, client):
    """Return a function that finds an item of a type."""

    def find(mode):
        guids = [g for g, row in server.state.content.items() if row["app_mode"] == mode]
        return client.content.handle(guids[0])

    return find


@pytest.mark.parametrize(
    ("mode", "languages"),
    [
        ("python-shiny", {"python"}),
        ("shiny", {"r"}),
        ("quarto-static", {"python", "r"}),
        ("static", set()),
    ],
)
async def test_of_one_item(of, mode, languages):
    """Packages of an item are sorted by language and name; R packages have a hash."""
    item = of(mode)
    found = await item.packages.find()
    assert {package.language for package in found} == languages
    assert {package.content_guid for package in found} <= {item.guid}
    order = [(package.language, package.name) for package in found]
    assert order == sorted(order)
    assert all((package.hash is None) is (package.language == "python") for package in found)


async def test_none_before_the_first_deployment(client):
    """Content without a deployment has no packages; its response has no body."""
    item = await client.content.create(name="fresh")
    assert await item.packages.find() == []


async def test_of_all_content(server, client):
    """Packages of all content are listed, over one or several pages, and filtered by name."""
    everything = await client.packages.find()
    assert len(everything) == await client.packages.find().total() > 50
    server.requests.clear()
    assert await client.packages.find().page_size(20) == everything
    assert len(server.requests) == -(-len(everything) // 20)
    shiny = await client.packages.find(name="shiny")
    assert shiny == [package for package in everything if package.name == "shiny"]
    assert {package.language for package in shiny} == {"python", "r"}
    assert await client.packages.find(name="none") == []
    down = await client.packages.find(asc_order=False)
    assert [(p.language, p.name) for p in down] == sorted(
        ((p.language, p.name) for p in everything), reverse=True
    )


async def test_unmanaged_libraries_are_not_listed(server, client, of):
    """Content whose packages the server does not manage is omitted."""
    item = of("python-shiny")
    server.state.content[item.guid]["py_environment_management"] = False
    assert item.guid not in {package.content_guid async for package in client.packages.find()}


async def test_for_publishers(server):
    """Viewers may not list the packages of all content."""
    async with Client(server.url, server.api_key_for("viewer")) as client:
        with pytest.raises(errors.PermissionDeniedError):
            await client.packages.find()


async def test_lockfile(of, tmp_path):
    """A lock file has the version of Python and the item's packages, and can be saved."""
    item = of("python-shiny")
    lock = await item.get_lockfile()
    assert lock.generated_by == f"connect; python={lock.python_version}"
    assert lock.text.splitlines() == [f"{p.name}=={p.version}" for p in await item.packages.find()]
    path = await lock.write(tmp_path / "requirements.txt.lock")
    assert path.read_text() == lock.text


@pytest.mark.parametrize("mode", ["shiny", "static"])
async def test_no_lockfile_without_python(of, mode):
    """Content without Python has no lock file."""
    with pytest.raises(errors.NotFoundError):
        await of(mode).get_lockfile()


@pytest.mark.parametrize(
    ("header", "version"),
    [
        ("connect; python=3.11.4", "3.11.4"),
        ("connect; r=4.4; python=3.12", "3.12"),
        ("connect", None),
        (None, None),
    ],
)
def test_the_version_of_a_lockfile(header, version):
    """If the header lacks the version of Python, only the version is None."""
    headers = {} if header is None else {"Generated-By": header}
    lock = Lockfile.from_response(
        "a==1\n", Response(status=200, headers=headers), cast("ChannelOwner", None), {}
    )
    assert (lock.generated_by, lock.python_version, lock.text) == (header, version, "a==1\n")
