"""Users, groups, content, tags and environment variables behave like those of a real server."""

import pytest

from aconnect.testing import FakeConnect, Seed


@pytest.fixture
def guid(call):
    """The GUID of a content item."""
    return next(iter(call.server.state.content))


def user(call, name):
    """Return the GUID of a user."""
    return call.server.state.user_named(name)["guid"]


async def test_find_users(call):
    """Users can be filtered by role and status, and sorted."""
    publishers = await call.json("GET", "/v1/users", params={"user_role": "publisher|viewer"})
    assert {u["user_role"] for u in publishers["results"]} == {"publisher", "viewer"}
    inactive = await call.json("GET", "/v1/users", params={"account_status": "inactive"})
    assert [u["active_time"] for u in inactive["results"]] == [None]
    query = {"sort": "created_time", "asc_order": "false"}
    times = [
        u["created_time"] for u in (await call.json("GET", "/v1/users", params=query))["results"]
    ]
    assert times == sorted(times, reverse=True)
    for invalid in (
        {"sort": "age"},
        {"user_role": "king"},
        {"account_status": "x"},
        {"asc_order": "True"},
    ):
        assert (await call("GET", "/v1/users", params=invalid)).status == 400


async def test_create_user(call):
    """Names of users are required and unique; a duplicate has code 8."""
    body = {"username": "new", "email": "n@example.com", "user_role": "publisher", "password": "x"}
    created = await call.json("POST", "/v1/users", json=body)
    assert (created["username"], created["user_role"]) == ("new", "publisher")
    assert "password" not in created
    assert await call.json("GET", f"/v1/users/{created['guid']}") == created
    reply = await call("POST", "/v1/users", json=body)
    assert (reply.status, reply.code) == (409, 8)
    assert (await call("POST", "/v1/users", json={"email": "x"})).status == 400
    assert (await call("POST", "/v1/users", json={"username": "x", "email": 1})).status == 400
    assert (await call("POST", "/v1/users", data=b"{")).code == 2


@pytest.mark.parametrize(("path", "code"), [("/v1/users", 119), ("/v1/groups", 120)])
async def test_directory(call, path, code):
    """With a directory, POST returns code 119 or 120; PUT creates objects from a ticket."""
    call.server.state.authentication = "ldap"
    name = {"username": "x"} if code == 119 else {"name": "x"}
    assert (await call("POST", path, json=name)).code == code
    prefix = "remote" if code == 119 else "group-"
    result = await call.json("GET", path + "/remote", params={"prefix": prefix})
    assert result["total"] == 3
    assert result["results"][0]["guid"] is None
    ticket = result["results"][0]["temp_ticket"]
    created = await call.json("PUT", path, json={"temp_ticket": ticket})
    assert (await call.json("GET", f"{path}/{created['guid']}"))["guid"] == created["guid"]
    again = await call.json("GET", path + "/remote", params={"prefix": prefix})
    assert created["guid"] in {row["guid"] for row in again["results"]}
    assert (await call("PUT", path, json={"temp_ticket": "none"})).status == 404


async def test_update_and_lock_user(call):
    """Administrators can update and lock other users; users can update themselves, but no roles."""
    viewer = user(call, "viewer")
    changed = await call.json("PUT", f"/v1/users/{viewer}", json={"email": "v@x"})
    assert (changed["email"], "guid" in changed) == ("v@x", False)
    own = await call("PUT", f"/v1/users/{viewer}", json={"first_name": "V"}, user="viewer")
    assert own.status == 200
    role = {"user_role": "administrator"}
    assert (await call("PUT", f"/v1/users/{viewer}", json=role, user="viewer")).status == 403
    admin = user(call, "admin")
    assert (await call("PUT", f"/v1/users/{admin}", json={}, user="viewer")).status == 403
    reply = await call("PUT", f"/v1/users/{viewer}", json={"username": "admin"})
    assert reply.code == 8
    locked = await call("POST", f"/v1/users/{viewer}/lock", json={"locked": True})
    assert (locked.status, locked.body) == (200, b"")
    assert (await call.json("GET", f"/v1/users/{viewer}"))["locked"] is True
    assert (await call("POST", f"/v1/users/{viewer}/lock", json={})).status == 400


