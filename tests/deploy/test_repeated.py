"""Deployments that are repeated, awaited again or killed end as if nothing had happened."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from aconnect import Client
from aconnect.deploy import Step, deploy, rollback
from aconnect.errors import ConflictError, DecodeError, PollTimeoutError, TaskFailedError
from aconnect.testing import BuildScript, FakeConnect, VirtualClock, faults
from aconnect.testing.connect.routes.content._runs import start
from tests.faulting import Kill, Unharmed

ROOT = Path(__file__).parents[2]

CHILD = """
import asyncio, sys
from aconnect import Client
from aconnect.deploy import deploy

async def main(url, key, folder):
    async with Client(url, api_key=key) as client:
        await (await deploy(client, folder, name="my-app", title="Mine", env={"A": "1"},
                            tags=["Region/North"], min_processes=1))

asyncio.run(main(*sys.argv[1:]))
"""


async def child(server, folder):
    """Begin a deployment in a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CHILD, server.url, server.api_key, str(folder)),
        stderr=asyncio.subprocess.PIPE,
        # What is killed leaves its temporary archive.
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "TMPDIR": str(folder.parent)},
    )


def outcome(server):
    """What the deployments have made."""
    state = server.state
    (row,) = [row for row in state.content.values() if row["name"] == "my-app"]
    guid = row["guid"]
    ids = state.content_tags.get(guid, set())
    return {
        "fields": [row[name] for name in ("title", "min_processes", "app_mode")],
        "bundles": [bundle.row["active"] for bundle in state.bundles[guid].values()],
        "environment": state.environment.get(guid),
        "tags": sorted(state.tags[id_]["name"] for id_ in ids),
        "all tags": sorted(tag["name"] for tag in state.tags.values()),
    }


async def killed(folder, number):
    """Kill a deployment with its request of this number, repeat it, and return what it has made.

    None if it makes fewer requests.
    """
    async with FakeConnect() as server:
        kill = Kill()
        server.script(*[Unharmed()] * number, kill)
        kill.process = await child(server, folder)
        _, errors = await kill.process.communicate()
        if kill.process.returncode != -signal.SIGKILL:
            assert kill.process.returncode == 0, errors.decode()
            return None
        server.clear_script()
        again = await child(server, folder)
        _, errors = await again.communicate()
        assert again.returncode == 0, errors.decode()
        return outcome(server)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_killed_with_any_request(folder):
    """A process that is killed with any of its requests is completed by another one."""
    async with FakeConnect() as server:
        process = await child(server, folder)
        await process.communicate()
        expected, count = outcome(server), len(server.requests)
    assert expected["bundles"] == [True]
    limit = asyncio.Semaphore(4)

    async def one(number):
        async with limit:
            return await killed(folder, number)

    for number, made in enumerate(await asyncio.gather(*map(one, range(count)))):
        # The number of polls differs.
        assert made in (expected, None), number
        assert made or number > count - 3, number


async def test_two_processes_at_once(folder):
    """Two processes that deploy the same at the same time make one content item, which runs."""
    async with FakeConnect() as server:
        processes = [await child(server, folder) for _ in range(2)]
        for process in processes:
            _, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
        made = outcome(server)
    assert made["bundles"].count(True) == 1
    assert made["environment"] == {"A": "1"}
    assert made["tags"] == ["North"]


async def test_the_draft_of_a_verified_deployment(server, client, folder):
    """A running build that is followed may be that of a draft, which is then activated."""
    first = await deploy(client, folder, name="my-app")
    item = await (await deploy(client, folder, name="my-app", verify=False))
    (bundle,) = await item.bundles.find()
    assert item.bundle_id == bundle.id == (await first).bundle_id
    assert server.count("POST", "*/deploy") == 2


async def test_a_later_deployment_stays_active(server, client, folder):
    """A deployment that has been overtaken by another one does not activate its bundle again."""
    item = await (await deploy(client, folder, name="my-app", verify=False))
    (folder / "index.html").write_text("two")
    first = await deploy(client, folder, name="my-app", verify=False)
    async for _ in first.output():
        pass
    (folder / "index.html").write_text("three")
    last = await (await deploy(client, folder, name="my-app", verify=False))
    assert (await first).bundle_id == last.bundle_id != item.bundle_id
    assert server.count("POST", "*/deploy") == 3


async def test_awaiting_again_after_a_timeout(server, client, folder):
    """Awaiting again waits for the activation that runs, and starts no other build."""
    deployment = await deploy(client, folder, name="my-app")
    server.state.build_script = BuildScript(hang=True)
    with pytest.raises(PollTimeoutError):
        await deployment.result(timeout=5)
    (jobs,) = [jobs for jobs in server.state.jobs.values() if any(_active(jobs))]
    for job in _active(jobs):
        job.run.end(0, "")
    assert (await deployment).bundle_id == deployment.bundle_id
    assert server.count("POST", "*/deploy") == 2


def _active(jobs):
    return [job for job in jobs.values() if job.row["status"] == 0]


class Cancel:
    """The task that waits for the response is cancelled when the server has acted."""

    def __init__(self) -> None:
        self.task: Any = None

    async def apply(self, exchange: Any) -> Any:
        response = await exchange.response()
        self.task.cancel()
        await asyncio.sleep(0)
        return await exchange.send(response)


