"""Deploying finds or creates the content, and reports what was done on failure."""

import asyncio
from collections import defaultdict
from typing import Any

import pytest

from aconnect import Client
from aconnect.deploy import Step, deploy, redeploy, rollback
from aconnect.errors import (
    BadRequestError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    TaskFailedError,
    VerificationError,
)
from aconnect.testing import BuildScript, FakeConnect, VirtualClock, faults


async def test_new_and_again(server, client, folder):
    """The first deployment creates the content; later ones reuse it, and what they have sent."""
    first = await (await deploy(client, folder, name="my-site", title="Mine"))
    again = await (await deploy(client, folder, name="my-site", title="Ours"))
    by_guid = await (await deploy(client, folder, guid=first.guid, name="my-site"))
    assert first.guid == again.guid == by_guid.guid
    assert (first.app_mode, first.title, again.title) == ("static", "Mine", "Ours")
    assert server.count("POST", "/v1/content") == 1
    assert len(await by_guid.bundles.find()) == 1
    assert server.count("POST", "*/bundles") == 1


async def test_periods_in_names(client, folder):
    """A name may contain periods, unless the server is too old for them."""
    item = await (await deploy(client, folder, name="v1.2"))
    assert item.name == "v1.2"
    async with (
        FakeConnect(version="2023.09.0") as old,
        Client(old.url, api_key=old.api_key) as other,
    ):
        with pytest.raises(BadRequestError, match="content name"):
            await deploy(other, folder, name="v1.2")


async def test_manifests_of_other_tools(client, folder):
    """A manifest that begins with a mark is deployed, and one whose files are an array."""
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text(), encoding="utf-8-sig")
    assert (await (await deploy(client, folder, name="my-site"))).app_mode == "static"
    manifest.write_text('{"metadata": {"appmode": "static"}, "files": ["index.html"]}')
    assert (await (await deploy(client, folder, name="my-pin"))).app_mode == "static"


async def test_name_of_another(server, client, folder):
    """Content of another user with the same name is not changed."""
    async with Client(server.url, api_key=server.api_key_for("publisher")) as other:
        theirs = await other.content.create(name="my-site")
    item = await (await deploy(client, folder, name="my-site"))
    assert item.guid != theirs.guid


async def test_progress(server, client, folder):
    """Progress ends at the full size, and restarts if the upload is retried."""
    (folder / "index.html").write_bytes(bytes(range(256)) * 4096)
    seen = []

    def report(*pair):
        seen.append(pair)

    server.script(faults.after(faults.status(503)), on="POST /v1/content/*/bundles")
    await (await deploy(client, folder, name="my-site", progress=report))
    (size,) = {size for _, size in seen}
    sent = [sent for sent, _ in seen]
    assert sent.count(size) == 2
    assert max(sent) == sent[-1] == size