async def test_group_operations(call):
    """Groups and their members can be changed; each conflict has its own code."""
    created = await call.json("POST", "/v1/groups", json={"name": "data", "gid": 7})
    path = f"/v1/groups/{created['guid']}"
    assert (created["gid"], created["member_count"]) == (7, 0)
    assert (await call("POST", "/v1/groups", json={"name": "data"})).code == 15
    patched = await call.json("PATCH", path, json={"gid": None})
    assert (patched["name"], patched["gid"]) == ("data", None)
    assert (await call.json("POST", path, json={"name": "more"}))["name"] == "more"
    member = {"user_guid": user(call, "viewer")}
    assert (await call("POST", path + "/members", json=member)).status == 204
    again = await call("POST", path + "/members", json=member)
    assert (again.status, again.code) == (409, 16)
    assert (await call("POST", path + "/members", json={"user_guid": "x"})).code == 4
    members = await call.json("GET", path + "/members")
    assert [m["username"] for m in members["results"]] == ["viewer"]
    assert (await call.json("GET", path))["member_count"] == 1
    member_path = f"{path}/members/{member['user_guid']}"
    assert (await call("DELETE", member_path)).status == 204
    assert (await call("DELETE", member_path)).code == 17
    assert (await call("DELETE", path)).status == 204
    assert (await call("DELETE", path)).code == 17
    assert (await call("DELETE", "/v1/groups/never")).code == 4


async def test_old_groups(old):
    """On old servers, groups have three fields and cannot be updated with PATCH."""
    group = (await old.json("GET", "/v1/groups"))["results"][0]
    assert group.keys() == {"guid", "name", "owner_guid"}
    reply = await old("PATCH", f"/v1/groups/{group['guid']}", json={})
    assert reply.body == b"404 page not found\n"
    user_row = await old.json("GET", "/v1/user")
    assert "external_id" not in user_row


async def test_content_operations(call):
    """Content can be created, updated and deleted; deleting it again has code 17."""
    created = await call.json(
        "POST", "/v1/content", json={"name": "my-app", "title": None, "new": 1}
    )
    path = f"/v1/content/{created['guid']}"
    assert (created["app_mode"], created["bundle_id"], created["app_role"]) == (
        "unknown",
        None,
        "owner",
    )
    assert created["content_url"] == f"{call.server.url}/content/{created['guid']}/"
    changed = await call.json("PATCH", path, json={"title": "T", "max_processes": 3})
    assert (changed["title"], changed["max_processes"]) == ("T", 3)
    assert (await call.json("PATCH", path, json={"title": None}))["title"] is None
    assert (await call.json("GET", "/v1/content", params={"name": "my-app"}))[0]["guid"] == created[
        "guid"
    ]
    assert (await call("DELETE", path)).status == 204
    assert (await call("DELETE", path)).code == 17
    assert (await call("GET", path)).code == 4


async def test_content_names(call):
    """Names of content have 3 to 64 valid characters and are unique per owner, made up or not."""
    assert (await call.json("POST", "/v1/content", json={}))["name"]
    for name in ("", "ab", "x" * 65, "a b c", "käse"):
        assert (await call("POST", "/v1/content", json={"name": name})).status == 400
    assert (await call("POST", "/v1/content", json={"name": "v1.2"})).status == 200
    invalid: object
    for invalid in (
        {"name": None},
        {"name": "okay", "access_type": "x"},
        {"name": "okay", "min_processes": "1"},
        [],
    ):
        assert (await call("POST", "/v1/content", json=invalid)).status == 400
    assert (await call("POST", "/v1/content", json={"name": "same"})).status == 200
    reply = await call("POST", "/v1/content", json={"name": "same"})
    assert (reply.status, reply.code) == (409, 26)
    assert (
        await call("POST", "/v1/content", json={"name": "same"}, user="publisher")
    ).status == 200


async def test_content_rights(call, guid):
    """Other users can only view shared content; only owners and administrators can change it."""
    assert (await call("GET", f"/v1/content/{guid}", user="viewer")).status == 403
    visible = await call.json("GET", "/v1/content", user="viewer")
    assert {row["access_type"] for row in visible} == {"logged_in", "all"}
    assert (await call("DELETE", f"/v1/content/{visible[0]['guid']}", user="viewer")).status == 403
    owner = {"owner_guid": user(call, "publisher")}
    moved = await call.json("PATCH", f"/v1/content/{guid}", json=owner)
    assert moved["owner_guid"] == owner["owner_guid"]


