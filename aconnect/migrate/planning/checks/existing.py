"""Whether existing content can become what the source content is."""

from __future__ import annotations

from aconnect.migrate.planning.draft import Draft, is_administrator, is_collaborator


def check_existing(draft: Draft) -> None:
    """Refuse to update content that is something else, or that cannot be changed."""
    existing, source = draft.existing, draft.source
    if existing is None:
        return
    # It was not made by this plan, so it is not renamed.
    draft.change(name=existing.name)
    kept = "its thumbnail, if it gets another one"
    if existing.bundle_id is None:
        kept += "; that it was never deployed"
    draft.inform("undone-in-part", f"what undo cannot put back: {kept}")
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
    if existing.locked:
        text = f"{existing.guid} is locked on the destination, so cannot be deployed; unlock it"
        draft.find("existing-locked", "!", text)
    me = draft.context.destination
    if not (is_collaborator(me, existing) or is_administrator(me)):
        draft.find(
            "not-collaborator",
            "!",
            f"only administrators and its collaborators can change {existing.guid}, and "
            f"{me.me.username} is neither; use the key of one of them",
        )
