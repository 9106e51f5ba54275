"""The settings of content: which are refused, by which servers and for whom."""

import pytest

from tests.testing.deploying import deploy, follow, manifest, packed, upload


async def make(call, name="item", **fields):
    """Create content and return its path."""
    created = await call.json("POST", "/v1/content", json={"name": name, **fields})
    return f"/v1/content/{created['guid']}"


def environment(call):
    """Return an execution environment that all users may use."""
    return next(iter(call.server.state.environments.values()))


SINCE = {
    "cpu_limit": (1, "2023.04.0", "2023.05.0"),
    "default_py_environment_management": (False, "2023.04.0", "2023.05.0"),
    "nvidia_gpu_limit": (1, "2023.12.0", "2024.01.0"),
    "notify_on_share": (True, "2025.12.0", "2026.01.0"),
    "otel_enabled": (True, "2025.12.0", "2026.01.0"),
    "metrics_collection_enabled": (False, "2025.12.0", "2026.01.0"),
}


@pytest.mark.parametrize("name", SINCE)
async def test_fields_since(serving, name):
    """A server without a field neither sends it nor stores it, not even for later versions."""
    value, before, since = SINCE[name]
    call = await serving(version=before)
    path = await make(call, **{name: value})
    assert name not in await call.json("PATCH", path, json={name: value})
    call.server.upgrade(since)
    assert (await call.json("GET", path))[name] is not value
    assert (await call.json("PATCH", path, json={name: value}))[name] == value


LIMITED = {
    "min_processes": (3, 45),
    "max_processes": (11, 113),
    "memory_request": (2000, 182),
    "memory_limit": (2000, 184),
    "cpu_request": (2.5, 187),
    "cpu_limit": (2.5, 189),
    "amd_gpu_limit": (2, 197),
    "nvidia_gpu_limit": (2, 199),
}


@pytest.mark.parametrize("name", LIMITED)
async def test_limits(call, name):
    """A setting above the limit of the server is refused with a code of its own."""
    value, code = LIMITED[name]
    path = await make(call)
    assert (await call("PATCH", path, json={name: value})).status == 200
    call.server.state.limits[name] = value - 1
    assert (await call("PATCH", path, json={name: value + 1})).code == code
    assert (await call("POST", "/v1/content", json={"name": "new", name: value})).code == code
    # What is unchanged is not refused, nor is the default of the server.
    assert (await call("PATCH", path, json={name: value, "title": "T"})).status == 200
    assert (await call("PATCH", path, json={name: None})).status == 200


@pytest.mark.parametrize(
    ("small", "large", "code"),
    [
        ("min_processes", "max_processes", 114),
        ("memory_request", "memory_limit", 185),
        ("cpu_request", "cpu_limit", 190),
    ],
)
async def test_pairs(call, small, large, code):
    """A minimum or request above its maximum is refused, also if that is set already."""
    path = await make(call, **{large: 2})
    assert (await call("PATCH", path, json={small: 3})).code == code
    assert (await call("PATCH", path, json={small: 3, large: 3})).status == 200


async def test_processes_of_static_content(call):
    """Content without processes has no settings of processes."""
    path = await make(call, max_processes=3)
    await deploy(call, path.rpartition("/")[2], "static")
    assert (await call("PATCH", path, json={"min_processes": 1})).code == 147
    assert (await call("PATCH", path, json={"min_processes": None, "title": "T"})).status == 200


async def test_access_types(call):
    """Unknown access types, and those that the license forbids, are refused."""
    path = await make(call)
    assert (await call("PATCH", path, json={"access_type": "some"})).code == 117
    call.server.state.access_types = frozenset({"acl", "logged_in"})
    reply = await call("PATCH", path, json={"access_type": "all"})
    assert (reply.status, reply.code) == (403, 118)
    assert (await call("PATCH", path, json={"access_type": "logged_in"})).status == 200