@pytest.mark.parametrize("name", ["", "ab", "a b", "x" * 65, "a/b", "äöü", None])
async def test_bad_name(server, client, folder, name):
    """An invalid or missing name is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError):
        await deploy(client, folder, name=name)
    assert server.requests == []


async def test_bad_directory(server, client, tmp_path):
    """A directory that cannot be packed is refused before anything is sent."""
    with pytest.raises(InvalidArgumentError, match="no files"):
        await deploy(client, tmp_path, name="my-site")
    assert server.requests == []


async def test_wrong_guid(server, client, folder):
    """An unknown GUID, or a name that does not match it, is an error and changes nothing."""
    with pytest.raises(NotFoundError):
        await deploy(client, folder, guid="nope")
    guid = next(iter(server.state.content))
    with pytest.raises(InvalidArgumentError, match="is named 'content-0000', not 'my-site'"):
        await deploy(client, folder, guid=guid, name="my-site")
    assert server.count("POST", "*") == 0


async def test_upload_fails(server, client, folder):
    """If the upload fails, the error names the content that was created."""
    server.script(faults.error(400, 104), on="POST /v1/content/*/bundles")
    with pytest.raises(BadRequestError) as caught:
        await deploy(client, folder, name="my-site")
    item = await client.content.find_one(name="my-site")
    assert item is not None
    assert caught.value.__notes__ == [
        f"Not undone: content {item.guid} was created. Deploying again continues there."
    ]


@pytest.mark.parametrize("new", [True, False])
async def test_start_fails(server, client, folder, new):
    """If the deployment does not start, the error names the bundle that was uploaded."""
    item = None if new else await client.content.create(name="another")
    server.script(*[faults.status(500)] * 5, on="POST /v1/content/*/deploy")
    where = {"name": "my-site"} if item is None else {"guid": item.guid}
    with pytest.raises(ServerError) as caught:
        await deploy(client, folder, **where)
    (note,) = caught.value.__notes__
    assert "has bundle 4, perhaps not active" in note
    assert ("was created" in note) is new


async def test_build_fails(server, client, folder):
    """A failed build raises TaskFailedError with its last lines and the address of the log."""
    server.state.build_script = BuildScript(lines=("one", "two"), code=1, error="boom")
    deployment = await deploy(client, folder, name="my-site")
    with pytest.raises(TaskFailedError, match="boom") as caught:
        await deployment
    assert caught.value.lines[-1] == "two"
    left, log = caught.value.__notes__
    assert "was created" in left
    assert log == f"The log is at {deployment.item.dashboard_url}/logs"
    assert (await deployment.item.refresh()).bundle_id is None


async def test_settings_and_variables_come_first(server, client, folder):
    """Settings, environment variables and tags are there before the bundle is built."""
    deployment = await deploy(
        client,
        folder,
        name="my-site",
        env={"A": "1", "B": "2"},
        tags=["Department/Finance", ["Department", "HR/Payroll"]],
        access_type="logged_in",
        max_processes=3,
    )
    item = await client.content.find_one(name="my-site")
    assert (item.access_type, item.max_processes) == ("logged_in", 3)
    assert await item.environment_variables.find() == ["A", "B"]
    assert {tag.name for tag in await item.tags.find()} == {"Finance", "HR/Payroll"}
    paths = [f"{request.method} {request.path.rpartition('/')[2]}" for request in server.requests]
    build = paths.index("POST deploy")
    assert "PATCH environment" in paths[:build]
    assert "POST tags" in paths[:build]
    await deployment


async def test_what_is_set_already_is_not_set_again(server, client, folder):
    """A second deployment changes only settings and tags that differ, and keeps the others."""
    options: dict[str, Any] = {
        "name": "my-site",
        "tags": ["A/B"],
        "title": "Mine",
        "max_processes": 3,
    }
    await (await deploy(client, folder, env={"A": "1"}, **options))
    before = len(server.requests)
    item = await (await deploy(client, folder, env={"B": "2"}, **options))
    changes = {r.path.rpartition("/")[2] for r in server.requests[before:] if r.method != "GET"}
    assert changes == {"environment", "deploy"}
    assert await item.environment_variables.find() == ["A", "B"]


async def test_variables_can_be_deleted(client, folder):
    """A variable whose value is None is deleted."""
    await (await deploy(client, folder, name="my-site", env={"A": "1", "B": "2"}))
    item = await (await deploy(client, folder, name="my-site", env={"A": None}))
    assert await item.environment_variables.find() == ["B"]


@pytest.mark.parametrize("tags", [["Department"], "Department/Finance", [["Department"]]])
async def test_tags_that_content_cannot_have(server, client, folder, tags):
    """A category, or a text instead of a list, is refused before anything is changed."""
    with pytest.raises(InvalidArgumentError):
        await deploy(client, folder, name="my-site", tags=tags)
    assert not [request for request in server.requests if request.method != "GET"]


async def test_tags_of_publishers(server, client, folder):
    """A publisher can use tags that exist; a missing one is an error before anything is created."""
    await client.tags.ensure_tag_path("Department/Finance")
    key = server.api_key_for("publisher")
    async with Client(server.url, api_key=key) as publisher:
        await (await deploy(publisher, folder, name="my-site", tags=["Department/Finance"]))
        with pytest.raises(PermissionDeniedError) as caught:
            await deploy(publisher, folder, name="other", tags=["Department/Sales"])
        assert "administrators can create it" in str(caught.value.__notes__)
        assert await publisher.content.find_one(name="other") is None


async def test_locked_content(server, client, folder):
    """Locked content is refused before it is changed."""
    item = await client.content.create(name="my-site")
    await item.update(locked=True, locked_message="frozen until May")
    with pytest.raises(InvalidArgumentError, match="frozen until May"):
        await deploy(client, folder, name="my-site", title="New")
    assert server.count("PATCH", "*") == 1
    assert server.count("POST", "*/bundles") == 0


async def test_another_kind_of_content(server, client, folder):
    """A kind that the content does not have is refused before it is changed."""
    await (await deploy(client, folder, name="my-site"))
    (folder / "manifest.json").write_text(
        '{"version": 1, "metadata": {"appmode": "quarto-static"}, "files": {"index.html": {}}}'
    )
    with pytest.raises(InvalidArgumentError, match="is static, but this is quarto-static"):
        await deploy(client, folder, name="my-site", title="New")
    assert server.count("POST", "*/bundles") == 1


async def test_a_draft_is_verified_before_it_is_activated(server, client, folder):
    """The bundle is activated when its draft has answered, not before."""
    deployment = await deploy(client, folder, name="my-site")
    assert deployment.is_draft
    assert deployment.draft_url.endswith(f"/draft/{deployment.bundle_id}")
    async for _ in deployment.output():
        pass
    assert (await deployment.item.refresh()).bundle_id is None
    item = await deployment
    assert item.bundle_id == deployment.bundle_id
    assert server.count("POST", "*/deploy") == 2


async def test_a_draft_that_does_not_answer(server, client, folder):
    """A draft that fails is not activated: visitors keep what they have."""
    first = await (await deploy(client, folder, name="my-site"))
    (folder / "index.html").write_text("broken")
    deployment = await deploy(client, folder, name="my-site")
    server.state.content_status[str(deployment.bundle_id)] = 500
    with pytest.raises(VerificationError) as caught:
        await deployment
    assert caught.value.status == 500
    assert f"_bundle{deployment.bundle_id}" in caught.value.url
    assert (await first.refresh()).bundle_id == first.bundle_id
    server.state.content_status.clear()
    item = await (await deploy(client, folder, name="my-site"))
    assert item.bundle_id == deployment.bundle_id
    assert server.count("POST", "*/bundles") == 2


async def test_verification_of_old_servers(folder):
    """A server without drafts activates the bundle; the content is verified after that."""
    async with (
        FakeConnect(version="2025.05.0") as old,
        Client(old.url, api_key=old.api_key, clock=VirtualClock()) as other,
    ):
        deployment = await deploy(other, folder, name="my-site")
        assert not deployment.is_draft
        old.state.content_status[deployment.item.guid] = 502
        with pytest.raises(VerificationError):
            await deployment
        item = await deployment.item.refresh()
        assert item.bundle_id == deployment.bundle_id
        with pytest.raises(InvalidArgumentError, match="this one is 2025"):
            await deploy(other, folder, name="my-site", activate=False)
    async with (
        FakeConnect(version=None) as hidden,
        Client(hidden.url, api_key=hidden.api_key, clock=VirtualClock()) as other,
    ):
        with pytest.raises(InvalidArgumentError, match="hides its version"):
            await deploy(other, folder, name="my-site", activate=False)


async def test_a_draft_stays_one(server, client, folder):
    """With activate=False, visitors see nothing of the bundle."""
    item = await (await deploy(client, folder, name="my-site", activate=False))
    assert item.bundle_id is None
    assert server.count("POST", "*/deploy") == 1


async def test_without_verification(server, client, folder):
    """With verify=False, the bundle is activated by its build, and not requested."""
    server.state.content_status = defaultdict(lambda: 500)
    item = await (await deploy(client, folder, name="my-site", verify=False))
    assert item.bundle_id is not None
    assert server.count("POST", "*/deploy") == 1


async def test_awaiting_twice(server, client, folder):
    """A deployment that is awaited twice, even at the same time, is completed once."""
    deployment = await deploy(client, folder, name="my-site")
    one, other = await asyncio.gather(deployment.result(), deployment.result())
    assert one is other is await deployment
    assert server.count("POST", "*/deploy") == 2


async def test_a_build_that_runs_is_followed(server, client, folder):
    """A deployment that is repeated while its build runs follows that build."""
    first = await deploy(client, folder, name="my-site")
    deployment = await deploy(client, folder, name="my-site")
    lines = [line async for line in deployment.output()]
    assert lines == list(server.state.build_script.lines)
    item = await deployment
    assert item.bundle_id == deployment.bundle_id
    assert (await first).bundle_id == deployment.bundle_id
    assert (server.count("POST", "*/bundles"), server.count("POST", "*/deploy")) == (1, 2)


async def test_a_lost_task(server, client, folder):
    """Where the server has forgotten the task, the jobs of the bundle say how the build ended."""
    deployment = await deploy(client, folder, name="my-site")
    job = (await deployment.item.jobs.find())[0]
    server.state.tasks.clear()
    async for _ in job.follow():
        pass
    item = await deployment
    assert item.bundle_id == deployment.bundle_id

    server.state.build_script = BuildScript(lines=("one", "two"), code=3, error="boom")
    (folder / "index.html").write_text("new")
    deployment = await deploy(client, folder, name="my-site")
    server.state.tasks.clear()
    with pytest.raises(TaskFailedError) as caught:
        await deployment
    assert caught.value.code == 3
    assert caught.value.lines == ("one", "two")


async def test_old_bundles_have_no_checksum(server, client, folder):
    """A bundle without a checksum is not taken for the same, whatever its size."""
    item = await (await deploy(client, folder, name="my-site"))
    row = server.state.bundles[item.guid][item.bundle_id].row
    row["metadata"]["archive_md5"] = None
    await (await deploy(client, folder, name="my-site"))
    assert server.count("POST", "*/bundles") == 2


async def test_two_deployments_at_once(server, client, folder):
    """Two deployments that begin at the same time create one content item."""
    deployments = await asyncio.gather(*(deploy(client, folder, name="my-site") for _ in range(2)))
    one, other = await asyncio.gather(*(deployment.result() for deployment in deployments))
    assert one.guid == other.guid
    assert [row["name"] for row in server.state.content.values()].count("my-site") == 1


async def test_steps(client, folder):
    """Each step is reported once, in order."""
    steps: list[Step] = []
    options: dict[str, Any] = {"name": "my-site", "env": {"A": "secret"}, "on_step": steps.append}
    await (await deploy(client, folder, title="T", **options))
    names = ["created", "uploaded", "environment", "building", "built", "verified"]
    assert [step.name for step in steps] == [*names, "activating", "activated"]
    assert "secret" not in str(steps)
    steps.clear()
    await (await deploy(client, folder, title="U", **options))
    assert [step.name for step in steps][:4] == ["found", "unchanged", "settings", "environment"]


async def test_rollback(server, client, folder):
    """The bundle before the active one is deployed again, or the one that is named."""
    ids = []
    for text in ("one", "two", "three"):
        (folder / "index.html").write_text(text)
        item = await (await deploy(client, folder, name="my-site"))
        ids.append(item.bundle_id)
    uploads = server.count("POST", "*/bundles")
    item = await (await rollback(client, name="my-site"))
    assert item.bundle_id == ids[1]
    item = await (await rollback(client, guid=item.guid))
    assert item.bundle_id == ids[0]
    with pytest.raises(InvalidArgumentError, match="no older bundle"):
        await rollback(client, name="my-site")
    item = await (await rollback(client, name="my-site", to=ids[2]))
    assert item.bundle_id == ids[2]
    with pytest.raises(InvalidArgumentError, match="no bundle 99"):
        await rollback(client, name="my-site", to="99")
    with pytest.raises(InvalidArgumentError, match="no content named 'other'"):
        await rollback(client, name="other")
    assert server.count("POST", "*/bundles") == uploads


async def test_rollback_of_what_was_never_deployed(client):
    """Content without an active bundle has nothing to go back from."""
    await client.content.create(name="my-site")
    with pytest.raises(InvalidArgumentError, match="no active bundle"):
        await rollback(client, name="my-site")


async def test_redeploy(server, client, folder):
    """The active bundle is built again, directly, and verified; content without one is refused."""
    item = await (await deploy(client, folder, name="my-site"))
    deployment = await redeploy(item)
    assert not deployment.is_draft
    assert (await deployment).bundle_id == item.bundle_id
    assert server.count("GET", "*/_bundle*") == 1
    with pytest.raises(InvalidArgumentError, match="no active bundle"):
        await redeploy(await client.content.create(name="empty"))
