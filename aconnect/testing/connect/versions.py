"""The differences between versions of the server.

Decides which behaviors, fields and types of ids a version has. The versions that have an operation
are declared with its route (`dialect.route`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aconnect.testing.wire import Row

NEWEST = (9999, 0, 0)
"""The version of a server that hides its version; it behaves like the latest one."""


def parse_version(text: str | None) -> tuple[int, int, int]:
    """Parse the first three numbers of a version such as `2023.11.0-dev+103-g1a2b`."""
    if not text:
        return NEWEST
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"{text!r} is not a version of Connect; use a form such as '2026.03.0'")
    return int(match[1]), int(match[2]), int(match[3] or 0)


_OFF_HOST = (2023, 5, 0)
_MODERN = (2024, 1, 0)
_NEWEST_FIELDS = (2026, 1, 0)

FIELDS_SINCE: Mapping[str, Mapping[str, tuple[int, int, int]]] = {
    "user": {"external_id": _MODERN},
    "group": dict.fromkeys(("gid", "member_count"), _MODERN),
    "bundle": dict.fromkeys(("created_by", "environment_guid"), _MODERN),
    "content": {
        **dict.fromkeys(
            (
                "cpu_request",
                "cpu_limit",
                "memory_request",
                "memory_limit",
                "service_account_name",
                "default_image_name",
                "default_r_environment_management",
                "default_py_environment_management",
            ),
            _OFF_HOST,
        ),
        **dict.fromkeys(
            (
                "locked",
                "locked_message",
                "amd_gpu_limit",
                "nvidia_gpu_limit",
                "default_environment_guid",
                "environment_guid",
                "node_version",
            ),
            _MODERN,
        ),
        **dict.fromkeys(
            (
                "metrics_collection_enabled",
                "notify_on_share",
                "otel_enabled",
                "public_content_status",
            ),
            _NEWEST_FIELDS,
        ),
    },
    "environment": dict.fromkeys(("managed_by", "nodejs", "tensorflow", "volume_mounts"), _MODERN),
    "job": dict.fromkeys(
        ("content_id", "content_guid", "variant_key", "error", "skip_reason"), _MODERN
    ),
    "visit": dict.fromkeys(("id", "path", "user_agent"), _MODERN),
}
"""The first version with a field, for each type of object.

The vendor does not document these versions. They are assumptions: the fields that the contract of
2023.09 has are from 2023.05, those that it lacks from 2024.01, and those that no recorded response
has from 2026.01. Servers without a field neither send nor store it.
"""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a version."""

    string_ids: bool
    """The ids of jobs, and the ids in visits, are strings instead of numbers."""
    modern_fields: bool
    """Bodies, parameters and responses are as after 2023; for the fields, see `absent`."""
    task_code_141: bool
    """The code for a task on another node is 141 instead of 4."""
    render_task_id: bool
    """Rendering returns `task_id` instead of a task in the old format."""
    periods_in_names: bool
    """Names of content may contain periods."""
    vanity_include: bool
    group_prefix_pages: bool
    """Pages of groups with a prefix end after page 1; older servers repeat page 1 endlessly."""
    permission_upsert: bool
    """Adding an existing permission updates it; older servers return an error."""
    deploy_activate: bool
    multipart_upload: bool
    session_tokens: bool
    """Running content receives tokens, which it exchanges for credentials."""
    hits_filter: bool
    thumbnails: bool
    integration_requests: bool
    """Deploying associates the OAuth integrations that the manifest requests."""
    bundle_pages: bool
    """Bundles are listed in pages, oldest first; older servers return all, newest first."""
    several_associations: bool
    """Content can be associated with several OAuth integrations instead of one."""
    absent: Mapping[str, frozenset[str]]
    """The fields that objects of each type do not have."""

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> "Features":
        """Return the features of `version`; undocumented changes are assumed to be in 2024.01."""
        modern = version >= _MODERN
        return cls(
            string_ids=modern,
            modern_fields=modern,
            task_code_141=modern,
            render_task_id=modern,
            periods_in_names=modern,
            vanity_include=version >= (2024, 6, 0),
            group_prefix_pages=version >= (2025, 4, 0),
            permission_upsert=version >= (2025, 11, 0),
            deploy_activate=version >= (2025, 6, 0),
            multipart_upload=version >= (2025, 12, 0),
            session_tokens=version >= (2024, 8, 0),
            hits_filter=version >= (2026, 1, 0),
            thumbnails=version >= (2024, 9, 0),
            integration_requests=version >= (2025, 9, 0),
            bundle_pages=version >= (2026, 1, 0),
            several_associations=version >= (2025, 7, 0),
            absent={
                object_type: frozenset(name for name, since in fields.items() if version < since)
                for object_type, fields in FIELDS_SINCE.items()
            },
        )


NUMERIC_IDS: Mapping[str, frozenset[str]] = {
    "job": frozenset({"id", "ppid", "pid", "app_id", "variant_id", "bundle_id"}),
    "visit": frozenset({"rendering_id", "bundle_id"}),
}
"""The ids that older versions send as numbers."""


def downgrade(object_type: str, row: Row, features: Features) -> Row:
    """Return a row in the format of a server with these features."""
    absent = features.absent.get(object_type)
    numeric = NUMERIC_IDS.get(object_type) if not features.string_ids else None
    if not absent and not numeric:
        return row
    return {
        name: int(value) if numeric and name in numeric and value is not None else value
        for name, value in row.items()
        if not absent or name not in absent
    }
