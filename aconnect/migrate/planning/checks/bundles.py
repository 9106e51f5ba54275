"""Which bundles are carried, and whether they can be."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.planning.draft import Draft

_DOWNLOADERS: Final = ("owner", "editor")
"""The roles for content that may download its bundles; being an administrator is not enough."""


def check_bundles(draft: Draft) -> None:
    """Choose the bundles; refuse content that has none."""
    details = draft.details
    if details.repository is not None:
        draft.change_details(bundles=())
        draft.inform(
            "git",
            f"deployed again from {details.repository.repository}: credentials for it are the "
            "destination's",
        )
        return
    if "bundles" in details.unreadable:
        draft.find("unreadable", "x", "the key may not read its bundles")
        return
    active = [one for one in details.bundles if one.active or one.id == draft.source.bundle_id]
    if not active:
        draft.find("never-deployed", "x", "it has no active bundle, so there is nothing to carry")
        return
    if not active[0].size:
        draft.find("bundle-missing", "x", f"its active bundle {active[0].id} is no longer stored")
        return
    stored = [one for one in details.bundles if one.size]
    if draft.options.bundles == "all" and len(stored) < len(details.bundles):
        draft.inform(
            "bundles-missing",
            f"{len(details.bundles) - len(stored)} older bundles are no longer stored",
        )
    draft.change_details(bundles=tuple(stored if draft.options.bundles == "all" else active))
    _check_rights(draft)


def _check_rights(draft: Draft) -> None:
    if draft.source.app_role in _DOWNLOADERS:
        return
    draft.needs_grant = True
    if draft.options.grant_self:
        text = "the key's owner becomes a collaborator on the source until it is migrated"
        draft.inform("grant", text)
        return
    draft.find(
        "grant",
        "!",
        "only collaborators can download its bundles: allow to become one for the time of the "
        "migration with grant_self=True (--grant-self)",
    )
