"""The first mapping file: it says what is guessed and why, and can be used as it is."""

import re

import pytest
from hypothesis import given, strategies as st

from aconnect import Client
from aconnect.errors import InvalidArgumentError
from aconnect.migrate.mapping.file import load_mapping
from aconnect.migrate.mapping.guessing import guess_mapping, mapping_text, save_mapping
from aconnect.migrate.mapping.matching import match
from aconnect.migrate.mapping.model import Mapping
from aconnect.migrate.snapshots.model import (
    EnvironmentSnapshot,
    IntegrationSnapshot,
    PrincipalRole,
)
from aconnect.testing import FakeConnect
from tests.migrate.mapping.invented import (
    DESTINATION,
    FEW,
    content,
    group,
    snapshot,
    snapshots,
    user,
)

# Names that would be something else in TOML, if they were not quoted.
HOSTILE = (
    FEW
    | st.text(max_size=3)
    | st.sampled_from(
        [
            "\n[owners]\nfallback='evil'",
            "a\rb",
            'a"#',
            "\\",
            "guid:1",
            "\x7f\x00\u2028\u202e",
            "a.b",
        ]
    )
)


def load(folder, text):
    path = folder / "guess.toml"
    path.write_text(text, encoding="utf-8", newline="")
    return load_mapping(path)


@given(source=snapshots(names=HOSTILE), destination=snapshots(DESTINATION, names=HOSTILE))
def test_the_file_says_what_is_guessed(tmp_path_factory, source, destination):
    """Whatever the names are: the file can be read, its names exist, and it changes no match."""
    mapping = load(tmp_path_factory.getbasetemp(), mapping_text(source, destination))
    guessed, read = (match(source, destination, one) for one in (Mapping(), mapping))
    for found in read.principals(source.content):
        asked = guessed.user if found.kind == "user" else guessed.group
        assert found.target_guid == asked(found.source).target_guid
        table = mapping.users if found.kind == "user" else mapping.groups
        assert (found.source in table) == (found.target_guid is not None)
    for item in source.content:
        for one in item.details.integrations:
            assert read.integration(one).target_guid == guessed.integration(one).target_guid
        if item.environment:
            one, other = (each.environment(item.environment) for each in (guessed, read))
            assert one.target_guid == other.target_guid
    assert (mapping.owner_fallback, mapping.content, mapping.env) == (None, {}, {})
    assert mapping.match_users == Mapping().match_users


@given(source=snapshots(), destination=snapshots(DESTINATION))
def test_suggestions_are_valid_too(tmp_path_factory, source, destination):
    """A line that is commented out is an entry as well, which needs no correction to be read."""
    lines = mapping_text(source, destination).splitlines()
    keys: set[str] = set()
    for number, line in enumerate(lines):
        if line.startswith('# "'):
            lines[number] = line.removeprefix("# ")
        key = lines[number].partition(" = ")[0]
        if key in keys and key.startswith('"'):
            lines[number] = ""  # integrations of one name
        keys = set() if line.startswith("[") else keys | {key}
    mapping = load(tmp_path_factory.getbasetemp(), "\n".join(lines))
    needed = {item.owner for item in source.content}
    assert needed <= mapping.users.keys()


PEOPLE = (
    user("alice", "a@old"),
    user("bob", "Bob@x"),
    user("carol.smith", "c@old", first_name="Carol", last_name="Smith"),
    user("dave", "team@x"),
    user("erin"),
)
PROD = IntegrationSnapshot("databricks", "Viewer", "Prod")
OLD = snapshot(
    users=PEOPLE,
    groups=(group("analysts", owner="dave"), group("unused", owner="erin")),
    integrations={"i": PROD},
    environments=(EnvironmentSnapshot(guid="e", name="ghcr.io/r:4.3", title="R"),),
    content=(
        content(
            "alice",
            environment="R",
            permissions=(
                PrincipalRole("group", "analysts", "viewer"),
                PrincipalRole("user", "bob", "owner"),
                PrincipalRole("user", "carol.smith", "viewer"),
            ),
            variables=("API_URL", "a.b"),
            integrations=(PROD,),
        ),
        content("alice", variables=("API_URL",), unreadable=("permissions",)),
    ),
)
NEW = snapshot(
    DESTINATION,
    users=(
        user("alice", "a@new", role="viewer"),
        user("robert", "bob@X", locked=True),
        user("csmith", first_name="carol", last_name="SMITH"),
        user("d1", "team@x"),
        user("d2", "team@x"),
    ),
    groups=(group("analysts-new"),),
    integrations={"j": IntegrationSnapshot("databricks", "Viewer", "Databricks")},
    environments=(EnvironmentSnapshot(guid="f", name="ghcr.io/r:4.4"),),
)


