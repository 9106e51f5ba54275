"""Reading servers: what is described, by how many requests, and what may be missing."""

import msgspec
import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.errors import BadRequestError, EndpointMissingError, NotFoundError, ServerError
from aconnect.migrate.snapshots.manifests import read_manifest, without_userinfo
from aconnect.migrate.snapshots.model import (
    IntegrationSnapshot,
    ManifestSnapshot,
    PrincipalRole,
    RepositorySnapshot,
)
from aconnect.migrate.snapshots.reading import Reader, fingerprint, read_catalog, read_server
from aconnect.testing import FakeConnect, Seed, faults
from tests.migrate.conftest import furnish

VERSIONS = ("2026.06.0", "2025.01.0", "2024.03.0", "2023.09.0", "2022.10.0", None)


async def test_everything_is_described_by_names(client, furnished):
    """An item with everything has all of it, without an id of the server."""
    snapshot = await read_server(client, details=True)
    item = next(one for one in snapshot.content if one.guid == furnished)
    assert item.owner == "publisher"
    assert item.settings["description"] == "About sales"
    assert (item.settings["max_processes"], item.settings["cpu_limit"]) == (3, 1.5)
    assert "title" not in item.settings
    assert "load_factor" not in item.settings, "it has no value"
    assert item.environment == "ghcr.io/rstudio/content-base:r4.4.2-py3.12.7-ubuntu2204"
    assert item.tags == (("Department", "Finance", "Payroll"),)
    assert item.vanity == "/sales/"
    assert (item.locked, item.locked_message) == (True, "Later")
    assert item.versions == {"python": "3.11.10"}
    assert item.details is not None
    assert item.details.permissions == (
        PrincipalRole("group", "group0000", "owner"),
        PrincipalRole("user", "viewer", "viewer"),
    )
    assert item.details.variables == ("API_URL", "TOKEN")
    assert item.details.integrations == (IntegrationSnapshot("github", "Viewer", "GitHub"),)
    newest, oldest = item.details.bundles
    assert (newest.active, oldest.active) == (True, False)
    assert newest.id == item.bundle_id
    assert item.details.repository is None
    assert item.details.unreadable == ()
    assert item.details.manifest == ManifestSnapshot(
        app_mode="python-shiny",
        r="4.4.2",
        python="3.11.10",
        quarto="1.5.57",
        nodejs="22.11.0",
        image="ghcr.io/acme/base:1",
        repositories=("https://packages.example/a",),
        integration_requests=("Connect", "github"),
    )
    from_git = snapshot.content[1].details
    assert from_git is not None
    assert from_git.repository == RepositorySnapshot(
        repository="https://git.example/sales.git", branch="main", directory=".", polling=True
    )
    assert snapshot.me.username == "admin"
    assert snapshot.vanities == {"/sales/": furnished}
    assert snapshot.runtimes.python == ("3.11.10", "3.12.7")
    assert "otel_enabled" in snapshot.content_fields


@pytest.mark.parametrize("version", VERSIONS)
async def test_one_item_is_read_as_it_is_listed(version):
    """On every version, an item that is read alone is described as in the list of content."""
    async with FakeConnect(version=version) as fake, Client(fake.url, fake.api_key) as client:
        guid = furnish(fake)
        snapshot = await read_server(client, details=True)
        reader = Reader(client, await read_catalog(client))
        for listed in snapshot.content:
            assert await reader.read(listed.guid) == listed
        item = next(one for one in snapshot.content if one.guid == guid)
        assert item.vanity == "/sales/"
        assert item.tags == (("Department", "Finance", "Payroll"),)
        with pytest.raises(NotFoundError):
            await reader.read("5407f285-0000-40f6-ba5f-ba461253cf54")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_publisher_reads_vanity_paths_too(version):
    """A key that cannot list vanity URLs reads those of its own content."""
    async with FakeConnect(version=version) as fake:
        guid = furnish(fake)
        async with Client(fake.url, fake.api_key_for("publisher")) as client:
            snapshot = await read_server(client, details=True)
    assert snapshot.vanities is None
    assert next(one.vanity for one in snapshot.content if one.guid == guid) == "/sales/"