async def test_categories(call):
    """Only the category `mcp` can be set; others come from manifests."""
    path = await make(call)
    assert (await call.json("PATCH", path, json={"content_category": "mcp"}))["content_category"]
    assert (await call("PATCH", path, json={"content_category": "pin"})).status == 400


async def test_execution_environments(call):
    """The environment of content must exist, by GUID or by image."""
    path, row = await make(call), environment(call)
    unknown = "11111111-1111-4111-8111-111111111111"
    reply = await call("PATCH", path, json={"default_environment_guid": unknown})
    assert (reply.status, reply.code) == (404, 4)
    assert (await call("PATCH", path, json={"default_image_name": "none"})).code == 193
    for name, value in (
        ("default_environment_guid", row["guid"]),
        ("default_image_name", row["name"]),
    ):
        assert (await call.json("PATCH", path, json={name: value}))[name] == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("run_as", "ana"), ("run_as_current_user", True), ("service_account_name", "default")],
)
async def test_accounts_are_for_administrators(call, name, value):
    """Only administrators choose the account that content runs as."""
    body = {"name": "own", name: value}
    reply = await call("POST", "/v1/content", json=body, user="publisher")
    assert (reply.status, reply.code) == (403, 22)
    assert (await call.json("POST", "/v1/content", json=body))[name] == value


async def test_unknown_accounts(call):
    """Accounts must exist, and static content runs as none."""
    state, path = call.server.state, await make(call)
    state.unix_accounts = frozenset({"ana"})
    assert (await call("PATCH", path, json={"run_as": "bob"})).code == 57
    assert (await call("PATCH", path, json={"run_as": "ana"})).status == 200
    await deploy(call, path.rpartition("/")[2], "static")
    state.unix_accounts = None
    assert (await call("PATCH", path, json={"run_as": "bob"})).code == 55
    assert (await call("PATCH", path, json={"service_account_name": "other"})).code == 178
    state.service_accounts["enabled"] = False
    assert (await call("PATCH", path, json={"service_account_name": "default"})).code == 195


async def test_name_and_owner(call):
    """A name and an owner that cannot be changed together are not changed at all."""
    state = call.server.state
    publisher, viewer = (state.known_user(name)["guid"] for name in ("publisher", "viewer"))
    await call.json("POST", "/v1/content", json={"name": "taken"}, user="publisher")
    path = await make(call, "staging")
    guid = path.rpartition("/")[2]
    state.permit(guid, publisher, "viewer")
    for body, status, code in (
        ({"name": "taken", "owner_guid": publisher}, 409, 26),
        ({"name": "final", "owner_guid": viewer}, 403, 156),
        ({"name": "final", "owner_guid": guid}, 404, 4),
    ):
        reply = await call("PATCH", path, json=body)
        assert (reply.status, reply.code) == (status, code)
        row = await call.json("GET", path)
        assert (row["name"], row["owner_guid"]) == ("staging", state.known_user("admin")["guid"])
    row = await call.json("PATCH", path, json={"name": "final", "owner_guid": publisher})
    assert (row["name"], row["owner_guid"], row["app_role"]) == ("final", publisher, "none")
    assert await call.json("GET", f"{path}/permissions") == []


async def test_a_collaborator_who_cannot_publish(call):
    """A collaborator who becomes a viewer can still view the content, and no longer edit it."""
    state, path = call.server.state, await make(call)
    user = state.known_user("publisher")
    state.permit(path.rpartition("/")[2], user["guid"], "owner")
    bundle = await deploy(call, path.rpartition("/")[2])
    download = f"{path}/bundles/{bundle}/download"
    assert (await call("GET", download, user="publisher")).status == 200
    user["user_role"] = "viewer"
    assert (await call("GET", download, user="publisher")).status == 403
    assert (await call.json("GET", path, user="publisher"))["app_role"] == "viewer"


async def built(call, path, **sections):
    """Deploy a bundle with this manifest; return the content and whether the build succeeded."""
    bundle = await upload(call, path, packed(**{"manifest.json": manifest(mode="api", **sections)}))
    body = {"bundle_id": bundle.json()["id"]}
    task = await call.json("POST", f"{path}/deploy", json=body)
    end = (await follow(call, task["task_id"]))[-1]
    return await call.json("GET", path), end["code"] == 0


