"""Who owns the content on the destination, and who has permissions."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.mapping.model import Match
from aconnect.migrate.planning.draft import Draft
from aconnect.migrate.planning.model import Sign
from aconnect.migrate.snapshots.model import PrincipalRole

_PREVENTING: Final = ("cannot-publish", "locked")
"""The ends of the kinds of problems that a match does not solve."""


def check_owner(draft: Draft) -> None:
    """Find the new owner."""
    context = draft.context
    match = context.matches.owner(draft.source.owner)
    policy = draft.options.policies.principal_unmapped
    if match.target is None and policy == "fallback" and context.matches.fallback is not None:
        match = context.matches.fallback
        text = f"given to {match.target}, because {draft.source.owner!r} has no counterpart"
        draft.inform("owner-fallback", text)
    for problem in match.problems:
        prevents = match.target is None or problem.kind.endswith(_PREVENTING)
        draft.find(problem.kind, "!" if prevents else "+", problem.text)
    if match.target is None:
        if not match.problems:
            draft.find("owner-unmapped", "!", f"its owner {draft.source.owner!r} is left out")
        return
    draft.change(owner=match.target)
    draft.owner_guid = match.target_guid
    me = context.destination.me
    if match.target_guid != me.guid and me.role != "administrator":
        draft.find(
            "not-administrator",
            "!",
            f"only administrators can give it to {match.target}; the key of the destination is "
            f"that of {me.username}, who is {me.role or 'not an administrator'}",
        )


def check_permissions(draft: Draft) -> None:
    """Find the counterparts of the users and groups that have permissions."""
    if "permissions" in draft.details.unreadable:
        draft.find("unreadable", "x", "the key may not read its permissions")
        return
    permissions = dict[tuple[str, str], PrincipalRole]()
    for one in draft.details.permissions:
        matches = draft.context.matches
        match = matches.user(one.name) if one.kind == "user" else matches.group(one.name)
        name = _counterpart(draft, match, one)
        # The owner has all permissions without an entry.
        if name is None or (one.kind == "user" and name == draft.target.owner):
            continue
        # Two users can have the same counterpart; the wider role counts.
        entry, earlier = PrincipalRole(one.kind, name, one.role), permissions.get((one.kind, name))
        if earlier is None or earlier.role != "owner":
            permissions[one.kind, name] = entry
    draft.change_details(permissions=tuple(sorted(permissions.values())))


def _counterpart(draft: Draft, match: Match, permission: PrincipalRole) -> str | None:
    """Return the name of the counterpart; None if the permission is left out."""
    is_left_out = draft.options.policies.principal_unmapped != "stop"
    sign: Sign = "+" if is_left_out else "!"
    what = f"the permission of {permission.kind} {permission.name!r}"
    if match.target is None:
        if match.how == "left out":
            draft.inform("permission-left-out", f"{what} is left out, as the mapping says")
        for problem in match.problems:
            draft.find(problem.kind, sign, problem.text)
        return None
    if permission.role == "owner" and permission.kind == "user":
        roles = {user.guid: user.role for user in draft.context.destination.users}
        if roles.get(match.target_guid or "") == "viewer":
            text = f"{what} is that of a collaborator, and {match.target!r} is only a viewer"
            draft.find("collaborator-cannot-publish", sign, text)
            return None
    for problem in match.problems:
        draft.inform(problem.kind, problem.text)
    return match.target