@pytest.mark.parametrize("name", ["description", "locked_message", "run_as_current_user"])
async def test_content_nulls(call, guid, name):
    """Null does not change fields that are never null in responses."""
    before = await call.json("GET", f"/v1/content/{guid}")
    assert await call.json("PATCH", f"/v1/content/{guid}", json={name: None}) == before
    created = await call.json("POST", "/v1/content", json={"name": "new-content", name: None})
    assert created[name] is not None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"connection_timeout": 2147483648}', 3),
        (b'{"memory_limit": 9223372036854775808}', 3),
        (b'{"default_environment_guid": "x"}', 3),
        (b"[" * 5000, 2),
    ],
    ids=["32 bits", "64 bits", "guid", "deep"],
)
async def test_content_bounds(call, guid, body, code):
    """Values that a server cannot store are rejected."""
    reply = await call("PATCH", f"/v1/content/{guid}", data=body)
    assert (reply.status, reply.code) == (400, code)


async def test_include(call, old, guid):
    """`include` adds owner, tags and, from 2024.06, the vanity URL; other values have code 161."""
    query = {"include": "owner,tags,vanity_url"}
    row = (await call.json("GET", "/v1/content", params=query))[0]
    assert (row["owner"]["username"], row["tags"]) == ("admin", [])
    assert "vanity_url" not in row
    row = await call.json("GET", f"/v1/content/{guid}", params=query)
    assert row["owner"]["username"] == "admin"
    assert (await call("GET", "/v1/content", params={"include": "x"})).code == 161
    reply = await old("GET", "/v1/content", params=query)
    assert (reply.status, reply.code) == (400, 161)
    row = (await old.json("GET", "/v1/content", params={"include": "tags"}))[0]
    assert "locked" not in row


async def test_environment(call, guid):
    """Values are never returned; PATCH with null deletes a variable, PUT replaces all."""
    path = f"/v1/content/{guid}/environment"
    pairs = [{"name": "B", "value": "secret"}, {"name": "A", "value": "x"}]
    assert await call.json("PATCH", path, json=pairs) == ["A", "B"]
    assert await call.json("PATCH", path, json=[{"name": "B", "value": None}]) == ["A"]
    assert await call.json("PUT", path, json=[{"name": "C", "value": "c"}]) == ["C"]
    assert await call.json("GET", path) == ["C"]
    assert call.server.state.environment[guid] == {"C": "c"}
    for invalid, code in (
        ({"name": "A", "value": "x"}, 2),
        ([{"value": "x"}], 3),
        ([{"name": "a=b", "value": "x"}], 108),
        ([{"name": "A", "value": "x"}] * 2, 106),
    ):
        assert (await call("PATCH", path, json=invalid)).code == code


async def test_tags(call):
    """Tags can be found by path, name and parent; names are unique among siblings."""
    assert (await call.json("GET", "/v1/tags/Department,Finance,Payroll"))["id"] == "3"
    assert (await call("GET", "/v1/tags/Finance")).code == 4
    created = await call.json("POST", "/v1/tags", json={"name": "a b", "parent_id": "2"})
    assert await call.json("GET", "/v1/tags/Department,Finance,a%20b") == created
    result = await call.json("GET", "/v1/tags", params={"parent_id": "2"})
    assert [tag["name"] for tag in result] == ["Payroll", "a b"]
    assert len(await call.json("GET", "/v1/tags", params={"name": "Finance"})) == 1
    assert (await call("POST", "/v1/tags", json={"name": "a b", "parent_id": "2"})).code == 81
    assert (await call("POST", "/v1/tags", json={"name": "x", "parent_id": "99"})).code == 4
    moved = await call.json("PATCH", f"/v1/tags/{created['id']}", json={"parent_id": None})
    assert (moved["name"], moved["parent_id"]) == ("a b", None)
    assert (await call("PATCH", "/v1/tags/2", json={"parent_id": "3"})).status == 400


