"""`aconnect migrate diff` and `snapshot`."""

import json
from collections.abc import AsyncIterator

import pytest

from aconnect.testing import FakeConnect, Seed


@pytest.fixture
async def other() -> AsyncIterator[FakeConnect]:
    async with FakeConnect(Seed(), version="2025.12.0") as running:
        yield running


@pytest.fixture(autouse=True)
def profiles(server, other, shell, tmp_path):
    """A profile for each of two servers with the same data."""
    path = tmp_path / "config.toml"
    path.write_text(
        f"""
        [profiles.old]
        server = "{server.url}"
        api_key_env = "OLD_KEY"

        [profiles.new]
        server = "{other.url}"
        api_key_env = "NEW_KEY"
        """
    )
    shell.settings = {
        "ACONNECT_CONFIG": str(path),
        "OLD_KEY": server.api_key,
        "NEW_KEY": other.api_key,
        "CONNECT_SERVER": "",
        "CONNECT_API_KEY": "",
    }
    return path


def change(server: FakeConnect, number: int = 0, **fields: object) -> str:
    """Change a content item, and return its guid."""
    guid = list(server.state.content)[number]
    server.state.content[guid].update(fields)
    return guid


async def test_equal_servers(shell):
    """Servers with the same data have equal rows only, and the exit code is 0."""
    result = await shell("migrate", "diff", "old", "new")
    assert result.exit_code == 0, result.output
    assert {line.partition("\t")[0] for line in result.stdout.splitlines()} == {"="}
    assert result.stderr.endswith(" the same\n")


async def test_differences(shell, other):
    """A difference is a row with its sign and a sentence, and the exit code is 1."""
    change(other, title="Other")
    change(other, 1, name="renamed")
    result = await shell("migrate", "diff", "old", "new", "--only-differences")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "*\tcontent\tadmin/content-0000\ttitle is 'Other' instead of 'Content 0'",
        "-\tcontent\tpublisher/content-0001\t",
        "+\tcontent\tpublisher/renamed\t",
    ]
    assert "1 different, 1 only in A, 1 only in B" in result.stderr


async def test_json(shell, other):
    """`--json` prints one document."""
    change(other, title="Other")
    result = await shell("migrate", "diff", "old", "new", "--json", "--only-differences")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["is_equal"] is False
    assert document["counts"]["*"] == 1
    assert document["rows"] == [
        {
            "sign": "*",
            "kind": "content",
            "name": "admin/content-0000",
            "differences": [
                {
                    "field": "title",
                    "before": "Content 0",
                    "after": "Other",
                    "text": "title is 'Other' instead of 'Content 0'",
                }
            ],
            "reason": None,
        }
    ]


async def test_a_table(shell, other):
    """On a terminal, the rows are a table."""
    change(other, title="Other")
    table, _ = await shell.on_terminal(
        "migrate", "diff", "old", "new", "--only-differences", columns=110
    )
    assert b"title is 'Other' instead of 'Content 0'" in table


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--tag", "Finance"), ["admin/content-0000"]),
        (("--tag", "Department/Finance"), ["admin/content-0000"]),
        (("--owner", "publisher"), ["publisher/content-0001"]),
        (("--owner", "publisher", "--owner", "admin"), None),
        (("--search", "content-0001"), ["publisher/content-0001"]),
        (("--only", "content"), None),
        (("--guid", "GUID"), ["admin/content-0000"]),
    ],
    ids=["tag", "path", "owner", "owners", "search", "kind", "guid"],
)
async def test_choosing_content(shell, server, options, names):
    """Only the chosen content is compared, also if it is chosen on one server only."""
    guid = change(server)
    server.state.content_tags[guid] = {"1", "2", "3"}
    options = [guid.upper() if option == "GUID" else option for option in options]
    result = await shell("migrate", "diff", "old", "new", *options)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert {row[1] for row in rows} == {"content"}
    everything = ["admin/content-0000", "admin/content-0002", "publisher/content-0001"]
    assert [row[2] for row in rows] == (names or everything)
    is_tagged = "admin/content-0000" in [row[2] for row in rows]
    assert result.exit_code == int(is_tagged)


async def test_a_saved_server(shell, server, tmp_path):
    """A server is compared with what it was; nothing of it is requested twice."""
    saved = str(tmp_path / "before.json")
    result = await shell("migrate", "snapshot", "old", "-o", saved)
    assert (result.exit_code, result.stdout) == (0, f"{saved}\n")
    assert (await shell("migrate", "diff", saved, "old")).exit_code == 0
    server.state.environment[change(server)] = {"TOKEN": "value-of-token"}
    result = await shell("migrate", "diff", saved, "old", "--only-differences")
    assert result.exit_code == 1
    assert "variables: TOKEN in addition" in result.stdout
    server.requests.clear()
    assert (await shell("migrate", "diff", saved, saved)).exit_code == 0
    assert server.requests == []


async def test_addresses(shell, server, other):
    """A server is also named by its address, for which there is a profile."""
    result = await shell("migrate", "diff", f"{server.url}/connect/", other.url)
    assert result.exit_code == 0, result.output


async def test_the_address_of_the_environment(shell, server, profiles):
    """CONNECT_API_KEY is for the server of CONNECT_SERVER, and sent to no other."""
    text = profiles.read_text()
    profiles.write_text(text[text.index("[profiles.new]") :])
    shell.settings |= {"CONNECT_SERVER": server.url, "CONNECT_API_KEY": server.api_key}
    assert (await shell("migrate", "diff", server.url, "new")).exit_code == 0
    result = await shell("migrate", "diff", server.url, "http://127.0.0.1:1")
    assert result.exit_code == 2
    assert "aconnect login" in result.stderr


async def test_several_profiles_of_one_address(shell, server, profiles):
    """An address with several profiles is refused, with their names."""
    profiles.write_text(
        f'{profiles.read_text()}\n[profiles.same]\nserver = "{server.url}"\napi_key_env = "NEW_KEY"'
    )
    result = await shell("migrate", "diff", server.url, "new")
    assert result.exit_code == 2
    assert "old, same" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("old", "none"), "has no profile 'none'"),
        (("old", "none.json"), "cannot read 'none.json'"),
        (("old", "new", "--guid", "0b1c9e5a-7b1f-4c36-9e1e-2f6a4d3c8b7a"), "neither server has"),
        (("old", "new", "--only", "vanity"), "'vanity' is not one of"),
        (("old", "new", "--search", ""), "--search is empty"),
        (("old", "new", "--tag", "x", "--only", "user"), "--only leaves out content"),
    ],
    ids=["profile", "file", "guid", "kind", "search", "both"],
)
async def test_wrong_usage(shell, arguments, words):
    """What cannot be compared is refused with exit code 2, not reported as a difference."""
    result = await shell("migrate", "diff", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


async def test_a_failure_is_no_difference(shell):
    """A server that refuses the key makes the exit code 2, and its key's place is said."""
    shell.settings["OLD_KEY"] = "wrong-key-0123456789"
    result = await shell("migrate", "diff", "old", "new")
    assert result.exit_code == 2
    assert "returned 401" in result.stderr
    assert "profile 'old'" in result.stderr
    assert "0123456789" not in result.output


async def test_search_needs_servers(shell, tmp_path):
    """A file cannot be searched."""
    saved = str(tmp_path / "before.json")
    await shell("migrate", "snapshot", "old", "-o", saved)
    result = await shell("migrate", "diff", saved, "new", "--search", "content")
    assert result.exit_code == 2
    assert "a file cannot be searched" in result.stderr
