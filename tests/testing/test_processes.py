"""Processes of interactive content: what starts and ends them, and their jobs."""

from datetime import UTC, datetime, timedelta

import pytest

from aconnect.testing import Seed
from tests.testing.deploying import deploy

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def guid(call):
    """The GUID of an application in Python."""
    call.server.state.now = lambda: NOW
    rows = call.server.state.content.values()
    return next(row["guid"] for row in rows if row["app_mode"] == "python-shiny")


async def visit(call, guid, path="", user="admin"):
    headers = {"Authorization": f"Key {call.server.api_key_for(user)}"}
    url = f"{call.server.url}/content/{guid}{path}"
    async with call.session.get(url, headers=headers) as response:
        return response.status


async def active(call, guid):
    jobs = await call.json("GET", f"/v1/content/{guid}/jobs")
    return [job["key"] for job in jobs if job["status"] == 0]


async def test_a_process(call, guid):
    """A visit starts a process, which further visits use; its log and its metrics answer."""
    assert await active(call, guid) == []
    assert await visit(call, guid) == 200
    (key,) = await active(call, guid)
    await visit(call, guid, "/elsewhere")
    assert await active(call, guid) == [key]
    path = f"/v1/content/{guid}/jobs/{key}"
    job = await call.json("GET", path)
    content = await call.json("GET", f"/v1/content/{guid}")
    assert (job["tag"], job["bundle_id"]) == ("run_pyshiny_app", content["bundle_id"])
    assert (job["app_id"], job["content_guid"]) == (content["id"], guid)
    assert job["variant_key"]
    assert job["hostname"]
    assert int(job["pid"])
    assert datetime.fromisoformat(job["start_time"]) == NOW
    for _ in range(2):
        assert len((await call.json("GET", f"{path}/log"))["entries"]) == 2
    call.server.state.now = lambda: NOW + timedelta(seconds=30)
    assert len((await call.json("GET", f"{path}/metrics"))["samples"]) == 4
    call.server.state.now = lambda: NOW + timedelta(days=30)
    assert len((await call.json("GET", f"{path}/metrics"))["samples"]) == 360
    assert (await call("GET", f"{path}/error")).status == 204


async def kill(call, guid):
    (key,) = await active(call, guid)
    assert (await call("DELETE", f"/v1/content/{guid}/jobs/{key}")).status == 200


async def change(call, guid):
    await call("PATCH", f"/v1/content/{guid}/environment", json=[{"name": "A", "value": "1"}])


async def replace(call, guid):
    await call("PUT", f"/v1/content/{guid}/environment", json=[])


async def redeploy(call, guid):
    await deploy(call, guid, "python-shiny")


@pytest.mark.parametrize("end", [kill, change, replace, redeploy])
async def test_the_end_of_a_process(call, guid, end):
    """A kill order, a change of the environment and a deployment end it; a visit starts another."""
    await visit(call, guid)
    (first,) = await active(call, guid)
    await end(call, guid)
    assert await active(call, guid) == []
    job = await call.json("GET", f"/v1/content/{guid}/jobs/{first}")
    assert (job["status"], job["exit_code"], bool(job["end_time"])) == (2, -15, True)
    assert (await call("DELETE", f"/v1/content/{guid}/jobs/{first}")).code == 163
    await visit(call, guid)
    assert await active(call, guid) not in ([], [first])


async def test_no_process(call, guid):
    """Documents, content that does not respond and refused visitors start no process."""
    state = call.server.state
    document = next(
        row["guid"] for row in state.content.values() if row["app_mode"] == "quarto-static"
    )
    assert await visit(call, document) == 200
    assert await active(call, document) == []
    assert await visit(call, guid, user="viewer") == 403
    state.content_status[guid] = 502
    assert await visit(call, guid) == 502
    assert await active(call, guid) == []


async def test_seeded_processes(serving):
    """A server can have running processes from the start; jobs of documents have variants."""
    call = await serving(Seed(content=6, jobs=12, processes=4))
    seen: dict[tuple[int, str], list[bool]] = {}
    for guid, row in call.server.state.content.items():
        for job in await call.json("GET", f"/v1/content/{guid}/jobs"):
            seen.setdefault((job["status"], job["tag"]), []).append(bool(job["variant_key"]))
        if row["app_mode"] == "quarto-static":
            (variant,) = (await call.json("GET", "/v1/search/variants?q=Content+1"))["results"]
            jobs = await call.json("GET", f"/v1/content/{guid}/jobs")
            assert {job["variant_key"] for job in jobs} == {variant["variant_key"]}
    running = {tag: keys for (status, tag), keys in seen.items() if status == 0}
    assert running == {
        "run_pyshiny_app": [True, True],
        "run_fastapi_app": [True],
        "run_app": [True],
    }
    assert all(seen[2, "build_report"])
