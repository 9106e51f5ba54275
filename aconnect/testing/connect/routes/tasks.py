"""Tasks: what runs on a node of the server."""

from aconnect.testing.connect.dialect import ApiFault, Call, forbidden, route
from aconnect.testing.connect.progress import Run
from aconnect.testing.wire import Response, ok


@route("GET", "/v1/tasks/{id}", since=(1, 8, 6))
async def get_task(call: Call) -> Response:
    """Advance a task by one poll and return its output from line `first` on."""
    task = call.state.tasks.get(call.args["id"])
    if task is None or task.node != call.node:
        code = 141 if call.features.task_code_141 else 4
        raise ApiFault(404, code, "The task does not exist, or not on this node.")
    if not call.is_admin and task.owner_guid != call.user["guid"]:
        raise forbidden()
    first = call.integer("first", 0)
    wait = call.integer("wait", 0)
    run = task.run
    run.poll()
    if wait and not run.finished and run.visible <= first:
        await _hold(call, run, wait)
    return ok(
        {
            "id": task.id,
            "output": run.output()[first:],
            "result": task.result,
            "finished": run.finished,
            "code": run.code,
            "error": run.error,
            "last": run.visible,
        }
    )


async def _hold(call: Call, run: Run, wait: int) -> None:
    """Wait for news of a timed run; other runs advance with polls only, so wait only on request."""
    if run.timed:
        due = run.due()
        # A run that hangs has no next line, but killing its job ends it.
        await call.host.hold(min(wait, 1.0 if due is None else due))
        run.poll()
    elif call.state.hold_waits:
        await call.host.hold(wait)
