"""Deploying, building and rendering content, and the tasks that these start."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from aconnect.testing.connect.dialect import ApiFault, Call, bad_request, forbidden, route
from aconnect.testing.connect.progress import JobState, Run, TaskState
from aconnect.testing.connect.routes._checks import FLAG_NULL, TEXT_NULL, chosen, existing
from aconnect.testing.connect.routes.content._items import RENDERED, content_of
from aconnect.testing.connect.routes.content.jobs import new_job
from aconnect.testing.connect.state import Bundle, State
from aconnect.testing.wire import Response, Row, ok


@route("POST", "/v1/content/{guid}/deploy", role="publisher")
async def deploy_content(call: Call) -> Response:
    """Start a deployment."""
    return ok({"task_id": await _build(call)}, 202)


@route("POST", "/v1/content/{guid}/build", role="publisher")
async def build_content(call: Call) -> Response:
    """Start a build."""
    return ok({"task_id": await _build(call)})


async def _build(call: Call) -> str:
    """Build the bundle that is meant, by default the active one, and perhaps activate it."""
    content = content_of(call, edit=True)
    # Older servers do not ask for a body.
    given = await call.fields() if call.request.can_read_body else {}
    body = chosen(given, {"bundle_id": TEXT_NULL, "activate": FLAG_NULL})
    number = body.get("bundle_id") or content["bundle_id"]
    if number is None:
        raise bad_request("The content has no bundle yet; name one in bundle_id.")
    bundle = existing(call.state.bundles.get(content["guid"], {}), number, "The bundle")
    activate = body.get("activate") is not False or not call.features.deploy_activate
    task = start(
        call.state,
        content,
        "build",
        owner=call.user["guid"],
        node=call.node,
        bundle=bundle,
        activate=activate,
    )
    return task.id


@route("POST", "/v1/content/{guid}/render", role="publisher")
async def render_content(call: Call) -> Response:
    """Render a variant, by default the default one; old servers answer in an old form."""
    content = content_of(call, edit=True)
    body = chosen(await call.fields(), {"variant_key": TEXT_NULL})
    if content["bundle_id"] is None or content["app_mode"] not in RENDERED:
        raise bad_request("Only deployed documents can be rendered.")
    variants = variants_of(call, content)
    default = next(key for key, row in variants.items() if row["is_default"])
    variant = existing(variants, body.get("variant_key") or default, "The variant")
    task = start(
        call.state,
        content,
        "render",
        owner=call.user["guid"],
        node=call.node,
        variant=variant,
    )
    if call.features.render_task_id:
        return ok({"task_id": task.id}, 202)
    old: Row = {"id": task.id, "user_id": 1, "status": [], "result": None, "finished": False}
    return ok({**old, "code": 0, "error": "", "last_status": 0}, 202)


def new_variant(content: Row, key: str, time: datetime, **more: Any) -> Row:
    """Make a variant of a report."""
    return {
        "variant_key": key,
        "variant_name": content["title"] or content["name"],
        "is_default": False,
        "created_time": time,
        "render_time": None,
        **more,
    }


def seed(state: State) -> None:
    """Add the rendered variant of each document, with the key that its visits have."""
    for i, (guid, content) in enumerate(state.content.items()):
        if content["app_mode"] in {"quarto-static", "rmd-static"}:
            time = content["created_time"]
            row = new_variant(content, f"var{i}", time, is_default=True, render_time=time)
            state.variants[guid] = {row["variant_key"]: row}


def variants_of(call: Call, content: Row) -> dict[str, Row]:
    """Return the variants of a content item by key; whatever is rendered has a default one."""
    rows = call.state.variants.setdefault(content["guid"], {})
    renders = content["app_mode"] in RENDERED and content["bundle_id"] is not None
    if renders and not any(row["is_default"] for row in rows.values()):
        row = new_variant(content, "default", content["created_time"], is_default=True)
        rows[row["variant_key"]] = row
    return rows


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
    """Begin a run, seen both as a task of a node and as a job of the content.

    Args:
        state: Where it is noted.
        content: What is built or rendered.
        tag: What the job is for.
        owner: Guid of the user whose task it is.
        node: Which node knows the task.
        bundle: What is built.
        activate: Whether a success makes the bundle the active one.
        variant: What is rendered.
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
        if run.code == 0 and bundle is not None and activate:
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

    run = state.start_run(end)
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


@route("GET", "/v1/tasks/{id}")
async def get_task(call: Call) -> Response:
    """Advance a task by one poll and answer with what it put out since `first`."""
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
    """Wait for news of a timed run; others get news from polls alone, so wait only if told to."""
    due = run.due()
    if due is not None:
        await call.host.hold(min(wait, due))
        run.poll()
    elif call.state.hold_waits:
        await call.host.hold(wait)
