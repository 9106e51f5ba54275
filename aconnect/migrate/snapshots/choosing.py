"""Choosing content by what the list of content shows."""

from __future__ import annotations

from collections.abc import Callable, Collection

from aconnect._core.arguments import canonical_guid
from aconnect.migrate.snapshots.model import ContentSnapshot, TagPath


def choice(
    *,
    guids: Collection[str] = (),
    tags: Collection[str] = (),
    owners: Collection[str] = (),
    found: Collection[str] | None = None,
) -> Callable[[ContentSnapshot], bool]:
    """Return a function that tells whether content matches one value of each kind that is given.

    Args:
        guids: Guids.
        tags: Names of tags, or paths such as `Department/Finance`; content with tags below them
            matches as well.
        owners: Usernames.
        found: The guids of content that a search has found; None if nothing was searched for.
    """
    known = {canonical_guid("guid", guid) for guid in guids}

    def is_chosen(content: ContentSnapshot) -> bool:
        return (
            (not known or content.guid in known)
            and (not tags or any(has_tag(path, tag) for path in content.tags for tag in tags))
            and (not owners or content.owner in owners)
            and (found is None or content.guid in found)
        )

    return is_chosen


def has_tag(path: TagPath, tag: str) -> bool:
    """Return True if a tag is the one that is named, by name or path, or below it."""
    return f"/{tag.strip('/')}/" in f"/{'/'.join(path)}/"
