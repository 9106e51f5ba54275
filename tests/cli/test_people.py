"""`aconnect users sync` and `aconnect groups sync`: the difference, the question, the changes."""

import json

import pytest

from aconnect.testing import FakeConnect, Seed, faults

PEOPLE = """\
username,email,role
ada,ada@example.com,publisher
viewer,,publisher
admin,,viewer
"""
GROUPS = """\
group,member
group0000,viewer
new,publisher
new,viewer
"""


@pytest.fixture
def people(shell):
    path = shell.folder / "people.csv"
    path.write_text(PEOPLE)
    return str(path)


@pytest.fixture
def groups(shell):
    path = shell.folder / "groups.csv"
    path.write_text(GROUPS)
    return str(path)


def writes(server):
    return [request for request in server.requests if request.method != "GET"]


def roles(server):
    return {row["username"]: row["user_role"] for row in server.state.users.values()}


async def test_dry_run(server, shell, people):
    """A dry run prints the difference, and exits with 1 because there is one."""
    result = await shell("users", "sync", people, "--dry-run")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "+ user ada (publisher, ada@example.com)",
        "! user admin: role administrator -> viewer: it is the owner of the key",
        "~ user viewer: role viewer -> publisher",
    ]
    assert result.stderr.splitlines() == [
        "Kept: 3 users not described (publisher, user0003, user0004); pass --lock-missing",
        "The server mails 1 new user, who must set a password.",
        "2 changes would be made; nothing was changed",
        "1 change marked ! cannot be made",
    ]
    assert not writes(server)


async def test_dry_run_in_json(server, shell, people):
    """As JSON, each change has its state, also those that are held back."""
    result = await shell("users", "sync", people, "--dry-run", "--json")
    assert result.exit_code == 1
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    states = {name: (row["sign"], row["state"]) for name, row in rows.items()}
    assert states == {
        "ada": ("+", "pending"),
        "admin": ("!", "impossible"),
        "viewer": ("~", "pending"),
        **dict.fromkeys(("publisher", "user0003", "user0004"), ("-", "held back")),
    }
    assert rows["viewer"]["before"] == {"user_role": "viewer"}
    assert rows["viewer"]["after"] == {"user_role": "publisher"}
    assert not writes(server)


async def test_no_terminal(server, shell, people):
    """Where nobody can be asked, the difference is shown and nothing is changed without --yes."""
    result = await shell("users", "sync", people)
    assert result.exit_code == 2
    assert "~ user viewer: role viewer -> publisher" in result.stderr
    assert f"Make 2 changes on {server.url}" in result.stderr
    assert "Pass --yes to confirm" in result.stderr
    assert not writes(server)


async def test_changes(server, shell, people):
    """With --yes the changes are made and printed; a second time there are none."""
    result = await shell("users", "sync", people, "--yes")
    assert result.exit_code == 1  # one of them is not possible
    assert result.stdout.splitlines() == [
        "done\t+ user ada (publisher, ada@example.com)",
        "done\t~ user viewer: role viewer -> publisher",
    ]
    assert roles(server)["ada"] == roles(server)["viewer"] == "publisher"
    assert roles(server)["admin"] == "administrator"
    lines = PEOPLE.splitlines()
    (shell.folder / "people.csv").write_text("\n".join(lines[:3]))
    before = len(writes(server))
    for options in (["--dry-run"], ["--yes"], []):
        result = await shell("users", "sync", people, *options)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.splitlines()[-1] == "Nothing to do."
    assert len(writes(server)) == before


async def test_lock_missing(server, shell, people):
    """With an option, users who are not described are locked."""
    result = await shell("users", "sync", people, "--yes", "--lock-missing", "--json")
    states = {row["name"]: row["state"] for row in json.loads(result.stdout)}
    assert states["user0003"] == "done"
    locked = {row["username"] for row in server.state.users.values() if row["locked"]}
    assert locked == {"publisher", "user0003", "user0004"}