async def test_a_server_below_a_path():
    """A vanity path has nothing of the path that the server is below."""
    async with FakeConnect(prefix="/rsc") as fake, Client(fake.url, fake.api_key) as client:
        furnish(fake)
        snapshot = await read_server(client)
    assert [one.vanity for one in snapshot.content if one.vanity] == ["/sales/"]


async def test_what_a_key_may_not_read_is_named(server, furnished):
    """Parts that are refused are named in the details, and nothing fails."""
    server.state.content[furnished]["access_type"] = "all"
    server.state.content[furnished]["owner_guid"] = server.state.known_user("admin")["guid"]
    async with Client(server.url, server.api_key_for("viewer")) as client:
        snapshot = await read_server(client, details=True)
    details = next(one.details for one in snapshot.content if one.guid == furnished)
    assert details is not None
    assert details.unreadable == (
        "bundles",
        "integrations",
        "manifest",
        "permissions",
        "repository",
        "variables",
    )
    assert snapshot.vanities is None
    assert snapshot.runtimes.nodejs is None


async def test_other_failures_are_raised(client, server):
    """Only what is missing or refused is left out; any other failure ends the reading."""
    server.script(faults.error(400, 3), on="GET /v1/environments")
    with pytest.raises(BadRequestError):
        await read_server(client)
    server.script(*[faults.status(500)] * 20, on="GET /v1/content/*/permissions")
    with pytest.raises(ServerError):
        await read_server(client, details=True)


@pytest.mark.parametrize("part", ["permissions", "environment", "bundles", "repository"])
async def test_a_part_that_all_servers_have_is_never_missing(client, server, part):
    """What a proxy responds while the server restarts is not taken for content without a part."""
    page = faults.status(404, body=b"404 page not found\n", content_type="text/plain")
    reader = Reader(client, await read_catalog(client))
    first, second, *_ = await reader.items()
    await reader.details(first)
    server.script(page, on=f"GET /v1/content/*/{part}")
    with pytest.raises(EndpointMissingError):
        await reader.details(second)


async def test_times_have_one_spelling(client, server, furnished):
    """A server that writes the same time with another offset has changed nothing."""
    reader = Reader(client, await read_catalog(client))
    row = server.state.content[furnished]
    prints = set()
    for time in ("2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00"):
        row["last_deployed_time"] = time
        prints.add(fingerprint(await reader.read(furnished)))
    assert len(prints) == 1


async def test_content_that_is_deleted_meanwhile(client, server):
    """An item that is deleted after it was listed is left out."""
    server.script(faults.error(404, 4), on="GET /v1/content/*/environment")
    before = len(server.state.content)
    assert len((await read_server(client, details=True)).content) == before - 1


@pytest.mark.parametrize("seed", [Seed(users=1200, groups=700, content=300)], ids=["large"])
async def test_lists_take_few_requests(client, server):
    """Without details, a server is read from its lists: content in one request."""
    await read_server(client)
    assert server.count("GET", "/v1/content") == 1
    assert server.count("GET", "/v1/content/*") == 0
    assert server.count("GET", "/v1/users") == 3
    assert server.count("GET", "/v1/groups") == 2
    assert len(server.requests) <= 20


async def test_details_take_no_request_for_nothing(client, server):
    """Only what can be there is requested, for the chosen items only."""
    del server.state.oauth_integrations[next(iter(server.state.oauth_integrations))]
    await read_server(client, details=True, items=lambda one: one.name == "content-0001")
    details = [one.path for one in server.requests if one.path.startswith("/v1/content/")]
    assert len(details) == 5
    assert not any(path.endswith("associations") for path in details)


