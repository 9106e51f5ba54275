"""Restarting content, ending its jobs and deleting old bundles, whatever fails meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from aconnect import Client, RetryPolicy, errors
from aconnect.connect import Bundle, Job
from aconnect.connect.content.bundles import newest_first
from aconnect.testing import BuildScript, FakeConnect, VirtualClock, faults
from aconnect.testing.connect.progress import JobState, Run
from aconnect.testing.connect.routes.content.bundles import small_archive
from aconnect.testing.connect.routes.content.jobs import PROCESS_TAGS, build_tag, new_job
from tests.faulting import FAULTS, Unharmed
from tests.test_cancellation import Interrupted

PREFIX = "_CONNECT_RESTART_"


def add_job(server, item, tag="run_app", bundle_id=None):
    """Add an active job to content."""
    state = server.state
    number = state.next_number("job")
    row = new_job(f"job{number}", number, state.content[item.guid], tag, state.now())
    row["bundle_id"] = bundle_id or row["bundle_id"]

    def end(run: Run) -> None:
        row.update(status=2, end_time=state.now(), exit_code=run.code)

    run = Run(BuildScript(hang=True), end)
    state.jobs.setdefault(item.guid, {})[row["key"]] = JobState(row, run)
    return row


async def app(client):
    """Create content that runs an API, with four bundles, of which the second is active."""
    item = await client.content.create(name="app")
    bundles = [await item.bundles.create(small_archive("python-api")[0]) for _ in range(4)]
    await (await item.deploy(bundles[1]))
    return await item.refresh()


@asynccontextmanager
async def server_and_client() -> AsyncIterator[tuple[FakeConnect, Client]]:
    """Return a new server and its client, which does not sleep."""
    async with (
        FakeConnect() as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
    ):
        yield server, client


@pytest.fixture
async def item(client):
    return await app(client)


def names(server, item):
    return sorted(server.state.environment.get(item.guid, {}))


# Restarting


async def test_restart(server, client, item):
    """It ends the processes, not the builds, requests the content, and leaves no variable."""
    await item.environment_variables.create("MINE", "1")
    process, build = add_job(server, item), add_job(server, item, "build_report")
    server.requests.clear()
    assert await client.content.handle(item.guid).restart() == 200
    assert (process["status"], build["status"]) == (2, 0)
    assert names(server, item) == ["MINE"]
    assert [(r.method, r.path.rpartition("/")[2]) for r in server.requests] == [
        ("GET", item.guid),
        ("PATCH", "environment"),
        ("PATCH", "environment"),
        ("GET", ""),
    ]


async def test_leftovers_of_other_restarts(server, item):
    """Variables that a killed restart has left, also of the vendor's clients, are removed."""
    left = {f"{PREFIX}1700000000": "1", f"{PREFIX}TMP_1700000000": "1", "MINE": "1"}
    await item.environment_variables.update(left)
    await item.restart()
    assert names(server, item) == ["MINE"]


@pytest.mark.parametrize(
    ("mode", "words"),
    [("quarto-static", "render it"), ("static", "nothing of it runs"), (None, "unknown")],
)
async def test_content_without_processes(server, item, mode, words):
    """Reports and static content are refused, with what to do, before anything is changed."""
    server.state.content[item.guid]["app_mode"] = mode
    server.requests.clear()
    with pytest.raises(errors.InvalidArgumentError, match=words):
        await item.restart()
    assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize(("mode", "tag"), sorted(PROCESS_TAGS.items()))
async def test_every_type_with_processes(server, item, mode, tag):
    """Content of each type that has processes is restarted; none of them is taken for a build."""
    server.state.content[item.guid]["app_mode"] = mode
    row = add_job(server, item, tag)
    assert await item.restart() == 200
    assert row["status"] == 2
    assert Job(tag=tag).is_process
    assert not Job(tag=build_tag(mode)).is_process


async def test_restarted_content_that_fails(server, item):
    """Content that does not come up again raises what `verify` does, and no variable is left."""
    server.state.content_status[item.guid] = 500
    with pytest.raises(errors.VerificationError, match="500"):
        await item.restart()
    assert names(server, item) == []


