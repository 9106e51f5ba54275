"""Runtime caches."""

from aconnect.testing.connect.dialect import Call, bad_request, not_found, route
from aconnect.testing.connect.progress import Run
from aconnect.testing.connect.routes._checks import FLAG, TEXT, chosen
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, ok

_CACHES = (2023, 5, 0)

LANGUAGES = {"Python", "R"}
"""Languages with runtime caches."""


def seed(state: State) -> None:
    """Add caches of two versions of each language."""
    state.runtime_caches = [
        {"language": language, "version": version, "image_name": "Local"}
        for language, version in (
            ("Python", "3.11.10"),
            ("Python", "3.12.7"),
            ("R", "4.3.3"),
            ("R", "4.4.2"),
        )
    ]


@route("GET", "/v1/system/caches/runtime", role="administrator", since=_CACHES)
def list_runtime_caches(call: Call) -> Response:
    """List all runtime caches."""
    return ok({"caches": call.state.runtime_caches})


@route("DELETE", "/v1/system/caches/runtime", role="administrator", since=_CACHES)
async def delete_runtime_cache(call: Call) -> Response:
    """Start a task that deletes a cache when it ends; a dry run only looks it up."""
    body = chosen(
        await call.fields(),
        {"language": TEXT, "version": TEXT, "image_name": TEXT, "dry_run": FLAG},
    )
    cache: Row = {name: body.get(name) for name in ("language", "version", "image_name")}
    if cache["language"] not in LANGUAGES:
        raise bad_request("The language must be R or Python.", 179)
    if not cache["version"] or not cache["image_name"]:
        raise bad_request("A cache is named by language, version and image_name.", 180)
    caches = call.state.runtime_caches
    if cache not in caches:
        raise not_found("The runtime cache")
    if body.get("dry_run"):
        return ok({**cache, "task_id": None})

    def end(run: Run) -> None:
        # Another task may have deleted it before.
        if run.code == 0 and cache in caches:
            caches.remove(cache)

    run = call.state.start_run(end)
    task = call.state.add_task(run, call.node, call.user["guid"])
    return ok({**cache, "task_id": task.id})