async def test_failure(server, shell, people):
    """A change that fails is described, and the others are made."""
    server.script(faults.error(403, 22), on="POST /v1/users")
    result = await shell("users", "sync", people, "--yes", "--json")
    assert result.exit_code == 1
    end = result.stderr[result.stderr.index("Error: ") :].splitlines()
    assert end[0] == "Error: 1 of 2 changes failed"
    assert end[1].startswith("+ user ada (publisher, ada@example.com): POST ")
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert (rows["ada"]["state"], rows["viewer"]["state"]) == ("failed", "done")
    assert "returned 403" in rows["ada"]["error"]


async def test_errors_of_a_file(server, shell, people):
    """A file with an error changes nothing, and all its errors are listed."""
    (shell.folder / "people.csv").write_text("username,role\nada,king\nada,viewer\n")
    result = await shell("users", "sync", people, "--yes")
    assert result.exit_code == 2
    assert "line 2: there is no role 'king'" in result.stderr
    assert "line 3: the user 'ada' is in line 2 already" in result.stderr
    assert not server.requests


async def test_groups(server, shell, groups):
    """Groups and members are created; nobody is removed and nothing deleted without options."""
    result = await shell("groups", "sync", groups, "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "done\t+ group new",
        "done\t+ group group0000: member viewer",
        "done\t+ group new: member publisher",
        "done\t+ group new: member viewer",
    ]
    kept = "group0000: admin, group0000: user0003"
    assert result.stderr.splitlines()[-2:] == [
        f"Kept: 2 members not described ({kept}); pass --remove-members",
        "Kept: 1 group not described (group0001); pass --delete-groups",
    ]
    options = ["--remove-members", "--delete-groups", "--yes"]
    assert (await shell("groups", "sync", groups, *options)).exit_code == 0
    assert [row["name"] for row in server.state.groups.values()] == ["group0000", "new"]
    assert [len(members) for members in server.state.members.values()] == [1, 2]


async def test_members_who_are_no_users(server, shell, groups):
    """A member who is no user is an error of the file, with its line; nothing is changed."""
    with (shell.folder / "groups.csv").open("a") as file:
        file.write("new,wiever\n")
    result = await shell("groups", "sync", groups, "--yes")
    assert result.exit_code == 2
    assert "line 5: there is no user 'wiever'; did you mean 'viewer'?" in result.stderr
    assert not writes(server)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("users sync", "pass either FILE, or --from-server SERVER"),
        ("users sync FILE --from-server other", "pass either FILE, or --from-server SERVER"),
        ("groups sync FILE --map FILE", "--map is for --from-server"),
    ],
)
async def test_wrong_usage(shell, people, arguments, words):
    """Options that contradict each other are refused."""
    result = await shell(*arguments.replace("FILE", people).split())
    assert result.exit_code == 2
    assert words in result.stderr


async def test_from_server(server, shell, monkeypatch):
    """Another server is named by its profile; its key is not that of the first one."""
    async with FakeConnect(Seed(users=7, groups=3)) as other:
        other.state.keys["key-of-the-other"] = next(iter(other.state.users))
        config = shell.folder / "config.toml"
        config.write_text(f'[profiles.old]\nserver = "{other.url}"\napi_key_env = "OTHER_KEY"\n')
        monkeypatch.setenv("ACONNECT_CONFIG", str(config))
        monkeypatch.setenv("OTHER_KEY", "key-of-the-other")
        mapping = shell.folder / "mapping.toml"
        mapping.write_text('[users]\nuser0006 = "six"\n[groups]\ngroup0002 = ""\n')
        command = ["sync", "--from-server", "old", "--map", str(mapping), "--yes"]
        assert (await shell("users", *command)).exit_code == 0
        assert {"user0005", "six"} <= roles(server).keys()
        assert "user0006" not in roles(server)
        assert (await shell("groups", *command)).exit_code == 0
        assert len(server.state.groups) == 2
        assert (await shell("groups", *command, "--dry-run")).exit_code == 0
        assert not writes(other)
        assert {request.headers["Authorization"] for request in other.requests} == {
            "Key key-of-the-other"
        }
