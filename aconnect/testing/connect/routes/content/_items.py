"""Content items as rows, for all modules that return them or are below them.

Decides which callers may view and edit an item, and how it is sent.
"""

from datetime import datetime
from typing import Any

from aconnect.testing.connect.dialect import Call, bad_request, forbidden
from aconnect.testing.connect.routes._checks import existing
from aconnect.testing.connect.routes.content._schedules import sent_schedules
from aconnect.testing.connect.versions import downgrade
from aconnect.testing.wire import Row

RENDERED = frozenset({"quarto-static", "rmd-static", "jupyter-static", "jupyter-voila"})
"""Application modes that can be rendered, and so have schedules."""


LIMITS = (
    "connection_timeout",
    "read_timeout",
    "init_timeout",
    "idle_timeout",
    "max_processes",
    "min_processes",
    "max_conns_per_process",
)
"""Limits of processes, as small numbers."""

_CONTENT_NULLS = (
    "title",
    *LIMITS,
    "load_factor",
    "memory_request",
    "memory_limit",
    "cpu_request",
    "cpu_limit",
    "amd_gpu_limit",
    "nvidia_gpu_limit",
    "service_account_name",
    "default_image_name",
    "default_environment_guid",
    "bundle_id",
    "environment_guid",
    "image_name",
    "r_version",
    "py_version",
    "quarto_version",
    "node_version",
    "r_environment_management",
    "default_r_environment_management",
    "py_environment_management",
    "default_py_environment_management",
    "run_as",
    "metrics_collection_enabled",
    "notify_on_share",
    "public_content_status",
)


def new_content(
    guid: str, number: int, name: str, owner_guid: str, time: datetime, **more: Any
) -> Row:
    """Return a new content item without a bundle."""
    return {
        "guid": guid,
        "name": name,
        **dict.fromkeys(_CONTENT_NULLS),
        "description": "",
        "access_type": "acl",
        "locked": False,
        "locked_message": "",
        "created_time": time,
        "last_deployed_time": time,
        "app_mode": "unknown",
        "content_category": "",
        "parameterized": False,
        "cluster_name": "Local",
        "run_as_current_user": False,
        "otel_enabled": False,
        "owner_guid": owner_guid,
        "id": str(number),
        **more,
    }


def is_collaborator(call: Call, row: Row) -> bool:
    """Return True if the caller owns a content item or is a collaborator of it.

    A collaborator who loses the right to publish can only view it.
    """
    user = call.user["guid"]
    return row["owner_guid"] == user or (
        call.role != "viewer" and "owner" in call.state.roles_of(row["guid"], user)
    )


def may_edit(call: Call, row: Row) -> bool:
    """Return True if the caller may edit a content item, as a collaborator or administrator."""
    return call.is_admin or is_collaborator(call, row)


def may_view(call: Call, row: Row) -> bool:
    """Return True if the caller may view a content item."""
    return (
        row["access_type"] != "acl"
        or may_edit(call, row)
        or bool(call.state.roles_of(row["guid"], call.user["guid"]))
    )


def _app_role(call: Call, row: Row) -> str:
    """Return the role of the caller; that of administrators who have none is "none"."""
    user = call.user["guid"]
    if row["owner_guid"] == user:
        return "owner"
    roles = call.state.roles_of(row["guid"], user)
    if "owner" in roles and call.role != "viewer":
        return "editor"
    return "viewer" if roles or row["access_type"] != "acl" else "none"


def content_of(call: Call, *, edit: bool = False) -> Row:
    """Return the content item in the path, if the caller may view or edit it."""
    row = existing(call.state.content, call.args["guid"], "The content item")
    if not (may_edit(call, row) if edit else may_view(call, row)):
        raise forbidden()
    return row


def included(call: Call) -> frozenset[str]:
    """Parse `include`, for which old servers accept fewer values."""
    given = call.value("include")
    if not given:
        return frozenset()
    supported = {"owner", "tags"}
    if call.features.vanity_include:
        supported.add("vanity_url")
    if call.features.modern_fields:
        supported |= {"bookmarked", "schedule"}
    wanted = frozenset(given.split(","))
    if unknown := wanted - supported:
        raise bad_request(f"include does not know {', '.join(sorted(unknown))}.", 161)
    return wanted


def sent_content(call: Call, row: Row, include: frozenset[str] = frozenset()) -> Row:
    """Return a content item as this caller receives it from this server."""
    state, guid, url = call.state, row["guid"], call.host.url
    sent = downgrade("content", row, call.features)
    sent = {
        **sent,
        "content_url": f"{url}/content/{guid}/",
        "dashboard_url": f"{url}/connect/#/apps/{guid}",
        "app_role": _app_role(call, row),
    }
    if "owner" in include:
        owner = state.users.get(row["owner_guid"])
        names = ("guid", "username", "first_name", "last_name")
        sent["owner"] = {name: owner[name] for name in names} if owner else None
    if "tags" in include:
        kept = state.content_tags.get(guid, set())
        sent["tags"] = [tag for tag_id, tag in state.tags.items() if tag_id in kept]
    if "vanity_url" in include:
        vanity = state.vanities.get(guid)
        if vanity is not None:
            sent["vanity_url"] = f"{url}{vanity['path']}"
    if "bookmarked" in include:
        sent["bookmarked"] = call.user["guid"] in state.bookmarks.get(guid, {})
    if "schedule" in include:
        sent["schedules"] = sent_schedules(state, row)
    return sent
