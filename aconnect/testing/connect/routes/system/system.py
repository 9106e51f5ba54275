"""The system: runtime caches, hosts, service accounts and custom documentation."""

from datetime import timedelta

from aconnect.testing.connect.dialect import Call, bad_request, not_found, route
from aconnect.testing.connect.paging import parse_time
from aconnect.testing.connect.progress import Run
from aconnect.testing.connect.routes._checks import FLAG, TEXT, Kinds, chosen
from aconnect.testing.connect.state import State
from aconnect.testing.wire import Response, Row, empty, ok

_NEW = (2023, 12, 0)
_CACHES = (2023, 5, 0)

LANGUAGES = {"Python", "R"}
"""What has runtime caches."""
_DOCUMENTATION: Kinds = {"content": TEXT, "created_time": TEXT}
MOST_DOCUMENTATION = 500_000
"""In characters."""
HEARD_OF = timedelta(seconds=60)
"""For how long a host that was heard of counts as active."""


def seed(state: State) -> None:
    """Add caches, hosts and service accounts."""
    state.runtime_caches = [
        {"language": language, "version": version, "image_name": "Local"}
        for language, version in (
            ("Python", "3.11.10"),
            ("Python", "3.12.7"),
            ("R", "4.3.3"),
            ("R", "4.4.2"),
        )
    ]
    state.hosts = [
        {"hostname": "connect", "last_seen": None},
        {"hostname": "connect-retired", "last_seen": state.seed.start - timedelta(days=30)},
    ]
    state.service_accounts = {
        "enabled": True,
        "default": "default",
        "accounts": ["default", "connect-content"],
    }


@route("GET", "/v1/system/caches/runtime", role="administrator", since=_CACHES)
def list_runtime_caches(call: Call) -> Response:
    """List all runtime caches."""
    return ok({"caches": call.state.runtime_caches})


@route("DELETE", "/v1/system/caches/runtime", role="administrator", since=_CACHES)
async def delete_runtime_cache(call: Call) -> Response:
    """Start a task that removes a cache when it ends; a dry run only looks for the cache."""
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
        # Another task may have been faster.
        if run.code == 0 and cache in caches:
            caches.remove(cache)

    run = call.state.start_run(end)
    task = call.state.add_task(run, call.node, call.user["guid"])
    return ok({**cache, "task_id": task.id})


@route("GET", "/v1/system/hosts", role="administrator", since=_NEW)
def list_hosts(call: Call) -> Response:
    """List the hosts, or only those heard of lately."""
    now = call.state.now()
    rows: list[Row] = [
        {"version": call.version or "", **host, "last_seen": host["last_seen"] or now}
        for host in call.state.hosts
    ]
    if call.flag("active", default=False):
        rows = [row for row in rows if now - row["last_seen"] <= HEARD_OF]
    return ok(rows)


@route("GET", "/v1/system/offhost/service-accounts", role="publisher", since=_NEW)
def get_service_accounts(call: Call) -> Response:
    """Answer with the service accounts of Kubernetes."""
    return ok(call.state.service_accounts)


@route("GET", "/v1/system/documentation", since=_NEW)
def get_documentation(call: Call) -> Response:
    """Answer with the documentation, if there is any."""
    if call.state.documentation is None:
        raise not_found("The custom documentation")
    return ok(call.state.documentation)


@route("POST", "/v1/system/documentation", role="administrator", since=_NEW)
async def set_documentation(call: Call) -> Response:
    """Replace the documentation."""
    body = chosen(await call.fields(), _DOCUMENTATION)
    content: str = body.get("content", "")
    if "created_time" in body:
        # It may be sent, but the server's own time counts.
        parse_time(body["created_time"], "created_time")
    if not 0 < len(content) <= MOST_DOCUMENTATION:
        raise bad_request(f"The content must have 1 to {MOST_DOCUMENTATION} characters.", 255)
    call.state.documentation = {"content": content, "created_time": call.state.now()}
    return empty()


@route("DELETE", "/v1/system/documentation", role="administrator", since=_NEW)
def delete_documentation(call: Call) -> Response:
    """Remove the documentation."""
    if call.state.documentation is None:
        raise not_found("The custom documentation")
    call.state.documentation = None
    return empty()
