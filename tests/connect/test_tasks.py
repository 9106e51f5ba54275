"""Tasks and jobs are followed to their end, through failures, and up to a deadline."""

import asyncio
import json
import logging
from contextlib import aclosing
from typing import Any

import pytest

from aconnect import Client, RetryPolicy, errors
from aconnect.connect import Task
from aconnect.observing import log_events
from aconnect.testing import BuildScript, FakeConnect, VirtualClock, faults

POLL = "GET /v1/tasks/*"
LINES = ("one", "two", "three")


@pytest.fixture
def server(server):
    server.state.build_script = BuildScript(lines=LINES, lines_per_poll=1)
    return server


@pytest.fixture
def start(item, archive):
    """Start a deployment, whose task follows the server's script."""

    async def run():
        return await item.deploy(await item.bundles.create(archive))

    return run


async def test_result(start, item, clock):
    """Awaiting the task of a deployment returns the updated content."""
    task = await start()
    assert (await task).guid == item.guid
    assert clock.monotonic() < 60


async def test_output(start):
    """The lines arrive once and in order, from the first one or from `first`."""
    assert [line async for line in (await start()).output()] == list(LINES)
    assert [line async for line in (await start()).output(first=1)] == list(LINES[1:])


@pytest.mark.parametrize("before", ["output", "wait", "result"])
async def test_an_end_is_remembered(server, start, item, before):
    """A task that was followed to its end is not polled again for its result."""
    task = await start()
    if before == "output":
        assert [line async for line in task.output()] == list(LINES)
    else:
        await getattr(task, before)()
    polls = server.count("GET", "/v1/tasks/*")
    assert (await task).guid == item.guid
    assert (await task.wait()).finished
    assert server.count("GET", "/v1/tasks/*") == polls


@pytest.mark.parametrize("before", ["nothing", "output", "wait"])
async def test_failed(server, start, before):
    """The error of a failed task has the code and the last lines, regardless of earlier reads."""
    server.state.build_script = BuildScript(lines=LINES, code=3, error="broken")
    task = await start()
    if before == "output":
        assert [line async for line in task.output()] == list(LINES)
    elif before == "wait":
        assert (await task.wait()).code == 3
    with pytest.raises(errors.TaskFailedError, match="broken") as caught:
        await task.result()
    assert caught.value.code == 3
    assert caught.value.lines == LINES


@pytest.mark.parametrize(
    "trouble",
    [
        faults.vanish(),
        faults.status(429),
        faults.status(500),
        faults.status(502),
        faults.reset(),
        faults.reset_mid_body(),
        faults.garbage(),
        faults.login_page(),
        faults.status(200),
        faults.status(200, body={"status": "starting"}),
        faults.truncated_json(),
    ],
    ids=repr,
)
async def test_trouble_passes(server, start, trouble):
    """A series of transient failures does not end the wait."""
    task = await start()
    server.script(*[trouble] * 7, on=POLL)
    assert (await task.wait()).finished


STATUS: dict[str, Any] = {"id": "t", "output": [], "finished": True, "code": 0, "error": ""}


@pytest.mark.parametrize(
    "outcome",
    [
        {"code": 1.0},
        {"code": True},
        {"code": "failed"},
        {"code": {}},
        {"error": {"message": "broken"}},
        {"error": ["broken"]},
        {"error": True},
        {"finished": 1},
    ],
    ids=repr,
)
async def test_no_failure_is_taken_for_success(server, start, outcome):
    """An outcome of another type is an error, and not the success of the task."""
    task = await start()
    server.script(*[faults.status(200, body={**STATUS, **outcome})] * 500, on=POLL)
    with pytest.raises(errors.DecodeError, match=next(iter(outcome))):
        await task
    with pytest.raises(errors.DecodeError):
        await task.status()
    server.clear_script()


@pytest.mark.parametrize("last", [{}, {"last": None}, {"last": "later"}], ids=repr)
async def test_lines_without_last(server, start, last):
    """Without the number of the last line, lines are counted, and none is repeated."""
    task = await start()
    polls = [
        {**STATUS, "output": list(LINES[:2]), "finished": False, **last},
        {**STATUS, "output": [], "finished": False, **last},
        {**STATUS, "output": list(LINES[2:]), **last},
    ]
    server.script(*[faults.status(200, body=poll) for poll in polls], on=POLL)
    server.requests.clear()
    assert [line async for line in task.output()] == list(LINES)
    assert [request.query["first"] for request in server.requests] == [["0"], ["2"], ["2"]]


@pytest.mark.parametrize("wrong", [None, 5, {"text": "x"}], ids=repr)
async def test_a_line_that_is_not_text(server, start, wrong):
    """A line of another type is left out; the others are reported."""
    task = await start()
    status = {**STATUS, "output": ["one", wrong, "three"], "code": 3, "last": 3}
    server.script(faults.status(200, body=status), on=POLL)
    assert [line async for line in task.output()] == ["one", "three"]


@pytest.mark.parametrize("status", ["running", None, 1.5, {}], ids=repr)
async def test_a_job_without_status(server, item, start, status):
    """A response without the status of a job does not end the wait for the job."""
    await start()
    (job,) = await item.jobs.find()
    wrong = faults.status(200, body={"key": job.key, "status": status})
    server.script(*[wrong] * 3, on=f"GET */jobs/{job.key}")
    assert [entry.data async for entry in job.follow()] == list(LINES)
    server.script(*[wrong] * 3, on=f"GET */jobs/{job.key}")
    assert (await job.wait()).status not in (None, 0)
    server.script(*[wrong] * 500, on=f"GET */jobs/{job.key}")
    with pytest.raises(errors.DecodeError, match=f"job {job.key} has ended"):
        await job.wait()
    server.clear_script()


