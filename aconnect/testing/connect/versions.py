"""What a server of a given version can do.

Decides which behaviours, fields and spellings of ids a version has. It does not decide which
operations exist: each route says since when and until when (`dialect.route`).
"""

import re
from dataclasses import dataclass

NEWEST = (9999, 0, 0)
"""Stands for a server that hides its version: it behaves like the newest."""


def parse_version(text: str | None) -> tuple[int, int, int]:
    """Read the first three numbers of a version such as `2023.11.0-dev+103-g1a2b`."""
    if not text:
        return NEWEST
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"{text!r} is no version of Connect; write it like '2026.03.0'")
    return int(match[1]), int(match[2]), int(match[3] or 0)


@dataclass(frozen=True, slots=True)
class Features:
    """What changed between versions, as seen by one server."""

    string_ids: bool
    """Ids of jobs, and those inside visits, are strings instead of numbers."""
    modern_fields: bool
    """Fields that came after 2023 are sent."""
    task_code_141: bool
    """A task on another node is code 141 instead of 4."""
    render_task_id: bool
    """Render answers `task_id` instead of the old task."""
    vanity_include: bool
    group_prefix_pages: bool
    """Groups found by prefix end; older servers repeat page 1 for ever."""
    permission_upsert: bool
    """Adding a permission that is there changes it; older servers refuse."""
    deploy_activate: bool
    multipart_upload: bool
    hits_filter: bool

    @classmethod
    def of(cls, version: tuple[int, int, int]) -> "Features":
        """Tell what `version` can do; thresholds no source states are put at 2024.01."""
        modern = version >= (2024, 1, 0)
        return cls(
            string_ids=modern,
            modern_fields=modern,
            task_code_141=modern,
            render_task_id=modern,
            vanity_include=version >= (2024, 6, 0),
            group_prefix_pages=version >= (2025, 4, 0),
            permission_upsert=version >= (2025, 11, 0),
            deploy_activate=version >= (2025, 6, 0),
            multipart_upload=version >= (2025, 12, 0),
            hits_filter=version >= (2026, 1, 0),
        )