async def test_content_tags(call, guid):
    """Tags are added with ancestors and removed with descendants; categories cannot be added."""
    path = f"/v1/content/{guid}/tags"
    assert (await call("POST", path, json={"tag_id": "1"})).status == 400
    added = await call.json("POST", path, json={"tag_id": "3"})
    assert [tag["id"] for tag in added] == ["2", "3"]
    assert await call.json("GET", path) == added
    assert [row["guid"] for row in await call.json("GET", "/v1/tags/2/content")] == [guid]
    assert await call.json("DELETE", path + "/2") == []
    assert (await call("DELETE", path + "/2")).code == 4


async def test_delete_tag(call, guid):
    """Deleting a tag also deletes its descendants, and removes them from content."""
    await call("POST", f"/v1/content/{guid}/tags", json={"tag_id": "3"})
    assert (await call("DELETE", "/v1/tags/2")).status == 204
    assert {tag["id"] for tag in await call.json("GET", "/v1/tags")} == {"1", "4"}
    assert await call.json("GET", f"/v1/content/{guid}/tags") == []
    assert (await call("DELETE", "/v1/tags/2")).code == 17


def test_same_seed_same_state():
    """Two servers with the same seed have the same users, groups and content."""
    first, second = FakeConnect().state, FakeConnect().state
    assert (first.users, first.groups) == (second.users, second.groups)
    assert first.content == second.content


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"x": {}}, {"installations": []}),
        (
            {"installations": [{"version": "4.4.2", "path": "/opt/R", "x": 1}]},
            {"installations": [{"version": "4.4.2", "path": "/opt/R"}]},
        ),
    ],
)
async def test_execution_environment(call, sent, stored):
    """Unknown fields of languages, installations and volume mounts are not stored."""
    mount = {"source": {"volume_type": "pvc", "x": 1}, "target": {"path": "/mnt"}, "x": 1}
    body = {"name": "image", "cluster_name": "Kubernetes", "r": sent, "volume_mounts": [mount]}
    created = await call.json("POST", "/v1/environments", json=body)
    assert created["r"] == stored
    source = {"volume_type": "pvc", "nfs_host": None, "nfs_export_path": None, "pvc_name": None}
    target = {"path": "/mnt", "read_only": None}
    assert created["volume_mounts"] == [{"source": source, "target": target}]


@pytest.mark.parametrize(
    "fields",
    [
        {"r": {"installations": "all"}},
        {"r": {"installations": ["4.4.2"]}},
        {"r": {"installations": [{"version": 4, "path": "/opt/R"}]}},
        {"volume_mounts": [{"source": {"volume_type": "pvc"}, "target": "/mnt"}]},
    ],
)
async def test_invalid_execution_environment(call, fields):
    """The objects in an execution environment are validated."""
    body = {"name": "image", "cluster_name": "Kubernetes", **fields}
    assert (await call("POST", "/v1/environments", json=body)).status == 400


@pytest.mark.parametrize("fields", [{"user_role": ""}, {"expires_at": ""}])
async def test_key_with_an_empty_field(call, fields):
    """An empty role or expiry is rejected, so that no key has an unintended role or expiry."""
    own = (await call.json("GET", "/v1/user"))["guid"]
    reply = await call("POST", f"/v1/users/{own}/keys", json={"name": "x", **fields})
    assert reply.status == 400


async def test_invalid_integration_permission(call):
    """The GUID in a permission of an integration must be a string."""
    guid = next(iter(call.server.state.oauth_integrations))
    body = {"permissions": [{"user_guid": ["x"]}]}
    reply = await call("PATCH", f"/v1/oauth/integrations/{guid}", json=body)
    assert reply.status == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/users", {"username": "new", "user_role": ""}),
        ("/v1/environments", {"name": "image", "cluster_name": "Kubernetes", "matching": ""}),
    ],
)
async def test_empty_choice(call, path, body):
    """An empty string is not a valid choice; null selects the default of the server."""
    body = {"title": "x", **body}
    assert (await call("POST", path, json=body)).status == 400
    assert (await call("POST", path, json={**body, [*body][-1]: None})).status == 200