@pytest.mark.parametrize(
    "pattern",
    [
        r'"alice" = "alice"  # .*items: 2; the same username; the e-mail addresses differ: a@new',
        r'"alice" = .* and a@old; .*role viewer, so cannot own',
        r'"bob" = "robert"  # permissions: 1; the same e-mail address; .* is locked',
        r'# "carol.smith" = "csmith"  # .*no match; perhaps \'csmith\' \(carol SMITH\)',
        r'# "dave" = "d1"  # owner of groups: 1; unclear .*\'d1\' \(team@x\) or \'d2\' \(team@x\)',
        r'# "analysts" = "analysts-new"  # permissions: 1; no match; perhaps \'analysts-new\'',
        r'# "Prod" = "Databricks"  # items: 1; no match; perhaps \'Databricks\' \(databricks, V',
        r'# "R" = ""  # items: 1; no match',
        r'# API_URL = { environ = "API_URL" }  # items: 2',
        r'# "a.b" = { environ = "a.b" }  # items: 1',
        r"# The permissions of 1 items are missing",
    ],
)
def test_lines(pattern):
    """Each guess has its reason and what it is needed for; what has none has what is near."""
    assert re.search(f"^{pattern}", mapping_text(OLD, NEW), re.MULTILINE)


def test_names_that_are_not_enough(tmp_path):
    """A user whose name another one has as well is named by the guid."""
    source = snapshot(users=(user("bob", "b@x"),), content=(content("bob"),))
    users = (user("bob", "b@x", guid="1"), user("bob", guid="2"))
    text = mapping_text(source, snapshot(DESTINATION, users=users))
    assert load(tmp_path, text).users == {"bob": "guid:1"}


def test_names_that_the_source_does_not_list(tmp_path):
    """An integration that was deleted meanwhile is no entry: matching would refuse it."""
    source = snapshot(integrations={}, content=(content("a", integrations=(PROD,)),))
    destination = snapshot(DESTINATION, integrations={"1": PROD})
    text = mapping_text(source, destination)
    assert '# "Prod" = "Prod"' in text
    mapping = load(tmp_path, text)
    assert match(source, destination, mapping).integration(PROD).target_guid == "1"


def test_integrations_of_one_name(tmp_path):
    """An entry would be for both, so each is matched by its template."""
    azure = IntegrationSnapshot("azure", "Viewer", "Prod")
    both = {"1": PROD, "2": azure}
    source = snapshot(integrations=both, content=(content("a", integrations=(azure, PROD)),))
    destination = snapshot(DESTINATION, integrations=both)
    mapping = load(tmp_path, mapping_text(source, destination))
    found = match(source, destination, mapping)
    assert [found.integration(one).target_guid for one in (PROD, azure)] == ["1", "2"]


def test_what_is_not_needed():
    """Users and groups that no content needs are left out."""
    text = mapping_text(OLD, NEW)
    assert "erin" not in text
    assert "unused" not in text


def test_an_existing_file_is_kept(tmp_path):
    """A mapping that somebody has edited is only replaced if that was asked for."""
    path = tmp_path / "mapping.toml"
    save_mapping(path, "one")
    with pytest.raises(InvalidArgumentError, match="exists, and may have been edited"):
        save_mapping(path, "two")
    assert path.read_text() == "one"
    save_mapping(path, "three", overwrite=True)
    assert path.read_text() == "three"
    assert list(tmp_path.iterdir()) == [path]


async def test_of_two_servers(tmp_path):
    """Servers with the same users need no decision; nothing is written on either."""
    async with (
        FakeConnect() as one,
        FakeConnect() as other,
        Client(one.url, one.api_key) as here,
        Client(other.url, other.api_key) as there,
    ):
        owners = {item.owner_guid for item in await here.content.find() if item.owner_guid}
        users = {user.guid: user.username for user in await here.users.find()}
        mapping = load(tmp_path, await guess_mapping(here, there))
        nothing = load(tmp_path, await guess_mapping(here, there, items=lambda _: False))
    assert {users[guid] for guid in owners} <= mapping.users.keys()
    assert all(source == target for source, target in mapping.users.items())
    assert nothing == Mapping()
    for server in (one, other):
        assert {request.method for request in server.requests} == {"GET"}
