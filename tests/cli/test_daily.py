"""The commands for daily work: content, users, groups, jobs, tags, the key's owner, the server."""

import json

import pytest

from aconnect.testing import FakeConnect, Seed, faults
from aconnect.testing.connect.archives import Archive
from aconnect.testing.connect.routes.content.bundles import small_archive, store

HEADS = {
    "content list": "GUID  Name  Type",
    "users list": "GUID  Username  Role",
    "groups list": "GUID  Name",
    "tags list": "Id  Path  Name",
}


@pytest.fixture
async def server():
    async with FakeConnect(Seed(content=6, jobs=12)) as running:
        yield running


@pytest.fixture
def item(server):
    """The first content item of the server."""
    return next(iter(server.state.content.values()))


def names(result):
    return [line.split("\t")[1] for line in result.stdout.splitlines()]


@pytest.mark.parametrize("command", HEADS)
async def test_listings_in_a_pipe(shell, command):
    """In a pipe a listing is tab-separated lines without heads, one for each object."""
    result = await shell(*command.split())
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len({line.count("\t") for line in lines}) == 1
    assert len(json.loads((await shell(*command.split(), "--json")).stdout)) == len(lines) > 1
    assert len((await shell(*command.split(), "--limit", "1")).stdout.splitlines()) == 1


@pytest.mark.parametrize("command", HEADS)
async def test_listings_on_a_terminal(shell, command):
    """On a terminal a listing is a table of whole cells, no wider than the terminal."""
    out, err = await shell.on_terminal(*command.split())
    lines = out.decode().replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert " ".join(lines[0].split()).startswith(" ".join(HEADS[command].split()))
    piped = (await shell(*command.split())).stdout.splitlines()
    firsts = [line.split("\t")[:2] for line in piped]
    assert [line.split()[:2] for line in lines[1:]] == firsts
    assert max(map(len, lines)) <= 80
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--json", "guid,name"), {"guid", "name"}),
        (("--json=name",), {"name"}),
        (("--json", " name , title "), {"name", "title"}),
    ],
)
async def test_chosen_fields(shell, arguments, expected):
    """`--json FIELDS` prints these fields of each object, in this order."""
    items = json.loads((await shell("content", "list", *arguments)).stdout)
    assert {frozenset(each) for each in items} == {frozenset(expected)}


@pytest.mark.parametrize("command", ["content list", "whoami"])
async def test_unknown_fields(server, shell, command):
    """A field that does not exist is refused before any request, with those that do."""
    result = await shell(*command.split(), "--json", "emial,titel")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no field 'emial'" in result.stderr
    assert "guid" in result.stderr
    assert server.requests == []


async def test_filters_of_content(shell, item):
    """Content that is listed matches all filters."""
    all_names = names(await shell("content", "list"))
    assert names(await shell("content", "list", "--name", "content-0003")) == ["content-0003"]
    mine = names(await shell("content", "list", "--owner", "@me"))
    admins = names(await shell("content", "list", "--owner", "admin"))
    assert mine == admins
    assert set(mine) < set(all_names)
    item["title"] = "Sales OF the year"
    assert names(await shell("content", "list", "--query", "sales of")) == [item["name"]]
    kind = item["app_mode"]
    found = names(await shell("content", "list", "--type", kind, "--type", "static"))
    assert item["name"] in found
    assert names(await shell("content", "list", "--type", kind, "--query", "sales")) == [
        item["name"]
    ]
    await shell("content", "tags", item["name"], "--add", "Department/Finance")
    assert names(await shell("content", "list", "--tag", "Finance")) == [item["name"]]


@pytest.mark.parametrize("form", ["{guid}", "{name}", "{url}", "{dashboard}"])
async def test_items_as_people_name_them(server, shell, item, form):
    """Content is found by its GUID, its name, and the addresses that a browser shows."""
    name = form.format(
        guid=item["guid"].upper(),
        name=item["name"],
        url=f"{server.url}/content/{item['guid']}/",
        dashboard=f"{server.url}/connect/#/apps/{item['guid']}/access",
    )
    result = await shell("content", "get", name, "--json", "guid,owner")
    found = json.loads(result.stdout)
    assert found["guid"] == item["guid"]
    assert found["owner"]["username"]