async def test_an_old_server_is_not_asked_for_what_it_lacks():
    """What the version of a server cannot have is not requested."""
    async with (
        FakeConnect(version="2022.10.0") as fake,
        Client(fake.url, fake.api_key) as client,
    ):
        await read_server(client, details=True)
        assert fake.count("GET", "/v1/content/*/repository") == 0
        assert fake.count("GET", "/v1/content/*/oauth/integrations/associations") == 0


async def test_a_reader_learns_new_names(client, server):
    """Users and tags that came after the lists were read are named; nobody is looked up twice."""
    reader = Reader(client, await read_catalog(client))
    guid = next(iter(server.state.content))
    tag = await client.tags.create(name="New", parent_id="1")
    user = await client.users.create(username="newcomer", email="new@example.com")
    await client.content.handle(guid).tags.add(tag)
    server.state.permit(guid, user.guid, "viewer")
    server.state.permit(guid, "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a", "viewer")
    server.requests.clear()
    for _ in range(3):
        content = await reader.read(guid)
    assert content.tags == (("Department", "New"),)
    assert content.details is not None
    assert [one.name for one in content.details.permissions] == [
        "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a",
        "newcomer",
    ]
    assert server.count("GET", "/v1/users") == 1


@pytest.mark.parametrize(
    ("version", "known", "unknown"),
    [
        ("2026.06.0", "otel_enabled", ""),
        ("2025.01.0", "locked", "otel_enabled"),
        ("2023.09.0", "run_as", "locked"),
        (None, "otel_enabled", ""),
    ],
)
async def test_the_fields_of_a_server_without_content(version, known, unknown):
    """A server without content is taken to have the fields that its version has."""
    async with (
        FakeConnect(Seed(content=0), version=version) as fake,
        Client(fake.url, fake.api_key) as client,
    ):
        fields = (await read_server(client)).content_fields
    assert known in fields
    assert unknown not in fields


async def test_members_of_groups(client):
    """The members of groups are read if they are wanted."""
    assert [one.members for one in (await read_server(client)).groups] == [None, None]
    with_members = await read_server(client, members=True)
    assert [one.members for one in with_members.groups] == [("admin", "user0003"), ("viewer",)]


async def test_fingerprints(client, server, furnished):
    """A change of the item or of its details changes one of the digests; the address does not."""
    reader = Reader(client, await read_catalog(client))
    before = fingerprint(await reader.read(furnished))
    assert all(len(digest) == 16 for digest in before)
    assert fingerprint(await reader.read(furnished)) == before
    server.state.environment[furnished]["MORE"] = "x"
    details = fingerprint(await reader.read(furnished))
    assert details[0] == before[0]
    assert details[1] != before[1]
    await client.content.update(furnished, max_processes=4)
    assert fingerprint(await reader.read(furnished))[0] != before[0]
    content = await reader.read(furnished)
    moved = msgspec.structs.replace(
        content,
        url="https://elsewhere/",
        app_role="viewer",
        settings=dict(reversed(content.settings.items())),
    )
    assert fingerprint(moved) == fingerprint(content)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["metadata", "packages", "python", "version", "integration_requests", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_any_manifest_is_read(value):
    """A manifest of any form is read as far as it has the fields."""
    found = read_manifest(msgspec.json.encode(value).decode())
    assert (found is None) == (not isinstance(value, dict))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_address_has_a_password(password):
    """Whatever a password contains, nothing of it stays in an address."""
    assert without_userinfo(f"https://user:x{password}@host/p") == "https://host/p"


@pytest.mark.parametrize(
    "address",
    [
        "https://host",
        "https://host/@scope/a@1.0",
        "https://host:8443/@scope",
        "https://[::1]:80/a",
        "/a/path",
    ],
)
def test_an_address_without_a_password_is_kept(address):
    """An address without user name and password is not changed."""
    assert without_userinfo(address) == address
