"""Experimental operations: those that newer servers have replaced, and those that remain.

Decides the format of the old responses. The work is done by the operations that replaced them, on
the same state.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from aconnect.testing.connect.dialect import Call, R, route
from aconnect.testing.connect.paging import offset
from aconnect.testing.connect.progress import JobState
from aconnect.testing.connect.routes import tasks
from aconnect.testing.connect.routes._checks import existing, missing
from aconnect.testing.connect.routes.content import bundles, content
from aconnect.testing.connect.routes.content._items import LIMITS, content_of, may_edit
from aconnect.testing.connect.routes.content.jobs import METRICS, window
from aconnect.testing.wire import Response, Row, ok

# The document of 2023.09 has the operations, that of 2026 does not; the version between is unknown.
_GONE = (2023, 12, 0)
_RENAMED = {"parameterized": "has_parameters", "content_url": "url", "app_role": "role"}

_CONTENT = (
    "guid",
    "name",
    "title",
    "description",
    "access_type",
    *LIMITS,
    "load_factor",
    "created_time",
    "last_deployed_time",
    "bundle_id",
    "app_mode",
    "content_category",
    "parameterized",
    "cluster_name",
    "image_name",
    "r_version",
    "py_version",
    "quarto_version",
    "run_as",
    "run_as_current_user",
    "owner_guid",
    "content_url",
    "app_role",
)

_BUNDLE = (
    "id",
    "content_guid",
    "created_time",
    "cluster_name",
    "image_name",
    "r_version",
    "py_version",
    "quarto_version",
    "active",
    "size",
)

_TASK = ("id", "output", "finished", "code", "error", "last")

_GROUP_ROLES = {"owner": "publisher", "viewer": "viewer"}
"""The names of permission roles in the content of a group."""

_SKIPPED = 3
_SPANS = (
    (timedelta(days=1), timedelta(minutes=5)),
    (timedelta(days=7), timedelta(hours=1)),
    (timedelta(days=180), timedelta(days=1)),
    (timedelta.max, timedelta(days=30)),
)
"""The longest window for each length of a bucket; only the first and last are documented."""


def _old(
    method: str,
    template: str,
    successor: str,
    *,
    role: str | None = None,
    since: tuple[int, int, int] = (0, 0, 0),
) -> Callable[[Callable[[Call], R]], Callable[[Call], R]]:
    """Declare a removed operation, and the path to use instead."""
    return route(
        method,
        f"/v1/experimental{template}",
        role=role,
        since=since,
        until=_GONE,
        deprecated=successor,
    )


def _only(row: Row, names: tuple[str, ...]) -> Row:
    return {_RENAMED.get(name, name): row[name] for name in names}


def _object(response: Response) -> Any:
    """Decode the response of the operation that replaced this one."""
    return msgspec.json.decode(response.complete_body())


def _find_bundle(call: Call) -> None:
    """Set the content that the bundle belongs to, which the old path does not contain."""
    number = call.args["id"]
    for guid, own in call.state.bundles.items():
        if number in own:
            call.args["guid"] = guid
            return
    raise missing(call, f"bundle:{number}", "The bundle")


@_old("POST", "/content", "/v1/content", role="publisher", since=(1, 7, 0))
async def create_content(call: Call) -> Response:
    """Create a content item; the old operation requires its name."""
    return ok(_only(_object(content.created(call, await call.fields("name"))), _CONTENT))


@_old("GET", "/content/{guid}", "/v1/content/{guid}")
def get_content(call: Call) -> Response:
    """Get one content item."""
    return ok(_only(_object(content.get_content(call)), _CONTENT))


@_old("POST", "/content/{guid}", "/v1/content/{guid}")
async def update_content(call: Call) -> Response:
    """Change the given fields."""
    return ok(_only(_object(await content.update_content(call)), _CONTENT))


@_old("DELETE", "/content/{guid}", "/v1/content/{guid}")
def delete_content(call: Call) -> Response:
    """Delete a content item."""
    return content.delete_content(call)


@_old(
    "POST",
    "/content/{guid}/upload",
    "/v1/content/{guid}/bundles",
    role="publisher",
    since=(1, 7, 0),
)
async def upload_bundle(call: Call) -> Response:
    """Upload an archive."""
    row = _object(await bundles.upload_bundle(call))
    return ok({"bundle_id": row["id"], "size": row["size"]})


@_old(
    "POST", "/content/{guid}/deploy", "/v1/content/{guid}/deploy", role="publisher", since=(1, 7, 0)
)
async def deploy_content(call: Call) -> Response:
    """Start a deployment."""
    return await content.deploy_content(call)


@_old("GET", "/content/{guid}/bundles", "/v1/content/{guid}/bundles")
def get_bundles(call: Call) -> Response:
    """List bundles by id, in pages, unlike the operation that replaced this one."""
    stored = call.state.bundles.get(content_of(call, edit=True)["guid"], {}).values()
    return offset(call, [_only(bundle.row, _BUNDLE) for bundle in stored])


@_old("GET", "/bundles/{id}", "/v1/content/{guid}/bundles/{id}")
def get_bundle(call: Call) -> Response:
    """Get one bundle."""
    _find_bundle(call)
    return ok(_only(_object(bundles.get_bundle(call)), _BUNDLE))


@_old("DELETE", "/bundles/{id}", "/v1/content/{guid}/bundles/{id}")
def delete_bundle(call: Call) -> Response:
    """Delete a bundle that is not active."""
    _find_bundle(call)
    return bundles.delete_bundle(call)


@_old("GET", "/bundles/{id}/download", "/v1/content/{guid}/bundles/{id}/download")
def download_bundle(call: Call) -> Response:
    """Return the uploaded bytes."""
    _find_bundle(call)
    return bundles.download_bundle(call)


@_old("GET", "/tasks/{id}", "/v1/tasks/{id}", since=(1, 7, 0))
async def get_task(call: Call) -> Response:
    """Return the state of a task."""
    return ok(_only(_object(await tasks.get_task(call)), _TASK))


@route("GET", "/v1/experimental/groups/{guid}/content", role="administrator", since=(2021, 9, 0))
def get_group_content(call: Call) -> Response:
    """List the content that a group has a permission for, not paged."""
    state, guid = call.state, call.args["guid"]
    existing(state.groups, guid, "The group")
    rows = [
        state.content[content]
        for content, entries in state.permissions.items()
        if any(entry["principal_guid"] == guid for entry in entries.values())
    ]
    return ok(
        [
            {
                "content_guid": row["guid"],
                "content_name": row["name"],
                "content_title": row["title"],
                "access_type": row["access_type"],
                "permissions": _permissions(call, row),
            }
            for row in rows
        ]
    )


def _permissions(call: Call, row: Row) -> list[Row]:
    """List the permissions of an item; the owner is always included, as author."""
    state = call.state
    roles = [(row["owner_guid"], "author", "user")]
    roles += [
        (entry["principal_guid"], _GROUP_ROLES[entry["role"]], entry["principal_type"])
        for entry in state.permissions[row["guid"]].values()
    ]
    return [
        {
            "principal_guid": guid,
            "principal_name": state.groups[guid]["name"]
            if kind == "group"
            else state.users[guid]["username"],
            "principal_role": role,
            "principal_type": kind,
        }
        for guid, role, kind in roles
    ]


@route("GET", "/v1/experimental/jobs/summary", role="publisher", since=METRICS)
def get_jobs_summary(call: Call) -> Response:
    """Count the scheduled jobs of the content that the caller may edit."""
    state = call.state
    start, end = window(call)
    jobs = [
        job
        for guid, jobs in state.jobs.items()
        if may_edit(call, state.content[guid])
        for job in jobs.values()
        if job.scheduled and start <= job.row["start_time"] <= end
    ]
    waiting = [
        row
        for row in state.queue.values()
        if row["job_type"] == "ScheduledRender" and row.get("started_time") is None
    ]
    ended = _outcomes(jobs)
    return ok(
        {
            "totals": {
                "waiting": len(waiting) if end >= state.now() else 0,
                "running": sum(job.row["status"] == 0 for job in jobs),
                **{name: len(times) for name, times in ended.items()},
            },
            "buckets": _buckets(ended),
        }
    )


def _outcomes(jobs: list[JobState]) -> dict[str, list[datetime]]:
    """Group the start times of finished jobs by their outcome."""
    outcomes: dict[str, list[datetime]] = {"failed": [], "succeeded": [], "skipped": []}
    for job in jobs:
        row = job.row
        if row["status"] == _SKIPPED:
            outcomes["skipped"].append(row["start_time"])
        elif row["status"] != 0:
            outcomes["failed" if row["exit_code"] else "succeeded"].append(row["start_time"])
    return outcomes


def _buckets(ended: dict[str, list[datetime]]) -> list[Row]:
    """Count jobs per bucket of time, omitting buckets without jobs."""
    times = [time for each in ended.values() for time in each]
    if not times:
        return []
    first, length = min(times), max(times) - min(times)
    span = next(span for most, span in _SPANS if length <= most)
    counts: dict[int, Row] = {}
    for name, each in ended.items():
        for time in each:
            i = (time - first) // span
            bucket = counts.setdefault(
                i, {"timestamp": first + i * span, **dict.fromkeys(ended, 0)}
            )
            bucket[name] += 1
    return [counts[i] for i in sorted(counts)]