async def test_a_restart_that_is_refused(server, client, item):
    """Without the right to change the content, nothing is set, and nothing is removed."""
    server.state.permit(item.guid, (await client.users.find_one(prefix="viewer")).guid, "viewer")
    async with Client(server.url, server.api_key_for("viewer")) as viewer:
        server.requests.clear()
        with pytest.raises(errors.PermissionDeniedError):
            await viewer.content.handle(item.guid).restart()
    assert [request.method for request in server.requests] == ["GET", "PATCH"]


@pytest.mark.parametrize("attempts", [1, 5])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_restart_under_any_fault(fault, attempts):
    """Each request meets each fault: no variable is left, or the error says so."""
    for number in range(4):
        async with FakeConnect() as server:
            retry = RetryPolicy(attempts=attempts)
            async with Client(
                server.url, server.api_key, clock=VirtualClock(), retry=retry
            ) as client:
                item = await app(client)
                process = add_job(server, item)
                server.script(*[Unharmed()] * number, fault)
                try:
                    await item.restart()
                    assert process["status"] == 2
                except errors.AconnectError as error:
                    notes = "".join(getattr(error, "__notes__", []))
                    assert all(name in notes for name in names(server, item)), number
                server.assert_script_used()
                await item.restart()
                assert names(server, item) == [], number


async def test_a_variable_that_cannot_be_removed(server, item):
    """If the removal fails for good, the error names the variable that is left."""
    server.script(Unharmed(), *[faults.status(500)] * 20, on="PATCH */environment")
    with pytest.raises(errors.ServerError) as caught:
        await item.restart()
    (name,) = names(server, item)
    assert name in caught.value.__notes__[-1]
    server.clear_script()
    server.script(*[faults.after(faults.reset())] * 5, on="PATCH */environment")
    server.script(*[faults.status(500)] * 20, on="PATCH */environment")
    with pytest.raises(errors.ConnectionLostError) as lost:
        await item.restart()
    assert any(name in note for name in names(server, item) for note in lost.value.__notes__)


async def test_cancelled_restarts():
    """Cancelled wherever it waits, a restart leaves no variable."""
    async with FakeConnect() as server, Client(server.url, server.api_key) as client:
        item = await app(client)
        for at in range(1, 500):
            work = Interrupted(item.restart(), at)
            (outcome,) = await _gathered(work)
            assert names(server, item) == [], at
            if work.suspensions < at:
                assert outcome == 200
                break
            assert isinstance(outcome, anyio.get_cancelled_exc_class()), at
        assert at > 4
        assert client.in_flight == 0


async def test_cancelled_by_a_scope():
    """A cancel scope, which cancels at every await, leaves no variable either."""
    async with FakeConnect(latency=0.01) as server, Client(server.url, server.api_key) as client:
        item = await app(client)
        for seconds in (0.005, 0.015, 0.025, 0.035):
            with anyio.move_on_after(seconds):
                await item.restart()
            assert names(server, item) == []


async def _gathered(work: Any) -> list[Any]:
    return [*await asyncio.gather(asyncio.ensure_future(work), return_exceptions=True)]


# Ending jobs


async def test_terminate(server, item):
    """It ends all active jobs, and returns them."""
    rows = [add_job(server, item, tag) for tag in ("run_app", "run_app", "build_report")]
    ended = await item.terminate()
    assert {job.key for job in ended} == {row["key"] for row in rows}
    assert {row["status"] for row in rows} == {2}
    assert [(await job.wait()).is_active for job in ended] == [False] * 3
    assert await item.terminate() == []


@pytest.mark.parametrize("fault", [faults.error(409, 163), faults.error(404, 4)])
async def test_jobs_that_have_ended_meanwhile(server, item, fault):
    """A job that has ended, or is gone, is as good as one that was ended."""
    add_job(server, item)
    add_job(server, item)
    server.script(fault, on="DELETE */jobs/*")
    assert len(await item.terminate()) == 2


