"""Whatever fails during a deployment, nothing is made twice, and deploying again completes it."""

from typing import Any

import pytest

from aconnect import Client, RetryPolicy, Timeout
from aconnect.deploy import deploy, deploy_git, redeploy
from aconnect.errors import AconnectError
from aconnect.testing import FakeConnect, VirtualClock, faults
from tests.faulting import FAULTS, Unharmed

VERSIONS = {"drafts": "2026.06.0", "no drafts": "2025.05.0", "hidden": None}


async def run(client, folder):
    deployment = await deploy(
        client,
        folder,
        name="my-app",
        title="Mine",
        min_processes=1,
        env={"TOKEN": "of-the-app"},
        tags=["Region/North"],
    )
    return await deployment


def outcome(server):
    """What the deployment has made, in a form that two servers can be compared by."""
    state = server.state
    made: dict[str, Any] = {}
    for guid, row in state.content.items():
        if row["name"] == "my-app":
            bundles = state.bundles.get(guid, {})
            made[row["name"]] = made.get(row["name"], 0) + 1
            made["fields"] = [row[n] for n in ("title", "min_processes", "app_mode", "owner_guid")]
            made["bundles"] = [bundle.row["size"] for bundle in bundles.values()]
            made["active"] = [bundle.row["active"] for bundle in bundles.values()]
            made["environment"] = state.environment.get(guid)
            ids = state.content_tags.get(guid, set())
            made["tags"] = sorted(tag["name"] for id_, tag in state.tags.items() if id_ in ids)
    made["all tags"] = sorted(tag["name"] for tag in state.tags.values())
    return made


async def undisturbed(version, folder):
    async with FakeConnect(version=version) as server:
        async with Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client:
            await run(client, folder)
        return outcome(server), len(server.requests)


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_any_fault_of_any_request(folder, version, fault):
    """Each request meets each fault: it is as if undisturbed, or an error, and so the next time."""
    expected, requests = await undisturbed(version, folder)
    assert expected["active"] == [True]
    for number in range(requests):
        async with FakeConnect(version=version) as server:
            server.script(*[Unharmed()] * number, fault)
            key = server.api_key
            async with Client(server.url, api_key=key, clock=VirtualClock()) as client:
                try:
                    await run(client, folder)
                except AconnectError as error:
                    text = "".join([str(error), *getattr(error, "__notes__", [])])
                    assert key not in text, number
                    assert "of-the-app" not in text, number
                    items = [r for r in server.state.content.values() if r["name"] == "my-app"]
                    assert not items or items[0]["guid"] in text, (number, text)
                    server.clear_script()
                    await run(client, folder)
            assert outcome(server) == expected, number


@pytest.mark.parametrize("path", ["/v1/tags", "/v1/content", "*/bundles", "*/deploy"])
@pytest.mark.parametrize("lost", [faults.reset(), faults.slow_headers(30)], ids=["lost", "late"])
async def test_lost_responses_to_what_creates(folder, path, lost):
    """A response that is lost or late after any creating call: nothing is created twice."""
    expected, _ = await undisturbed("2026.06.0", folder)
    async with FakeConnect() as server:
        server.script(faults.after(lost), on=f"POST {path}")
        async with Client(
            server.url,
            api_key=server.api_key,
            clock=VirtualClock(),
            timeout=Timeout(read=0.3),
            retry=RetryPolicy(base=0, cap=0),
        ) as client:
            await run(client, folder)
        server.assert_script_used()
        assert outcome(server) == expected


async def update(client, folder):
    (folder / "index.html").write_text("another")
    return await (await deploy(client, folder, name="my-app", title="New", env={"A": "of-the-app"}))


async def again(client, _):
    item = await client.content.find_one(name="my-app")
    return await (await redeploy(item))


async def from_git(client, _):
    address = "https://me:of-the-app@github.com/org/app"
    options: dict[str, Any] = {"branch": "trunk", "title": "New", "env": {"A": "of-the-app"}}
    return await (await deploy_git(client, address, name="my-git", **options))


def active(server):
    """What runs, and what was set."""
    state = server.state
    return [
        (
            row["name"],
            row["title"],
            [b.row["size"] for b in state.bundles[guid].values() if b.row["active"]],
            state.environment.get(guid),
            (state.repositories.get(guid) or {}).get("branch"),
        )
        for guid, row in state.content.items()
        if row["name"] in {"my-app", "my-git"}
    ]


@pytest.mark.parametrize("flow", [update, again, from_git])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_any_fault_of_other_deployments(folder, flow, fault):
    """It is the same with an update, another build of a bundle, and content from Git."""
    expected, number = None, -1
    while True:
        async with (
            FakeConnect() as server,
            Client(server.url, api_key=server.api_key, clock=VirtualClock()) as client,
        ):
            (folder / "index.html").write_text("hello")
            await (await deploy(client, folder, name="my-app", title="Old"))
            count = len(server.requests)
            if number >= 0:
                server.script(*[Unharmed()] * number, fault)
            try:
                await flow(client, folder)
            except AconnectError as error:
                text = "".join([str(error), *getattr(error, "__notes__", [])])
                assert server.api_key not in text, number
                assert "of-the-app" not in text, number
                server.clear_script()
                await flow(client, folder)
            if expected is None:
                expected, last = active(server), len(server.requests) - count
            assert active(server) == expected, number
        number += 1
        if number == last:
            break
