"""Which bundles are carried, and whether they can be read."""

from __future__ import annotations

from typing import Final

import msgspec

from aconnect.migrate.planning.draft import Draft, is_administrator, is_collaborator
from aconnect.migrate.snapshots.model import BundleSnapshot

_NEEDED: Final = {
    "permissions": "permissions",
    "variables": "environment variables",
    "bundles": "bundles",
    "repository": "Git repository",
    "integrations": "OAuth integrations",
}
"""Without these parts, what the destination gets would be something else."""


def check_readable(draft: Draft) -> None:
    """Refuse content of which a part is not known."""
    parts = [text for part, text in _NEEDED.items() if part in draft.details.unreadable]
    if parts:
        text = (
            f"the key may not read its {', '.join(parts)}; use the key of an administrator or of "
            "one of its collaborators"
        )
        draft.find("unreadable", "x", text)


def check_bundles(draft: Draft) -> None:
    """Choose the bundles; refuse content that has none."""
    details, is_all = draft.details, draft.options.bundles == "all"
    if details.repository is not None:
        draft.change_details(bundles=())
        draft.inform(
            "git",
            f"deployed again from {details.repository.repository}: credentials for it are the "
            "destination's",
        )
        return
    active = _active(draft)
    if active is None:
        draft.find("never-deployed", "x", "it has no active bundle, so there is nothing to carry")
        return
    if not active.size:
        text = f"its active bundle {active.id} is no longer stored on the source; deploy it again"
        draft.find("bundle-missing", "x", text)
        return
    # What the list of bundles says may be missing in the bundle.
    active = msgspec.structs.replace(active, active=True)
    older = [one for one in details.bundles if one.id != active.id] if is_all else []
    stored = [one for one in older if one.size]
    if lost := len(older) - len(stored):
        draft.inform("bundles-missing", f"{lost} other bundles are no longer stored on the source")
    kept = {active.id: active, **{one.id: one for one in stored}}
    draft.change_details(bundles=tuple(kept[one.id] for one in details.bundles if one.id in kept))


def _active(draft: Draft) -> BundleSnapshot | None:
    bundles = draft.details.bundles
    by_id = (one for one in bundles if one.id == draft.source.bundle_id)
    return next(by_id, None) or next((one for one in bundles if one.active), None)


def check_download(draft: Draft) -> None:
    """Find out whether the key can download the bundles."""
    bundles = () if draft.target.details is None else draft.target.details.bundles
    source = draft.context.source
    if not bundles or is_collaborator(source, draft.source):
        return
    draft.needs_grant = True
    if not is_administrator(source):
        draft.find(
            "not-collaborator",
            "!",
            f"only its collaborators can download its bundles, and {source.me.username} is none; "
            "use the key of one, or of an administrator",
        )
    elif draft.options.grant_self:
        text = "the key's owner becomes a collaborator on the source until it is migrated"
        draft.inform("grant", text)
    else:
        draft.find(
            "grant",
            "!",
            "only collaborators can download its bundles: allow to become one for the time of the "
            "migration with grant_self=True (--grant-self)",
        )
