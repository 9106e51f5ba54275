"""Bundles, tasks and jobs behave like those of the real server."""

import asyncio
import hashlib
import io
from base64 import b64encode

import aiohttp
import pytest

from aconnect.testing import BuildScript, FakeConnect, Seed
from aconnect.testing.connect.routes.content.bundles import small_archive
from tests.testing.deploying import follow, manifest, packed, upload


@pytest.fixture
def path(call):
    """The path of a content item."""
    return f"/v1/content/{next(iter(call.server.state.content))}"


async def test_upload_and_download(call, path):
    """A downloaded archive is identical to the uploaded one."""
    data, _ = small_archive("python-dash")
    checksum = b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
    reply = await upload(call, path, data, **{"X-Content-Checksum": checksum})
    bundle = reply.json()
    assert (reply.status, bundle["size"], bundle["active"]) == (200, len(data), False)
    bundle_path = f"{path}/bundles/{bundle['id']}"
    download = await call("GET", bundle_path + "/download")
    assert (download.body, download.headers["Content-Type"]) == (data, "application/gzip")
    assert int(download.headers["Content-Length"]) == len(data)
    assert await call.json("GET", bundle_path) == bundle
    assert [row["id"] for row in await call.json("GET", path + "/bundles")] == ["1", bundle["id"]]
    assert (await call("DELETE", bundle_path)).status == 204
    assert (await call("DELETE", bundle_path)).code == 17
    assert (await call("GET", bundle_path)).code == 4


async def test_large_upload(call, path):
    """A large archive is stored completely; only the first MiB is recorded."""
    noise = b"".join(hashlib.sha256(i.to_bytes(4)).digest() for i in range(300_000))
    data = packed(**{"manifest.json": manifest("noise"), "noise": noise})
    assert len(data) > 9_000_000
    bundle = (await upload(call, path, io.BytesIO(data))).json()
    record = call.server.requests[-1]
    assert (record.size, len(record.body)) == (len(data), 1 << 20)
    assert (await call("GET", f"{path}/bundles/{bundle['id']}/download")).body == data


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        (b"not an archive", {}, 38),
        (packed(other=b"x"), {}, 38),
        (packed(**{"deep/manifest.json": manifest(), "other": b"x"}), {}, 38),
        (packed(**{"deep/manifest.json": manifest(), "other/x": b"x"}), {}, 38),
        (packed(**{"very/deep/manifest.json": manifest()}), {}, 38),
        (packed(**{"manifest.json": b"[]"}), {}, 38),
        (small_archive("shiny")[0][:60], {}, 38),
        (small_archive("shiny")[0], {"X-Content-Checksum": "AAAA"}, 104),
        (b"", {}, 126),
    ],
)
async def test_invalid_uploads(call, path, data, headers, code):
    """Each type of invalid upload has its own code, and no bundle is created."""
    reply = await upload(call, path, data, **headers)
    assert (reply.status, reply.code) == (400, code)
    assert len(await call.json("GET", path + "/bundles")) == 1


async def test_a_single_folder(call, path):
    """An archive whose files are all in one folder is like one without that folder."""
    data = packed(**{"./deep/app.py": b"1", "./deep/manifest.json": manifest("app.py")})
    bundle = (await upload(call, path, data)).json()
    files = f"{path}/bundles/{bundle['id']}/files"
    listed = (await call.json("GET", files))["files"]
    assert [file["path"] for file in listed] == ["app.py", "manifest.json"]
    assert (await call.json("GET", f"{files}/app.py"))["content"] == "1"


async def test_upload_without_length(call, path):
    """A chunked upload, which has no Content-Length, has code 125."""

    async def pieces():
        yield small_archive("shiny")[0]

    assert (await upload(call, path, pieces())).code == 125


async def test_expect_continue(call, path):
    """A client that sends `Expect: 100-continue` receives status 100 before the upload."""
    async with asyncio.timeout(2):
        reply = await call(
            "POST",
            f"{path}/bundles",
            data=small_archive("shiny")[0],
            expect100=True,
        )
    assert reply.status == 200


async def test_multipart_upload(call, old, path):
    """A form with metadata is accepted from 2025.12; older servers reject it as an archive."""

    def form():
        data = aiohttp.FormData()
        data.add_field("archive", small_archive("shiny")[0], filename="bundle.tar.gz")
        data.add_field("metadata", '{"source": "git"}', content_type="application/json")
        return data

    bundle = (await upload(call, path, form())).json()
    assert bundle["metadata"]["source"] == "git"
    old_path = f"/v1/content/{next(iter(old.server.state.content))}"
    assert (await upload(old, old_path, form())).code in {38, 125}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nno header\r\n--x--"),
        ("multipart/form-data; boundary=x", b"--y--"),
    ],
    ids=["no boundary", "no header", "another boundary"],
)
async def test_malformed_form(call, path, content_type, body):
    """A malformed form is rejected."""
    headers = {"Authorization": f"Key {call.server.api_key}", "Content-Type": content_type}
    reply = await call("POST", f"{path}/bundles", data=body, headers=headers)
    assert (reply.status, reply.code) == (400, 3)


