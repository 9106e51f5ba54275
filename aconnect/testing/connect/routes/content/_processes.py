"""Processes of interactive content, each of which is a job of it.

Decides when they start and end: a visit starts one, unless one runs already; a kill order, a change
of the environment variables and the activation of a bundle end them. Idle processes stay.
"""

from datetime import datetime
from uuid import uuid4

from aconnect.testing.connect.progress import BuildScript, JobState, Run
from aconnect.testing.connect.routes.content.jobs import PROCESS_TAGS, new_job
from aconnect.testing.connect.state import State, guid_of
from aconnect.testing.wire import Row

_SCRIPT = BuildScript(("Starting the content", "Listening for requests"), hang=True)


def seed(state: State) -> None:
    """Add running processes, distributed over the interactive content."""
    content = [row for row in state.content.values() if row["app_mode"] in PROCESS_TAGS]
    for i in range(state.seed.processes if content else 0):
        row = content[i % len(content)]
        time = state.seed.start + state.seed.step * i
        _start(state, row, guid_of("process", i).replace("-", "")[:16], time)


def visited(state: State, content: Row) -> None:
    """Start a process of interactive content, unless one runs, which is then seen to run."""
    if content["app_mode"] not in PROCESS_TAGS:
        return
    running = _running(state, content["guid"])
    if not running:
        running = [_start(state, content, uuid4().hex[:16], state.now())]
    running[-1].row["last_heartbeat_time"] = state.now()


def end_processes(state: State, content_guid: str) -> None:
    """End all processes of a content item."""
    for job in _running(state, content_guid):
        job.run.end(-15, "The process was terminated.")


def _running(state: State, content_guid: str) -> list[JobState]:
    return [
        job
        for job in state.jobs.get(content_guid, {}).values()
        if job.row["status"] == 0 and job.row["tag"] in PROCESS_TAGS.values()
    ]


def _start(state: State, content: Row, key: str, time: datetime) -> JobState:
    row = new_job(key, state.next_number("job"), content, PROCESS_TAGS[content["app_mode"]], time)
    row.update(
        variant_id=content["id"],
        variant_key=guid_of("variant", content["guid"])[:8],
        queued_time=None,
        queue_name=None,
    )

    def end(run: Run) -> None:
        row.update(status=2, end_time=state.now(), exit_code=run.code, error=run.error or None)

    run = Run(_SCRIPT, end, state.now, started=time)
    run.visible = len(_SCRIPT.lines)
    run.stamps = [time] * run.visible
    job = JobState(row, run)
    state.jobs.setdefault(content["guid"], {})[key] = job
    return job