async def test_a_job_that_cannot_be_ended(server, item):
    """It is an error, and all other jobs end, however many there are."""
    rows = [add_job(server, item) for _ in range(40)]
    (refused, *_) = await item.jobs.find()
    server.script(faults.error(403, 22), on=f"DELETE /v1/content/{item.guid}/jobs/{refused.key}")
    with pytest.raises(errors.PermissionDeniedError):
        await item.terminate()
    assert [row["key"] for row in rows if row["status"] != 2] == [refused.key]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_terminate_under_any_fault(fault):
    """Each request meets each fault: all jobs have ended, or an error is raised."""
    for number in range(3):
        async with server_and_client() as (server, client):
            item = await app(client)
            rows = [add_job(server, item) for _ in range(2)]
            server.script(*[Unharmed()] * number, fault)
            try:
                await item.terminate()
            except errors.AconnectError:
                server.clear_script()
                await item.terminate()
            assert {row["status"] for row in rows} == {2}, number


# Deleting old bundles


def ids(server, item):
    return [int(number) for number in server.state.bundles[item.guid]]


async def test_prune(server, client, item):
    """All but the newest bundles are deleted, except for the active one."""
    first, second, third, fourth = ids(server, item)
    deleted = await item.bundles.prune(keep=1)
    assert [int(bundle.id) for bundle in deleted] == [third, first]
    assert ids(server, item) == [second, fourth]
    server.requests.clear()
    assert await client.content.handle(item.guid).bundles.prune(keep=2) == []
    assert [request.method for request in server.requests] == ["GET"]


@pytest.mark.parametrize("keep", [0, -1])
async def test_at_least_one_stays(server, item, keep):
    """Without a bundle to keep, it is refused before a request is made."""
    server.requests.clear()
    with pytest.raises(errors.InvalidArgumentError, match="at least 1"):
        await item.bundles.prune(keep=keep)
    assert server.requests == []


async def test_bundles_in_use(server, item):
    """What an active job runs or builds stays; where jobs are not shown, that is not known."""
    first, second, third, fourth = ids(server, item)
    add_job(server, item, "build_report", str(first))
    assert [int(bundle.id) for bundle in await item.bundles.prune(keep=1)] == [third]
    server.script(faults.error(403, 22), on="GET */jobs")
    assert [int(bundle.id) for bundle in await item.bundles.prune(keep=1)] == [first]
    assert ids(server, item) == [second, fourth]


@pytest.mark.parametrize("version", ["2022.09.0", "2025.06.0"])
async def test_servers_that_do_not_say_which_is_active(version):
    """The active bundle is that of the item if the bundles do not say so, and there are no jobs."""
    async with (
        FakeConnect(version=version) as server,
        Client(server.url, server.api_key, clock=VirtualClock()) as client,
    ):
        item = await app(client)
        second = ids(server, item)[1]
        rows = [
            {"id": int(bundle.id), "content_guid": item.guid}
            for bundle in await item.bundles.find()
        ]
        server.script(faults.status(200, body=json.dumps(rows[::-1])), on="GET */bundles")
        await item.bundles.prune(keep=1)
        assert ids(server, item) == [second, int(max(row["id"] for row in rows))]
        assert server.count("DELETE", "*/bundles/*") == 2


@pytest.mark.parametrize(
    "fault", [faults.error(409, 75), faults.error(404, 4), faults.error(404, 17)]
)
async def test_bundles_that_change_meanwhile(server, item, fault):
    """A bundle that was activated or deleted meanwhile is left alone, and not reported."""
    server.script(fault, on="DELETE */bundles/*")
    assert len(await item.bundles.prune(keep=1)) == 1
    server.script(faults.error(409, 8), on="DELETE */bundles/*")
    with pytest.raises(errors.ConflictError):
        await item.bundles.prune(keep=1)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_prune_under_any_fault(fault):
    """Each request meets each fault: the right bundles stay, now or after the next try."""
    for number in range(4):
        async with server_and_client() as (server, client):
            item = await app(client)
            _, second, _, fourth = ids(server, item)
            server.script(*[Unharmed()] * number, fault)
            try:
                await item.bundles.prune(keep=1)
            except errors.AconnectError:
                assert {second, fourth} <= set(ids(server, item))
                server.clear_script()
                await item.bundles.prune(keep=1)
            assert ids(server, item) == [second, fourth], number


def test_newest_first():
    """Bundles are sorted by their numbers; others keep the order of the server."""
    found = newest_first([Bundle(id=id_) for id_ in ("9", "x", "10", "y")])
    assert [bundle.id for bundle in found] == ["10", "9", "x", "y"]