async def test_lost(server, start, clock):
    """A task that stays missing for half a minute raises TaskLostError."""
    task = await start()
    server.script(*[faults.vanish()] * 500, on=POLL)
    with pytest.raises(errors.TaskLostError, match=task.id):
        await task.wait()
    assert 30 <= clock.monotonic() <= 60
    server.clear_script()


async def test_deadline(server, start, clock):
    """A wait that exceeds its timeout raises PollTimeoutError with a token to resume it."""
    server.state.build_script = BuildScript(lines=LINES, hang=True)
    task = await start()
    with pytest.raises(errors.PollTimeoutError, match="after 100 s") as caught:
        await task.wait(timeout=100)
    assert 100 <= clock.monotonic() <= 101
    assert caught.value.lines == LINES
    assert caught.value.token is not None


@pytest.mark.parametrize(
    "trouble",
    [faults.status(503, retry_after=90), faults.status(503), faults.reset()],
    ids=["retry after", "busy", "reset"],
)
async def test_deadline_in_trouble(server, start, clock, trouble):
    """The retries of one poll do not extend the wait beyond its deadline."""
    task = await start()
    began = clock.monotonic()
    server.script(*[trouble] * 500, on=POLL)
    with pytest.raises(errors.AconnectError):
        await task.wait(timeout=2)
    assert clock.monotonic() - began <= 3
    server.clear_script()


async def test_deadline_of_a_held_poll(server, start):
    """The wait ends at its deadline even if the server does not respond to a poll."""
    task = await start()
    server.script(*[faults.slow_headers(60)] * 9, on=POLL)
    real = Client(server.url, server.api_key, retry=RetryPolicy(attempts=1))
    async with real, asyncio.timeout(5):
        with pytest.raises((errors.PollTimeoutError, errors.TransportError)):
            await Task.from_token(real, task.token).wait(timeout=0.5)
    server.clear_script()


async def test_resumed(server, start):
    """A token resumes the wait in another client; a damaged or foreign token is refused."""
    server.state.build_script = BuildScript(lines=LINES, lines_per_poll=1)
    task = await start()
    token = task.token
    assert server.api_key not in token
    async with Client(server.url, server.api_key, clock=VirtualClock()) as other:
        again = Task.from_token(other, token)
        assert (await again.wait()).finished
        with pytest.raises(errors.ResumeError, match="damaged"):
            Task.from_token(other, token[:-3])
        with pytest.raises(errors.ResumeError):
            Task.from_token(other, "\ud800")
    async with FakeConnect() as elsewhere, Client(elsewhere.url, "k") as stranger:
        with pytest.raises(errors.ResumeError, match="belongs to"):
            Task.from_token(stranger, token)


async def test_polls_ask_the_server_to_wait(server, start):
    """Polls let the server hold the response, and request only new lines."""
    task = await start()
    server.requests.clear()
    await task.wait()
    firsts = [request.query.get("first", ["0"])[0] for request in server.requests]
    assert firsts == ["0", "1", "2"]
    assert all(int(request.query["wait"][0]) > 0 for request in server.requests)


async def test_job(item, start):
    """`follow` yields the log of a job until the job ends."""
    task = await start()
    (job,) = await item.jobs.find()
    assert [entry.data async for entry in job.follow()] == list(LINES)
    assert (await job.wait()).status != 0
    assert (await task.wait()).finished


async def test_job_is_not_lost_by_trouble(server, item, start):
    """Following a job's log continues after transient failures."""
    await start()
    (job,) = await item.jobs.find()
    server.script(*[faults.status(500)] * 7, on="GET */log")
    assert [entry.data async for entry in job.follow()] == list(LINES)


async def test_token_in_the_middle_of_lines(server, client, start):
    """A token that is taken between lines resumes before lines that may not have been read."""
    server.state.build_script = BuildScript(lines=LINES, lines_per_poll=2)
    task = await start()
    async with aclosing(task.output()) as lines:
        async for line in lines:
            assert line == "one"
            break
    again = Task.from_token(client, task.token)
    first = json.loads(task.token)["first"]
    assert [line async for line in again.output(first=first)] == list(LINES)


async def test_a_build_that_prints_the_key(server, start, client, caplog):
    """A key in the output of a task is in no line, event, log record or error."""
    key = server.api_key
    server.state.build_script = BuildScript(
        lines=(f"KEY={key}", "\x1b[31mred\x1b[0m"), code=1, error=f"broken by {key}\nforged"
    )
    events: list[object] = []
    client.subscribe(events.append)
    client.subscribe(log_events())
    caplog.set_level(logging.DEBUG)
    task = await start()
    lines = [line async for line in task.output()]
    assert lines == ["KEY=***", "\x1b[31mred\x1b[0m"]
    with pytest.raises(errors.TaskFailedError) as caught:
        await task
    assert caught.value.lines == tuple(lines)
    assert str(caught.value).splitlines() == [
        f"task {task.id} failed with code 1: broken by *** forged; its last output was:",
        "  KEY=***",
        "  red",
    ]
    assert not [text for text in (repr(events), caplog.text, str(caught.value)) if key in text]
    assert "\x1b" not in caplog.text
    assert (await task.status(0)).error == "broken by ***\nforged"
