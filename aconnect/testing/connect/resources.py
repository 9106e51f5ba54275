"""New rows of the stored resources, in the newest form of the API.

Decides the fields of a fresh object and how an older server sends it. It stores nothing.
"""

import io
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from gzip import GzipFile
from hashlib import blake2b, sha1
from typing import Any
from uuid import UUID

import msgspec

from aconnect.testing.connect.versions import Features
from aconnect.testing.wire import Row

LATER_FIELDS: Mapping[str, frozenset[str]] = {
    "user": frozenset({"external_id"}),
    "group": frozenset({"gid", "member_count"}),
    "bundle": frozenset({"created_by", "environment_guid"}),
    "content": frozenset(
        {
            "locked",
            "locked_message",
            "amd_gpu_limit",
            "nvidia_gpu_limit",
            "default_environment_guid",
            "environment_guid",
            "node_version",
            "metrics_collection_enabled",
            "notify_on_share",
            "otel_enabled",
            "public_content_status",
        }
    ),
    "environment": frozenset({"managed_by", "nodejs", "tensorflow", "volume_mounts"}),
    "job": frozenset({"content_id", "content_guid", "variant_key", "error", "skip_reason"}),
    "visit": frozenset({"id", "path", "user_agent"}),
}
"""Fields of each kind that came after 2023."""

NUMERIC_IDS: Mapping[str, frozenset[str]] = {
    "job": frozenset({"id", "ppid", "pid", "app_id", "variant_id", "bundle_id"}),
    "visit": frozenset({"rendering_id", "bundle_id"}),
}
"""Ids that older versions send as numbers."""

QUEUES: Mapping[str, str] = {
    "default": "ScheduledRender",
    "git": "GitPoll",
    "memberships": "MembershipUpdate",
    "job-finalizer": "JobFinalizer",
}
"""What the items of each queue are for."""

LANGUAGES = ("python", "nodejs", "quarto", "r", "tensorflow")
"""What an execution environment may have installed."""

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""How Go writes the time of something that has not happened."""

_CONTENT_NULLS = (
    "title",
    "connection_timeout",
    "read_timeout",
    "init_timeout",
    "idle_timeout",
    "max_processes",
    "min_processes",
    "max_conns_per_process",
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


def aged(kind: str, row: Row, features: Features) -> Row:
    """Return a row as a server with `features` sends it."""
    if features.modern_fields and features.string_ids:
        return row
    later = LATER_FIELDS.get(kind, frozenset())
    numeric = NUMERIC_IDS.get(kind, frozenset())
    return {
        name: int(value) if name in numeric and value is not None else value
        for name, value in row.items()
        if name not in later
    }


def guid_of(*parts: object) -> str:
    """Make the same GUID from the same parts."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=16).digest()
    return str(UUID(bytes=digest, version=4))


def new_user(guid: str, username: str, role: str, time: datetime, **more: Any) -> Row:
    """Make a user."""
    return {
        "guid": guid,
        "email": f"{username}@example.com",
        "username": username,
        "first_name": username.capitalize(),
        "last_name": "Example",
        "user_role": role,
        "created_time": time,
        "updated_time": time,
        "active_time": None,
        "confirmed": True,
        "locked": False,
        "external_id": "",
        **more,
    }


def new_group(guid: str, name: str, owner_guid: str | None, gid: int | None = None) -> Row:
    """Make a group."""
    return {"guid": guid, "name": name, "owner_guid": owner_guid, "gid": gid}


def new_content(
    guid: str, number: int, name: str, owner_guid: str, time: datetime, **more: Any
) -> Row:
    """Make a content item that has no bundle yet."""
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


def new_bundle(number: int, content_guid: str, created_by: str, size: int, time: datetime) -> Row:
    """Make a bundle that is not active."""
    return {
        "id": str(number),
        "content_guid": content_guid,
        "created_by": created_by,
        "created_time": time,
        "environment_guid": None,
        "cluster_name": "Local",
        "image_name": "Local",
        "r_version": None,
        "r_environment_management": None,
        "py_version": None,
        "py_environment_management": None,
        "quarto_version": None,
        "active": False,
        "size": size,
        "metadata": {
            "source": None,
            "source_repo": None,
            "source_branch": None,
            "source_commit": None,
            "archive_md5": None,
            "archive_sha1": None,
        },
    }


def new_permission(
    number: int, content_guid: str, principal_guid: str, principal_type: str, role: str
) -> Row:
    """Make a permission."""
    return {
        "id": str(number),
        "content_guid": content_guid,
        "principal_guid": principal_guid,
        "principal_type": principal_type,
        "role": role,
    }


