"""Whether existing content can become what the source content is."""

from __future__ import annotations

from aconnect.migrate.planning.draft import Draft, is_administrator, is_collaborator
from aconnect.migrate.snapshots.comparing import missing_from, not_compared


def check_existing(draft: Draft) -> None:
    """Refuse to update content that is something else, or that cannot be changed."""
    existing, source = draft.existing, draft.source
    if existing is None:
        return
    # It was not made by this plan, so it is not renamed.
    draft.change(name=existing.name)
    if existing.app_mode not in {None, "unknown", source.app_mode}:
        draft.find(
            "kind-differs",
            "!",
            f"it is {source.app_mode}, and {existing.guid} is {existing.app_mode}: content cannot "
            "change its kind; name other content in [content] of the mapping file, or none",
        )
    is_git = existing.details is not None and existing.details.repository is not None
    if is_git != (draft.details.repository is not None):
        draft.find(
            "origin-differs",
            "!",
            f"the source comes from {'bundles' if is_git else 'Git'}, "
            f"unlike {existing.guid}; name other content in [content] of the mapping file, or none",
        )
    me = draft.context.destination
    if not (is_collaborator(me, existing) or is_administrator(me)):
        draft.find(
            "not-collaborator",
            "!",
            f"only administrators and its collaborators can change {existing.guid}, and "
            f"{me.me.username} is neither; use the key of one of them",
        )


def check_changes(draft: Draft) -> None:
    """Find out what an update changes; it takes nothing away that existing content has besides."""
    existing = draft.existing
    if existing is None:
        return
    changes = missing_from(draft.target, existing)
    unknown = not_compared(draft.target, existing)
    draft.is_current = not (changes or unknown)
    if draft.is_current:
        return
    if existing.locked:
        text = f"{existing.guid} is locked on the destination, so cannot be deployed; unlock it"
        draft.find("existing-locked", "!", text)
    if draft.sign == "~":
        text = "; ".join(str(one.reversed) for one in changes) or "nothing that is known"
        if unknown:
            text += f" (it is not known what it has of: {', '.join(unknown)})"
        draft.inform("updated", f"changed: {text} (undo puts this back, and not a thumbnail)")