async def test_group_without_a_name(call):
    """PATCH accepts null for fields that do not change; POST does not."""
    guid = next(iter(call.server.state.groups))
    path, body = f"/v1/groups/{guid}", {"name": None}
    assert (await call("POST", path, json=body)).status == 400
    assert (await call("PATCH", path, json=body)).status == 200


async def test_schedules(serving):
    """`include=schedule` adds the schedules of variants, with the last run, to content."""
    call = await serving(Seed(jobs=30))
    query = {"include": "schedule"}
    rows = await call.json("GET", "/v1/content", params=query)
    scheduled = [row for row in rows if row["schedules"]]
    assert {row["app_mode"] for row in scheduled} == {"quarto-static"}
    (schedule,) = scheduled[0]["schedules"]
    assert schedule["type"] == "week"
    assert schedule["schedule"]["rrules"] == ["RRULE:FREQ=WEEKLY;INTERVAL=1"]
    guid = scheduled[0]["guid"]
    (job,) = (await call.json("GET", f"/v1/content/{guid}/jobs"))[:1]
    assert schedule["last_run"]["job_key"] == job["key"]
    assert schedule["last_run"]["run_duration_ms"] == 60_000
    (history,) = (await call.json("GET", f"/v1/content/{guid}/schedule/history"))["results"]
    assert schedule["schedule"] == history["current_schedule"]["schedule"]
    assert schedule["variant"]["key"] == history["variant_key"]
    (variant,) = (await call.json("GET", "/v1/search/variants", params=query))["results"]
    assert variant["variant_key"] == schedule["variant"]["key"]
    del schedule["variant"]
    assert variant["schedule"] == schedule
    assert (await call.json("GET", f"/v1/content/{guid}", params=query))["schedules"]
    found = (await call.json("GET", "/v1/search/content", params=query))["results"]
    assert {row["guid"] for row in found if row["schedules"]} == {guid}
    for job in call.server.state.jobs[guid].values():
        job.row["variant_key"] = "another"
    row = await call.json("GET", f"/v1/content/{guid}", params=query)
    assert row["schedules"][0]["last_run"] is None
    history["current_schedule"] = None
    call.server.state.schedules[guid] = [history]
    assert (await call.json("GET", f"/v1/content/{guid}", params=query))["schedules"] == []


async def test_new_owner(call, guid):
    """The new owner of content must exist and be allowed to publish."""
    path = f"/v1/content/{guid}"
    for who, status, code in (("viewer", 403, 156), (None, 404, 4)):
        owner = user(call, who) if who else "00000000-0000-0000-0000-000000000000"
        reply = await call("PATCH", path, json={"owner_guid": owner, "title": "Changed"})
        assert (reply.status, reply.code) == (status, code)
    assert (await call.json("GET", path))["title"] != "Changed"
    moved = await call.json("PATCH", path, json={"owner_guid": user(call, "publisher")})
    assert (moved["owner_guid"], moved["app_role"]) == (user(call, "publisher"), "none")


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize(("taken", "path"), [("/a/b/", "/a/"), ("/a/", "/a/b/"), ("/a/", "/a/b/c")])
async def test_vanity_ancestors(call, taken, path, force):
    """A path above or below that of other content is refused, with `force` as well."""
    first, second = list(call.server.state.content)[:2]
    await call("PUT", f"/v1/content/{first}/vanity", json={"path": taken})
    body = {"path": path, "force": force}
    reply = await call("PUT", f"/v1/content/{second}/vanity", json=body)
    assert (reply.status, reply.code) == (409, 51)
    assert (await call.json("GET", f"/v1/content/{first}/vanity"))["path"] == taken
    # It may be above or below its own.
    assert (await call.json("PUT", f"/v1/content/{first}/vanity", json=body))["path"].strip("/")
    beside = {"path": f"/{path.strip('/')}-b/", "force": force}
    assert (await call("PUT", f"/v1/content/{second}/vanity", json=beside)).status == 200


@pytest.mark.parametrize(("version", "status"), [("2024.01.0", 200), ("2023.12.0", 400)])
async def test_names_with_periods(serving, version, status):
    """Names may have periods on newer servers."""
    call = await serving(version=version)
    assert (await call("POST", "/v1/content", json={"name": "my.app"})).status == status
