"""Runs of content: builds and renderings, each a task of a node and a job of the content."""

from uuid import uuid4

from aconnect.testing.connect.progress import JobState, Run, TaskState
from aconnect.testing.connect.routes.content.jobs import new_job
from aconnect.testing.connect.state import Bundle, State
from aconnect.testing.wire import Row


def start(
    state: State,
    content: Row,
    tag: str,
    *,
    owner: str,
    node: int = 1,
    bundle: Bundle | None = None,
    activate: bool = False,
    variant: Row | None = None,
) -> TaskState:
    """Start a run, which is both a task of a node and a job of the content.

    Args:
        state: The state that the run is added to.
        content: The content item that is built or rendered.
        tag: The purpose of the job.
        owner: GUID of the user that owns the task.
        node: The node that has the task.
        bundle: The bundle that is built.
        activate: Whether to activate the bundle on success.
        variant: The variant that is rendered.
    """
    number = state.next_number("job")
    row = new_job(uuid4().hex[:16], number, content, tag, state.now())
    if bundle is not None:
        row["bundle_id"] = bundle.row["id"]
    if variant is not None:
        row["variant_key"] = variant["variant_key"]

    def end(run: Run) -> None:
        time = state.now()
        row.update(status=2, end_time=time, exit_code=run.code, error=run.error or None)
        if run.code == 0 and bundle is not None:
            bundle.is_built = True
            if activate:
                _activate(state.bundles.get(content["guid"], {}), bundle, content)
                content["last_deployed_time"] = time
        if run.code == 0 and variant is not None:
            variant["render_time"] = time
        if run.code != 0:
            job.logged_error = {
                "code": "build-failed",
                "summary": run.error,
                "help_url": "https://docs.posit.co/connect/errors/",
            }

    run = state.start_run(end, next(state.build_outcomes))
    job = JobState(row, run)
    state.jobs.setdefault(content["guid"], {})[row["key"]] = job
    return state.add_task(run, node, owner)


def _activate(bundles: dict[str, Bundle], bundle: Bundle, content: Row) -> None:
    for other in bundles.values():
        other.row["active"] = other is bundle
    content["bundle_id"] = bundle.row["id"]
    metadata = bundle.manifest.get("metadata")
    if isinstance(metadata, dict):
        content["app_mode"] = metadata.get("appmode", "unknown")  # pyright: ignore[reportUnknownMemberType]