async def test_runtimes(call):
    """A build uses the nearest installed versions, and fails without any."""
    state, path = call.server.state, await make(call)
    state.runtimes = {"r": ("4.3.3", "4.3.10", "4.4.2"), "python": ("3.12.7",), "quarto": ()}
    row, done = await built(call, path, platform="4.3.1", python={"version": "3.9.1"})
    assert (row["r_version"], row["py_version"], done) == ("4.3.10", "3.12.7", True)
    assert (row["r_environment_management"], row["quarto_version"]) == (True, None)
    versions = (await call.json("GET", "/v1/server_settings/r"))["installations"]
    assert [one["version"] for one in versions] == [*state.runtimes["r"]]
    bundles = await call.json("GET", f"{path}/bundles")
    assert bundles[-1]["r_version"] == "4.3.10"
    row, done = await built(call, path, quarto={"version": "1.4.0"})
    assert (row["bundle_id"], done) == (bundles[-1]["id"], False)


async def test_environment_of_the_manifest(call):
    """Off-host, the image of the manifest precedes the content's own; it must exist."""
    first, second = call.server.state.environments.values()
    path = await make(call, default_environment_guid=first["guid"])
    row, _ = await built(call, path, environment={"image": second["name"]})
    assert row["image_name"] is None
    call.server.state.settings["execution_type"] = "Kubernetes"
    for sections, expected in (({}, first), ({"environment": {"image": second["name"]}}, second)):
        row, done = await built(call, path, platform="4.1.0", **sections)
        (installation,) = expected["r"]["installations"]
        assert (row["environment_guid"], row["image_name"]) == (expected["guid"], expected["name"])
        assert (row["r_version"], done) == (installation["version"], True)
    row, done = await built(call, path, environment={"image": "none"})
    assert (row["image_name"], done) == (second["name"], False)


@pytest.mark.parametrize(("managed", "expected"), [(None, True), (False, False)])
async def test_environment_management(call, managed, expected):
    """The manifest decides about managed packages, then the content, then the server."""
    path = await make(call, default_r_environment_management=managed)
    row, _ = await built(call, path, platform="4.4.2")
    assert row["r_environment_management"] is expected
    management = {"environment_management": {"r": not expected}}
    row, _ = await built(call, path, platform="4.4.2", environment=management)
    assert row["r_environment_management"] is not expected


@pytest.mark.parametrize(("version", "status"), [("2025.07.0", 204), ("2025.06.0", 400)])
async def test_several_integrations(serving, version, status):
    """Content has at most one OAuth integration before 2025.07."""
    call = await serving(version=version)
    path, guids = await make(call), []
    for name in "ab":
        body = {"name": name, "template": "connect", "config": {"max_role": "Admin"}}
        created = await call.json("POST", "/v1/oauth/integrations", json=body)
        guids.append({"oauth_integration_guid": created["guid"]})
    path = f"{path}/oauth/integrations/associations"
    assert (await call("PUT", path, json=guids[:1])).status == 204
    reply = await call("PUT", path, json=guids)
    assert reply.status == status
    assert len(await call.json("GET", path)) == (2 if status == 204 else 1)


async def test_vanities_of_publishers(call):
    """Where only administrators manage vanity URLs, publishers cannot set or remove them."""
    created = await call.json("POST", "/v1/content", json={"name": "own"}, user="publisher")
    path = f"/v1/content/{created['guid']}/vanity"
    assert (await call("PUT", path, json={"path": "/own/"}, user="publisher")).status == 200
    call.server.state.publishers_manage_vanities = False
    assert (await call("PUT", path, json={"path": "/new/"}, user="publisher")).status == 403
    assert (await call("DELETE", path, user="publisher")).status == 403
    assert (await call("PUT", path, json={"path": "/new/"})).status == 200