async def test_delete_active_bundle(call, path):
    """The active bundle cannot be deleted."""
    reply = await call("DELETE", f"{path}/bundles/1")
    assert (reply.status, reply.code) == (409, 75)


async def test_deploy(call, path):
    """A deployment returns lines with each poll, then activates its bundle and app mode."""
    bundle = (await upload(call, path, small_archive("python-shiny")[0])).json()["id"]
    reply = await call("POST", f"{path}/deploy", json={"bundle_id": bundle})
    assert reply.status == 202
    polls = await follow(call, reply.json()["task_id"])
    assert [len(poll["output"]) for poll in polls] == [2, 2, 2]
    assert [line for poll in polls for line in poll["output"]] == list(
        call.server.state.build_script.lines
    )
    assert [poll["code"] for poll in polls] == [0, 0, 0]
    content = await call.json("GET", path)
    assert (content["bundle_id"], content["app_mode"]) == (bundle, "python-shiny")
    assert [row["active"] for row in await call.json("GET", path + "/bundles")] == [False, True]
    again = await follow(call, reply.json()["task_id"])
    assert again[0]["finished"]


async def test_failed_build(call, path):
    """A failing build reports its error at the end, and does not activate the bundle."""
    call.server.state.build_script = BuildScript(
        ("a", "b", "c"), code=1, error="boom", quiet_polls=1
    )
    bundle = (await upload(call, path, small_archive("python-shiny")[0])).json()["id"]
    started = await call("POST", f"{path}/build", json={"bundle_id": bundle})
    assert started.status == 200
    polls = await follow(call, started.json()["task_id"])
    assert [poll["output"] for poll in polls] == [[], ["a", "b"], ["c"]]
    assert (polls[1]["code"], polls[-1]["code"], polls[-1]["error"]) == (0, 1, "boom")
    assert (await call.json("GET", path))["bundle_id"] == "1"
    job = (await call.json("GET", path + "/jobs"))[0]
    assert (job["status"], job["exit_code"], job["error"]) == (2, 1, "boom")
    error = await call.json("GET", f"{path}/jobs/{job['key']}/error")
    assert error["summary"] == "boom"


async def test_activate(call, path):
    """`activate: false` builds a bundle without activating it; the next deployment does."""
    bundle = (await upload(call, path, small_archive("python-shiny")[0])).json()["id"]
    for activate, active in ((False, "1"), (None, bundle), (True, bundle)):
        body = {"bundle_id": bundle, "activate": activate}
        await follow(call, (await call.json("POST", f"{path}/deploy", json=body))["task_id"])
        assert (await call.json("GET", path))["bundle_id"] == active


@pytest.mark.parametrize("operation", ["deploy", "build"])
@pytest.mark.parametrize(("version", "is_known"), [("2025.06.0", True), ("2025.05.0", False)])
async def test_activate_since(serving, version, is_known, operation):
    """Servers before 2025.06 refuse `activate`, as any unknown field of a deployment."""
    call = await serving(version=version)
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    reply = await call("POST", f"{path}/{operation}", json={"activate": True})
    assert (reply.status < 300) is is_known
    if not is_known:
        assert (reply.status, reply.code) == (400, 121)
        assert (await call("POST", f"{path}/{operation}", json={})).status < 300


async def test_invalid_deployments(call, path):
    """Unknown bundles and tasks are not found; content without bundles cannot be deployed."""
    assert (await call("POST", f"{path}/deploy", json={"bundle_id": "99"})).code == 4
    content = await call.json("POST", "/v1/content", json={"name": "empty"})
    assert (await call("POST", f"/v1/content/{content['guid']}/deploy", json={})).status == 400
    assert (await call("GET", "/v1/tasks/none")).code == 141


async def test_render(call, old):
    """Documents can be rendered; old servers return the task in the old format."""
    guids = list(call.server.state.content)
    assert (await call("POST", f"/v1/content/{guids[0]}/render", json={})).status == 400
    task = await call.json("POST", f"/v1/content/{guids[1]}/render", json={})
    assert (await follow(call, task["task_id"]))[-1]["finished"]
    task = await old.json("POST", f"/v1/content/{guids[1]}/render", json={})
    assert {"id", "status", "last_status"} <= task.keys()
    assert "task_id" not in task
    assert (await follow(old, task["id"]))[-1]["finished"]


