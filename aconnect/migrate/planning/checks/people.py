"""Who owns the content on the destination, and who has permissions."""

from __future__ import annotations

from typing import Final

from aconnect.migrate.mapping.model import Match
from aconnect.migrate.planning.draft import Draft, is_administrator, policy
from aconnect.migrate.snapshots.model import PrincipalRole

_PREVENTING: Final = ("cannot-publish", "locked")
"""The ends of the kinds of problems that a match does not solve."""
_PUBLISHERS: Final = frozenset({"publisher", "administrator"})
_COLLABORATOR: Final = "owner"
_FALLBACK: Final = (
    "; or give it to the fallback owner that [owners] of the mapping file names: "
    + policy("principal_unmapped", "fallback")
)
_LEAVE_OUT: Final = f"; or leave it out: {policy('principal_unmapped', 'leave-out')}"


def check_owner(draft: Draft) -> None:
    """Find the new owner."""
    context = draft.context
    match = context.matches.owner(draft.source.owner)
    is_fallback = draft.options.policies.principal_unmapped == "fallback"
    if match.target is None and is_fallback and context.matches.fallback is not None:
        match = context.matches.fallback
        text = f"given to {match.target}, because {draft.source.owner!r} has no counterpart"
        draft.inform("owner-fallback", text)
    for problem in match.problems:
        if match.target is None:
            draft.find(problem.kind, "!", problem.text + _FALLBACK)
        else:
            prevents = problem.kind.endswith(_PREVENTING)
            draft.find(problem.kind, "!" if prevents else "+", problem.text)
    if match.target is None:
        return
    draft.change(owner=match.target)
    draft.owner_guid = match.target_guid
    me = context.destination.me
    first = me.username if draft.existing is None else draft.existing.owner
    if match.target != first and not is_administrator(context.destination):
        draft.find(
            "not-administrator",
            "!",
            f"only administrators can give it to {match.target}, and {me.username} is "
            f"{me.role or 'none'} on the destination; use the key of an administrator, or name "
            f"{me.username} for {draft.source.owner!r} in [users] of the mapping file",
        )


def check_permissions(draft: Draft) -> None:
    """Find the counterparts of the users and groups that have permissions."""
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
        if earlier is None or earlier.role != _COLLABORATOR:
            permissions[one.kind, name] = entry
    draft.change_details(permissions=tuple(sorted(permissions.values())))


def _counterpart(draft: Draft, match: Match, permission: PrincipalRole) -> str | None:
    """Return the name of the counterpart; None if the permission is left out."""
    what = f"the permission of {permission.kind} {permission.name!r}"
    if match.target is None:
        if match.how == "left out":
            draft.inform("permission-left-out", f"{what} is left out, as the mapping says")
        for problem in match.problems:
            _find_unmapped(draft, problem.kind, problem.text)
        return None
    if permission.role == _COLLABORATOR and permission.kind == "user":
        role = draft.context.roles.get(match.target_guid or "")
        if role is not None and role not in _PUBLISHERS:
            text = (
                f"{what} is that of a collaborator, and {match.target!r} is only a {role} on the "
                "destination; make it a publisher there"
            )
            _find_unmapped(draft, "collaborator-cannot-publish", text)
            return None
    for problem in match.problems:
        draft.inform(problem.kind, problem.text)
    return match.target


def _find_unmapped(draft: Draft, kind: str, text: str) -> None:
    """Take note of a permission that nobody can have."""
    if draft.options.policies.principal_unmapped == "stop":
        draft.find(kind, "!", text + _LEAVE_OUT)
    else:
        draft.inform(kind, f"{text} (left out)")
