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


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a version."""

    string_ids: bool
    """The ids of jobs, and the ids in visits, are strings instead of numbers."""
    modern_fields: bool
    """The fields that were added after 2023 are sent."""
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

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> "Features":
        """Return the features of `version`; undocumented changes are assumed to be in 2024.01."""
        modern = version >= (2024, 1, 0)
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
        )


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
"""The fields of each type of object that were added after 2023."""


NUMERIC_IDS: Mapping[str, frozenset[str]] = {
    "job": frozenset({"id", "ppid", "pid", "app_id", "variant_id", "bundle_id"}),
    "visit": frozenset({"rendering_id", "bundle_id"}),
}
"""The ids that older versions send as numbers."""


def downgrade(object_type: str, row: Row, features: Features) -> Row:
    """Return a row in the format of a server with these features."""
    if features.modern_fields and features.string_ids:
        return row
    later = LATER_FIELDS.get(object_type, frozenset())
    numeric = NUMERIC_IDS.get(object_type, frozenset())
    return {
        name: int(value) if name in numeric and value is not None else value
        for name, value in row.items()
        if name not in later
    }
