"""Runs of content: builds and renderings, each a task of a node and a job of the content."""

from collections.abc import Sequence
from uuid import uuid4

from aconnect.testing.connect.manifests import mode_of
from aconnect.testing.connect.progress import JobState, Run, TaskState
from aconnect.testing.connect.routes.content._processes import end_processes
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
    results: Row | None = None,
    problems: Sequence[str] = (),
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
        results: The fields of the bundle, and of the content if it is activated, that a successful
            build sets.
        problems: The reasons for which the run fails.
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
            built = results or {}
            bundle.row.update({name: built[name] for name in bundle.row.keys() & built})
            bundles = state.bundles.get(content["guid"], {})
            # It may have been deleted meanwhile.
            if activate and bundle.row["id"] in bundles:
                activate_bundle(bundles, bundle, content)
                content.update(built)
                end_processes(state, content["guid"])
                _remove_old(state, bundles)
                content["last_deployed_time"] = time
        if run.code == 0 and variant is not None:
            variant["render_time"] = time
        if run.code != 0:
            job.logged_error = {
                "code": "build-failed",
                "summary": run.error,
                "help_url": "https://docs.posit.co/connect/errors/",
            }

    run = state.start_run(end, next(state.build_outcomes), problems)
    job = JobState(row, run)
    state.jobs.setdefault(content["guid"], {})[row["key"]] = job
    return state.add_task(run, node, owner)


def activate_bundle(bundles: dict[str, Bundle], bundle: Bundle, content: Row) -> None:
    """Make a bundle the one that the content runs."""
    for other in bundles.values():
        other.row["active"] = other is bundle
    content["bundle_id"] = bundle.row["id"]
    content["app_mode"] = mode_of(bundle.manifest) or content["app_mode"]


def _remove_old(state: State, bundles: dict[str, Bundle]) -> None:
    """Remove the bundles that exceed the retention limit, but not the active one."""
    if state.bundle_retention is None:
        return
    for number in list(bundles)[: max(0, len(bundles) - state.bundle_retention)]:
        if not bundles[number].row["active"]:
            bundles.pop(number).archive.close()
            state.deleted.add(f"bundle:{number}")