async def test_hanging_task(call, path):
    """If a task hangs, `wait` only delays the response if `hold_waits` is set."""
    call.server.state.build_script = BuildScript(("a",), hang=True)
    task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
    async with asyncio.timeout(1):
        for _ in range(5):
            poll = await call.json("GET", f"/v1/tasks/{task}", params={"first": 1, "wait": 60})
            assert not poll["finished"]
    call.server.state.hold_waits = True
    with pytest.raises(TimeoutError):
        await call(
            "GET",
            f"/v1/tasks/{task}",
            params={"first": 1, "wait": 60},
            timeout=aiohttp.ClientTimeout(total=0.03),
        )
    assert len(call.server.state.tasks_running()) == 1


OUTCOMES = ["ok", "fail", "hang"]


async def outcomes(call, path, number):
    """Deploy a number of times, and return how each deployment ends."""
    for _ in range(number):
        task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
        for _ in range(10):
            poll = await call.json("GET", f"/v1/tasks/{task}")
        yield "hang" if not poll["finished"] else "fail" if poll["code"] else "ok"


@pytest.mark.parametrize("builds", [["fail"], OUTCOMES, ["ok", "ok", "fail"]])
async def test_outcomes_of_builds(serving, builds):
    """Builds end as requested, in the order in which they start, and then from the beginning."""
    call = await serving(builds=builds)
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    ends = [outcome async for outcome in outcomes(call, path, 7)]
    assert ends == (builds * 7)[:7]


async def test_output_of_requested_outcomes(serving):
    """A build that fails says so at its end; one that hangs does not print its last line."""
    call = await serving(builds=["fail", "hang", "ok"])
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    complete = call.server.state.build_script.lines
    lines = []
    for _ in range(3):
        task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
        for _ in range(10):
            poll = await call.json("GET", f"/v1/tasks/{task}", params={"first": 0})
        lines.append(tuple(poll["output"]))
    failed, hanging, done = lines
    assert failed[:-1] == complete[:-2]
    assert failed[-1].startswith("ERROR: ")
    assert (hanging, done) == (complete[:-1], complete)


async def test_a_failed_first_build(serving):
    """A build that fails on request activates nothing, and its job has an error."""
    call = await serving(builds=["fail"])
    guid = (await call.json("POST", "/v1/content", json={"name": "new"}))["guid"]
    path = f"/v1/content/{guid}"
    bundle = (await upload(call, path, small_archive("shiny")[0])).json()["id"]
    task = await call.json("POST", f"{path}/deploy", json={"bundle_id": bundle})
    assert (await follow(call, task["task_id"]))[-1]["error"] == "exit status 1"
    assert (await call.json("GET", path))["bundle_id"] is None
    (job,) = await call.json("GET", f"{path}/jobs")
    assert (job["exit_code"], job["error"]) == (1, "exit status 1")


async def test_a_hanging_build_can_be_killed(serving):
    """Polls of a timed build that hangs wait, and killing its job ends it."""
    call = await serving(builds=["hang"])
    call.server.state.build_script = BuildScript(seconds_per_line=0.001)
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
    lines = len(call.server.state.build_script.lines) - 1
    while (await call.json("GET", f"/v1/tasks/{task}"))["last"] < lines:
        pass
    poll = {"first": lines, "wait": 60}
    with pytest.raises(TimeoutError):
        await call(
            "GET", f"/v1/tasks/{task}", params=poll, timeout=aiohttp.ClientTimeout(total=0.03)
        )
    job = (await call.json("GET", f"{path}/jobs"))[0]
    assert (await call("DELETE", f"{path}/jobs/{job['key']}")).status == 200
    assert (await call.json("GET", f"/v1/tasks/{task}", params=poll))["finished"]


@pytest.mark.parametrize("builds", [[], ["later"], "ok", ["ok", "Fail"]])
def test_invalid_outcomes(builds):
    """An outcome that does not exist raises ValueError with those that do."""
    with pytest.raises(ValueError, match="builds must be a sequence of ok, fail, hang"):
        FakeConnect(builds=builds)


async def test_timed_task(call, path):
    """A timed task advances with time, and `wait` ends with the next line."""
    call.server.state.build_script = BuildScript(("a", "b"), seconds_per_line=0.01)
    task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
    async with asyncio.timeout(2):
        polls = await follow(call, task)
    assert [line for poll in polls for line in poll["output"]] == ["a", "b"]