async def test_names_that_are_not_unique(server, shell):
    """A name that several owners use is refused, and their GUIDs are listed."""
    first, second = list(server.state.content.values())[:2]
    second["name"] = first["name"]
    result = await shell("content", "get", first["name"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert first["guid"] in result.stderr
    assert second["guid"] in result.stderr


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("content get nothing", "content list --query"),
        ("users get nobody", "users list --query"),
        ("groups members none", "groups list"),
        ("tags list --parent none", "Department/Finance"),
        ("content list --owner nobody", "nobody"),
        ("content list --tag none", "tags list"),
        ("content tags content-0000 --add Department/none", "tags list"),
        ("content logs content-0000 --job none", "jobs list"),
        ("jobs kill content-0000 none", "jobs list"),
    ],
)
async def test_names_that_nobody_has(shell, command, words):
    """A name that is not found is an error with what to do, and nothing is printed."""
    result = await shell(*command.split())
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "content get",
        "users get",
        "groups members",
        "content list --owner",
        "content list --tag",
        "tags create",
        "content permissions content-0000 --add",
    ],
)
async def test_empty_names(server, shell, command):
    """An empty name, such as that of a variable which is not set, is wrong usage."""
    result = await shell(*command.split(), "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "name=" not in result.stderr
    assert [request.method for request in server.requests if request.method != "GET"] == []


async def test_vanity_addresses(server, shell, item):
    """Content is found by its vanity URL, as a browser shows it; not by that of another server."""
    done = await shell("call", "content.vanity.put", item["guid"], "--path", "/sales/2026/")
    assert done.exit_code == 0, done.output
    address = f"{server.url}/sales/2026"
    for pasted in (address, f" {address}\n", address.replace("http", "HTTP", 1)):
        assert (await shell("content", "get", pasted, "--json", "guid")).stdout == (
            f'{{"guid":"{item["guid"]}"}}\n'
        )
    other = await shell("content", "get", "https://connect.example.com/sales/2026")
    assert (other.exit_code, other.stdout) == (2, "")
    assert "is another server than" in other.stderr
    none = await shell("content", "get", f"{server.url}/sales/2025")
    assert (none.exit_code, none.stdout) == (1, "")
    assert "no content that the key can see has the address" in none.stderr


async def test_restart_terminate_and_prune(server, shell, item):
    """These say what was done; deleting bundles asks first."""
    restarted = await shell("content", "restart", item["name"])
    assert restarted.exit_code == 0, restarted.output
    assert f"Restarted {item['name']} ({item['guid']}), which responds with 200" in restarted.stderr
    ended = await shell("content", "terminate", item["name"])
    # The process that the restart has started.
    assert "asked to end 1 job of" in ended.stderr
    bundles = server.state.bundles[item["guid"]]
    first = next(iter(bundles))
    archive, manifest = small_archive("python-shiny")
    for _ in range(3):
        row = server.state.content[item["guid"]]
        store(server.state, row, row["owner_guid"], Archive.of(archive), manifest, server.now())
    command = ("content", "prune", item["name"], "--keep", "1")
    refused = await shell(*command)
    assert (refused.exit_code, len(bundles)) == (2, 4)
    assert "--yes" in refused.stderr
    pruned = await shell(*command, "--yes")
    assert "Deleted 2 bundles" in pruned.stderr
    assert len(bundles) == 2
    assert first in bundles


async def test_tags_with_the_same_name(shell, item):
    """A name that several tags have is refused, and their paths are listed; a path is accepted."""
    await shell("tags", "create", "Region/Finance")
    command = ("content", "tags", item["name"], "--add")
    refused = await shell(*command, "Finance")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "  Department/Finance\n  Region/Finance\n" in refused.stderr
    assert "Region/Finance" in names(await shell(*command, "Region/Finance"))
    listed = ("content", "list", "--tag")
    assert names(await shell(*listed, "Region/Finance")) == [item["name"]]
    assert names(await shell(*listed, "Department/Finance")) == []


async def test_look_ups_are_exact(server, shell):
    """A user or group whose name only begins with the text is not found."""
    user = list(server.state.users.values())[1]
    group = next(iter(server.state.groups.values()))
    for command, name in (("users get", user["username"]), ("groups members", group["name"])):
        assert (await shell(*command.split(), name)).exit_code == 0
        assert (await shell(*command.split(), name[:-1])).exit_code == 1


async def test_update(server, shell, item):
    """`content update` has the options of the operation, and changes only what is given."""
    command = ("content", "update", item["name"])
    done = await shell(*command, "--title", "New", "--max-processes", "3")
    assert (done.exit_code, done.stdout) == (0, "")
    assert (item["title"], item["max_processes"]) == ("New", 3)
    await shell(*command, "--null", "max-processes")
    assert (item["title"], item["max_processes"]) == ("New", None)
    before = len(server.requests)
    for arguments, words in (
        ((), "nothing to change"),
        (("--titel", "x"), "--title"),
        (("--max-processes", "x"), "INTEGER"),
    ):
        refused = await shell(*command, *arguments)
        assert (refused.exit_code, words in refused.stderr) == (2, True)
    assert len(server.requests) == before
    assert "--title" in (await shell("content", "update", "--help")).stdout


async def test_delete(server, shell, item):
    """Content is deleted only after a confirmation, which a script passes as `--yes`."""
    refused = await shell("content", "delete", item["name"])
    assert (refused.exit_code, item["guid"] in server.state.content) == (2, True)
    assert "--yes" in refused.stderr
    done = await shell("content", "delete", item["name"], "--yes")
    assert (done.exit_code, done.stdout) == (0, "")
    assert item["guid"] not in server.state.content


async def test_environment(server, shell, item):
    """Variables are set, also from standard input, and deleted; their values are never printed."""
    done = await shell(
        "content", "env", item["name"], "--set", "A=1", "--set", "B", text="se=cret\n"
    )
    assert (done.exit_code, done.stdout) == (0, "A\nB\n")
    assert server.state.environment[item["guid"]] == {"A": "1", "B": "se=cret"}
    assert "se=cret" not in done.output
    assert (await shell("content", "env", item["name"], "--unset", "A")).stdout == "B\n"
    assert (await shell("content", "env", item["name"])).stdout == "B\n"
    listed = await shell("content", "env", item["name"], "--json")
    assert json.loads(listed.stdout) == [{"name": "B"}]
    twice = await shell("content", "env", item["name"], "--set", "B", "--set", "C", text="x\n")
    assert (twice.exit_code, "pass --set NAME once" in twice.stderr) == (2, True)
    assert server.state.environment[item["guid"]] == {"B": "se=cret"}


async def test_swapping_vanity_urls(server, shell, item):
    """The two change places, and it is said which has which; without any, it is an error."""
    other = list(server.state.content.values())[1]
    await shell("call", "content.vanity.put", item["guid"], "--path", "/live/")
    result = await shell("content", "swap-vanity", item["name"], other["guid"])
    assert result.exit_code == 0
    assert f"{item['name']} ({item['guid']}) has no vanity URL" in result.stderr
    assert f"{other['name']} ({other['guid']}) has the vanity URL /live/" in result.stderr
    assert server.state.vanities[other["guid"]]["path"] == "/live/"
    result = await shell("content", "swap-vanity", item["name"], item["guid"])
    assert (result.exit_code, "two different items" in result.stderr) == (2, True)


async def test_access(server, shell, item):
    """The owners and roles of all content that matches are listed, with members on request."""
    group = next(iter(server.state.groups.values()))
    server.state.permissions.clear()
    server.state.permit(item["guid"], group["guid"], "viewer")
    lines = (await shell("content", "access")).stdout.splitlines()
    assert len(lines) == len(server.state.content) + 1
    command = ("content", "access", "--query", item["name"], "--owner", "@me")
    owner, role = (line.split("\t") for line in (await shell(*command)).stdout.splitlines())
    assert owner[:5] == [item["name"], "acl", "user", "admin", "content owner"]
    assert role[2:5] == ["group", group["name"], "viewer"]
    assert owner[-1] == role[-1] == item["guid"]
    expanded = json.loads((await shell(*command, "--expand-groups", "--json")).stdout)
    members = [row for row in expanded if row["group_name"] == group["name"]]
    assert len(members) == len(server.state.members[group["guid"]]) > 0


async def test_permissions(server, shell, item):
    """Roles are given and removed by the names of users and groups."""
    user = "publisher"
    group = next(iter(server.state.groups.values()))["name"]
    command = ("content", "permissions", item["name"])
    listed = await shell(*command, "--add", f"{user}=owner", "--add-group", group)
    rows = [line.split("\t")[:3] for line in listed.stdout.splitlines()]
    assert ["user", user, "owner"] in rows
    assert ["group", group, "viewer"] in rows
    assert rows[0][2] == "content owner"
    for said in (False, True):
        left = await shell(*command, "--remove", user, "--remove-group", group)
        assert [line.split("\t")[:3] for line in left.stdout.splitlines()] == rows[:1]
        assert (f"No change: {user}" in left.stderr) is said


async def test_nothing_is_changed_if_a_name_is_wrong(server, shell, item):
    """All users, groups and tags of a command are looked up before it changes anything."""
    for command in (
        ("permissions", item["name"], "--add", "publisher", "--add", "nobody"),
        ("permissions", item["name"], "--add", "publisher", "--remove-group", "nobody"),
        ("tags", item["name"], "--add", "Department/Finance", "--remove", "nothing"),
    ):
        assert (await shell("content", *command)).exit_code == 1
    assert {request.method for request in server.requests} == {"GET"}


async def test_groups(server, shell):
    """Members are added and removed by name; adding a member again changes nothing."""
    group = next(iter(server.state.groups.values()))["name"]
    user = list(server.state.users.values())[-1]["username"]
    await shell("groups", "remove", group, user)
    gone = await shell("groups", "remove", group, user)
    assert (gone.exit_code, "is not in" in gone.stderr) == (0, True)
    before = names(await shell("groups", "members", group))
    assert user not in before
    added = await shell("groups", "add", group, user)
    again = await shell("groups", "add", group, user)
    assert (added.exit_code, again.exit_code) == (0, 0)
    assert "already" in again.stderr
    assert sorted(names(await shell("groups", "members", group))) == sorted([*before, user])


async def test_users(server, shell):
    """Users are found by the beginning of a name, and locked and unlocked."""
    user = list(server.state.users.values())[2]
    assert user["username"] in names(await shell("users", "list", "--query", user["username"][:5]))
    assert names(await shell("users", "list", "--role", "administrator")) == ["admin"]
    assert (await shell("users", "lock", user["username"])).exit_code == 0
    assert names(await shell("users", "list", "--status", "locked")) == [user["username"]]
    assert (await shell("users", "unlock", user["username"])).exit_code == 0
    assert names(await shell("users", "list", "--status", "locked")) == []


async def test_jobs(shell, item):
    """Jobs are listed, their log is printed and followed, and an active one is ended."""
    lines = (await shell("jobs", "list", item["name"])).stdout.splitlines()
    key = lines[0].split("\t")[0]
    log = (await shell("content", "logs", item["name"], "--job", key)).stdout
    assert log == (await shell("jobs", "follow", item["name"], key)).stdout != ""
    assert log.endswith((await shell("content", "logs", item["name"], "--lines", "1")).stdout)
    assert log == (await shell("content", "logs", item["name"], "--follow")).stdout
    last = (await shell("content", "logs", item["name"], "--lines", "2")).stdout
    followed = await shell("content", "logs", item["name"], "--lines", "2", "--follow")
    assert followed.stdout == last
    assert last.count("\n") == 2
    ended = await shell("jobs", "kill", item["name"], key)
    assert (ended.exit_code, "163" in ended.stderr) == (1, True)


async def test_tags(shell):
    """A tag is created with the missing tags above it, and its id is printed."""
    created = await shell("tags", "create", "Region/Europe/North")
    again = await shell("tags", "create", "Region/Europe/North")
    assert created.stdout == again.stdout != ""
    rows = json.loads((await shell("tags", "list", "--json", "id,name")).stdout)
    assert {"id": created.stdout.strip(), "name": "North"} in rows
    assert names(await shell("tags", "list", "--parent", "Region")) == ["Region/Europe"]
    assert names(await shell("tags", "list", "--name", "North")) == ["Region/Europe/North"]


async def test_open(server, shell, item, monkeypatch):
    """The address is opened and printed; what is not a web address is never opened."""
    opened: list[str] = []

    def launch(address: str) -> int:
        opened.append(address)
        return 0

    monkeypatch.setattr("click.launch", launch)
    result = await shell("content", "open", item["name"])
    assert opened == [result.stdout.strip()] == [f"{server.url}/content/{item['guid']}/"]
    await shell("content", "open", item["name"], "--dashboard", "--print")
    assert len(opened) == 1
    row = {"guid": item["guid"], "name": "x", "content_url": "file:///etc/passwd"}
    server.script(*[faults.status(200, body=json.dumps(row))] * 2, on="GET /v1/content/*")
    assert (await shell("content", "open", item["guid"])).exit_code == 1
    assert len(opened) == 1


async def test_whoami_and_server(server, shell):
    """The key's owner, the server's version and its runtimes are shown."""
    me = json.loads((await shell("whoami", "--json")).stdout)
    assert (me["username"], me["role"], me["server"]) == ("admin", "administrator", server.url)
    shown = json.loads((await shell("server", "--json")).stdout)
    assert shown["version"].startswith("2026")
    assert shown["python"]
    # A viewer cannot see the runtimes, and an old server does not have them all.
    server.script(*[faults.error(403, 22)] * 5, on="GET /v1/server_settings/*")
    limited = await shell("server")
    refused = "The owner of the key may not see the versions of R, Python, Quarto, Node.js, Tens"
    assert (limited.exit_code, refused in limited.stderr) == (0, True)
    assert len(limited.stderr.splitlines()) == 1
    async with FakeConnect(version="2023.09.0") as old:
        shell.settings["CONNECT_SERVER"] = old.url
        assert json.loads((await shell("server", "--json")).stdout)["tensorflow"] is None


async def test_search(shell, item):
    """Content is found in the server's query language."""
    assert item["name"] in names(await shell("content", "search", item["title"]))


async def test_nothing_unclean(shell, item):
    """Escape sequences and line breaks of a server reach no output, and JSON keeps its values."""
    item["title"] = "a\tb\nc\x1b[2J\u202ed\x9b1m"
    for arguments in (("list",), ("get", item["name"])):
        result = await shell("content", *arguments)
        assert "a b cd1m" in result.stdout
    shown, _ = await shell.on_terminal("content", "get", item["name"])
    assert b"a b cd1m" in shown
    rows = json.loads((await shell("content", "list", "--json", "title")).stdout)
    assert rows[0]["title"] == item["title"]


async def test_long_titles_on_a_terminal(shell, item):
    """A title of any length takes a few lines of a table, and is whole in a pipe."""
    item["title"] = "word " * 200
    out, _ = await shell.on_terminal("content", "list", columns=140)
    assert "…" in out.decode()
    assert len(out.decode().splitlines()) < 20
    assert item["title"].strip() in (await shell("content", "list")).stdout