async def test_awaiting_again_after_any_cancellation(folder):
    """An await that is cancelled at any request can be repeated, and activates only once."""
    number = 0
    while True:
        async with (
            FakeConnect() as server,
            Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
        ):
            deployment = await deploy(client, folder, name="my-app")
            cancel = Cancel()
            server.script(*[Unharmed()] * number, cancel)
            cancel.task = asyncio.ensure_future(deployment.result())
            with suppress(asyncio.CancelledError):
                await cancel.task
            if not cancel.task.cancelled():
                break
            server.clear_script()
            assert (await deployment).bundle_id == deployment.bundle_id, number
            assert server.count("POST", "*/deploy") == 2, number
        number += 1
    assert number > 5


async def test_a_deployment_that_is_never_awaited(client, folder):
    """A draft that nobody awaits is never activated, which is a warning; others are not."""
    forgotten = await deploy(client, folder, name="my-app")
    assert "await it" in repr(forgotten)
    with pytest.warns(RuntimeWarning, match="bundle 4 of content .* never awaited"):
        del forgotten
    draft = await deploy(client, folder, name="my-app", activate=False)
    direct = await deploy(client, folder, name="other", verify=False)
    followed = await deploy(client, folder, name="third")
    await followed
    assert not [one for one in (draft, direct, followed) if "await it" in repr(one)]
    del draft, direct, followed


@pytest.mark.parametrize("version", ["2026.06.0", "2025.05.0"])
async def test_keys_that_may_not_see_jobs(folder, version):
    """Jobs that the key may not see are no jobs: the deployment is not one of those that fail."""
    async with (
        FakeConnect(version=version) as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        await (await deploy(client, folder, name="my-app"))
        server.script(*[faults.error(403, 22)] * 9, on="GET /v1/content/*/jobs")
        item = await (await deploy(client, folder, name="my-app"))
        assert item.bundle_id == "4"


class StartsADraft:
    """The response is lost, and another process has started to build the draft again."""

    async def apply(self, exchange: Any) -> Any:
        state = exchange.host.state
        (row,) = [row for row in state.content.values() if row["name"] == "my-app"]
        (bundle,) = state.bundles[row["guid"]].values()
        start(state, row, "build_report", owner=row["owner_guid"], bundle=bundle)
        return await faults.reset().apply(exchange)


async def test_an_activation_that_activates_nothing(server, client, folder):
    """A build that ends without activating the bundle is an error, and can be awaited again."""
    deployment = await deploy(client, folder, name="my-app")
    server.script(StartsADraft(), on="POST /v1/content/*/deploy")
    with pytest.raises(TaskFailedError, match="is still none"):
        await deployment
    assert (await deployment).bundle_id == deployment.bundle_id


async def test_an_upload_that_is_refused(server, client, folder):
    """If the bundle is refused, settings, variables and tags are as they were."""
    item = await (await deploy(client, folder, name="my-app", title="old"))
    (folder / "index.html").write_text("new")
    server.script(faults.error(409, 144), on="POST /v1/content/*/bundles")
    options: dict[str, Any] = {"title": "new", "env": {"A": "1"}, "tags": ["Region/North"]}
    with pytest.raises(ConflictError):
        await deploy(client, folder, name="my-app", **options)
    assert (await item.refresh()).title == "old"
    assert await item.environment_variables.find() == []
    assert await item.tags.find() == []


async def test_settings_that_a_server_does_not_know(folder):
    """A setting that the server has ignored is not reported as one that was set."""
    steps: list[Step] = []
    async with (
        FakeConnect(version="2023.09.0") as server,
        Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
    ):
        await (await deploy(client, folder, name="my-app"))
        options: dict[str, Any] = {"title": "Mine", "notify_on_share": True}
        await (await deploy(client, folder, name="my-app", on_step=steps.append, **options))
    (text,) = [step.text for step in steps if step.name == "settings"]
    assert text == "title, notify_on_share (not confirmed by the server)"


async def test_a_rollback_that_is_repeated(server, client, folder):
    """A rollback that has failed says how to repeat it without going back further."""
    ids = []
    for text in ("one", "two", "three"):
        (folder / "index.html").write_text(text)
        item = await (await deploy(client, folder, name="my-app"))
        ids.append(item.bundle_id)
    deployment = await rollback(client, name="my-app")
    server.script(Unharmed(), faults.login_page(), on=f"GET /v1/content/{item.guid}")
    with pytest.raises(DecodeError) as caught:
        await deployment
    assert (await item.refresh()).bundle_id == ids[1]
    (left, _) = caught.value.__notes__
    assert f"roll back with to='{ids[1]}'" in left
    assert (await (await rollback(client, name="my-app", to=ids[1]))).bundle_id == ids[1]


@pytest.mark.parametrize("is_new", [True, False])
async def test_settings_that_do_not_exist(server, client, folder, is_new):
    """A misspelt setting is refused before anything is sent."""
    if not is_new:
        await (await deploy(client, folder, name="my-app"))
    before = len(server.requests)
    misspelt: Any = {"titel": "new"}
    with pytest.raises(TypeError, match="titel"):
        await deploy(client, folder, name="my-app", **misspelt)
    assert len(server.requests) == before