def new_job(key: str, number: int, content: Row, tag: str, time: datetime) -> Row:
    """Make an active job."""
    return {
        "id": str(number),
        "ppid": str(20000 + number),
        "pid": str(30000 + number),
        "key": key,
        "remote_id": None,
        "app_id": content["id"],
        "content_id": content["id"],
        "content_guid": content["guid"],
        "variant_id": "0",
        "variant_key": "",
        "bundle_id": content["bundle_id"] or "0",
        "start_time": time,
        "end_time": None,
        "last_heartbeat_time": time,
        "queued_time": time,
        "queue_name": "default",
        "tag": tag,
        "exit_code": None,
        "error": None,
        "status": 0,
        "hostname": "connect",
        "cluster": "Local",
        "image": None,
        "run_as": "rstudio-connect",
        "skip_reason": None,
    }


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


def new_service_token(
    guid: str, name: str, scopes: list[str], time: datetime, expires_at: datetime | None = None
) -> Row:
    """Make a service token that was never used; its key is not part of it."""
    return {
        "guid": guid,
        "name": name,
        "scopes": scopes,
        "created_time": time,
        "active_time": NEVER,
        "expires_at": expires_at,
    }


def new_tag(number: int, name: str, parent_id: str | None, time: datetime) -> Row:
    """Make a tag; one without parent is a category."""
    return {
        "id": str(number),
        "name": name,
        "parent_id": parent_id,
        "created_time": time,
        "updated_time": time,
    }


def new_example(name: str) -> Row:
    """Make an example; no document tells what it really has beside a name."""
    return {
        "name": name,
        "title": name.replace("-", " ").title(),
        "description": "Content for a first try.",
    }


def new_repository(repository: str, time: datetime, **more: Any) -> Row:
    """Make a Git location that was fetched without trouble."""
    return {
        "repository": repository,
        "branch": "main",
        "directory": ".",
        "polling": False,
        "last_error": "",
        "last_known_commit": sha1(repository.encode(), usedforsecurity=False).hexdigest(),
        "last_fetched_time": time,
        **more,
    }


def new_environment(guid: str, number: int, name: str, time: datetime, **more: Any) -> Row:
    """Make an execution environment."""
    return {
        "id": str(number),
        "guid": guid,
        "created_time": time,
        "updated_time": time,
        "cluster_name": "Kubernetes",
        "name": name,
        "environment_type": "Kubernetes",
        "managed_by": None,
        **changeable_environment(),
        **more,
    }


def new_queue_item(number: int, name: str, time: datetime, *, started: bool = False) -> Row:
    """Make an item of a queue; one that was not started waits."""
    row = {
        "id": str(number),
        "name": name,
        "job_type": QUEUES.get(name, "Other"),
        "created_time": time,
        "updated_time": time,
    }
    return {**row, "started_time": time} if started else row


def new_schedule(user: Row, time: datetime) -> Row:
    """Make the schedule of a default variant that was created and changed since."""
    changes = (
        ("updated", time + timedelta(days=1), "RRULE:FREQ=WEEKLY;INTERVAL=1"),
        ("created", time, "RRULE:FREQ=DAILY;INTERVAL=2"),
    )
    names = ("guid", "username", "first_name", "last_name", "email")
    history: list[Row] = [
        {
            "change_type": kind,
            "change_time": when,
            "user": {name: user[name] for name in names},
            "new_schedule": {"schedule": _recurrence(when, rule)},
        }
        for kind, when, rule in changes
    ]
    return {
        "variant_key": "default",
        "current_schedule": {
            **history[0]["new_schedule"],
            "next_run": time + timedelta(days=8),
        },
        "history": history,
        "total_count": len(history),
    }


def _recurrence(time: datetime, rule: str) -> Row:
    return {"dtstart": f"DTSTART:{time:%Y%m%dT%H%M%SZ}", "rrules": [rule], "until": ""}


def changeable_environment() -> Row:
    """Make what an execution environment is where nothing else is said."""
    return {
        "title": None,
        "description": None,
        "matching": "any",
        "supervisor": None,
        **{language: {"installations": []} for language in LANGUAGES},
        "volume_mounts": [],
    }


def small_archive(appmode: str) -> tuple[bytes, Row]:
    """Make a minimal bundle and return it with its manifest; the same mode gives the same bytes."""
    manifest: Row = {
        "version": 1,
        "metadata": {"appmode": appmode, "entrypoint": "app"},
        "files": {"app.py": {"checksum": ""}},
    }
    raw = io.BytesIO()
    # GzipFile instead of "w:gz", so that no time gets into the header.
    with (
        GzipFile(fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in (
            ("manifest.json", msgspec.json.encode(manifest)),
            ("app.py", b"print('hello')\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return raw.getvalue(), manifest