async def test_job_log_follows_the_task(call, path):
    """The log of a running job grows with each request."""
    await call("POST", f"{path}/deploy", json={})
    job = (await call.json("GET", path + "/jobs"))[0]
    assert (job["status"], job["end_time"]) == (0, None)
    job_path = f"{path}/jobs/{job['key']}"
    lengths = [len((await call.json("GET", job_path + "/log"))["entries"]) for _ in range(4)]
    assert lengths == [2, 4, 6, 6]
    finished = await call.json("GET", job_path)
    assert (finished["status"], finished["exit_code"]) == (2, 0)
    last = await call.json("GET", job_path + "/log", params={"maxLogLines": 1})
    assert [entry["data"] for entry in last["entries"]] == ["Completed application build"]
    assert (await call.json("GET", job_path + "/tail"))["data"] == "Completed application build"
    assert (await call("GET", job_path + "/error")).status == 204
    text = await call("GET", job_path + "/download", params={"filename": "x.log"})
    assert text.headers["Content-Type"].startswith("text/plain")
    assert 'filename="x.log"' in text.headers["Content-Disposition"]
    assert len(text.body.splitlines()) == 6
    quoted = await call("GET", job_path + "/download", params={"filename": 'a\r\n"b'})
    assert 'filename="ab"' in quoted.headers["Content-Disposition"]


async def test_kill(call, path):
    """Killing an active job also ends its task; killing the job again has code 163."""
    task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
    job = (await call.json("GET", path + "/jobs"))[0]
    job_path = f"{path}/jobs/{job['key']}"
    order = await call.json("DELETE", job_path)
    assert (order["job_key"], order["job_id"]) == (job["key"], int(job["id"]))
    reply = await call("DELETE", job_path)
    assert (reply.status, reply.code) == (409, 163)
    assert (await follow(call, task))[0]["code"] == -15
    assert (await call("DELETE", f"{path}/jobs/none")).code == 4


async def test_old_jobs(serving):
    """Old servers send ids of jobs as numbers and omit fields that were added later."""
    call = await serving(Seed(jobs=30), version="2023.09.0")
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    jobs = await call.json("GET", path + "/jobs")
    assert len(jobs) == 10
    for name in ("id", "pid", "app_id", "variant_id", "bundle_id"):
        assert isinstance(jobs[0][name], int)
    assert "content_guid" not in jobs[0]
    bundle = (await call.json("GET", path + "/bundles"))[0]
    assert "created_by" not in bundle


async def test_delete_content_during_a_deployment(call, path):
    """Bundles are deleted with their content, and a running deployment still finishes."""
    task = (await call.json("POST", f"{path}/deploy", json={}))["task_id"]
    assert (await call("DELETE", path)).status == 204
    assert (await call("GET", f"{path}/bundles")).code == 4
    assert (await follow(call, task))[-1]["finished"]


async def test_checksums(call, path):
    """A bundle has the checksums of its archive."""
    data = small_archive("python-dash")[0]
    metadata = (await upload(call, path, data)).json()["metadata"]
    assert metadata["archive_md5"] == hashlib.md5(data, usedforsecurity=False).hexdigest()
    assert metadata["archive_sha1"] == hashlib.sha1(data, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("known", [True, False])
async def test_checksums_of_old_bundles(serving, known):
    """A seed can have bundles without checksums, as those of old servers are."""
    call = await serving(Seed(bundle_checksums=known))
    path = f"/v1/content/{next(iter(call.server.state.content))}"
    (bundle,) = await call.json("GET", f"{path}/bundles")
    checksums = [bundle["metadata"][f"archive_{name}"] for name in ("md5", "sha1")]
    assert [value is not None for value in checksums] == [known, known]
    new = (await upload(call, path, small_archive("shiny")[0])).json()
    assert new["metadata"]["archive_md5"]


async def test_downloads_need_a_collaborator(call):
    """An administrator may list the files of a bundle, but must be a collaborator to download."""
    item = await call.json("POST", "/v1/content", json={"name": "theirs"}, user="publisher")
    path = f"/v1/content/{item['guid']}"
    data = small_archive("static")[0]
    bundle = (await upload(call, path, data)).json()["id"]
    files = f"{path}/bundles/{bundle}/files"
    assert (await call.json("GET", path))["app_role"] == "none"
    assert (await call("GET", f"{path}/bundles/{bundle}/download")).status == 403
    assert (await call("GET", f"{files}/manifest.json")).status == 200
    admin = (await call.json("GET", "/v1/user"))["guid"]
    call.server.state.permit(item["guid"], admin, "viewer")
    assert (await call.json("GET", path))["app_role"] == "viewer"
    assert (await call("GET", f"{path}/bundles/{bundle}/download")).status == 403
    call.server.state.permit(item["guid"], admin, "owner")
    assert (await call.json("GET", path))["app_role"] == "editor"
    assert (await call("GET", f"{path}/bundles/{bundle}/download")).body == data
    owned = await call("GET", f"{path}/bundles/{bundle}/download", user="publisher")
    assert owned.body == data
