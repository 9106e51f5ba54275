"""The name and the vanity URL, which are unique."""

from __future__ import annotations

from itertools import count
from typing import Final

from aconnect.migrate.planning.draft import Draft, policy

_LONGEST: Final = 64
_PERIODS_SINCE: Final = "2024.01.0"
"""Older servers certainly refuse names with periods."""
_TAKE: Final = f"; to take it over: {policy('vanity_taken', 'take')}"


def check_name(draft: Draft) -> None:
    """Choose the name, unless its new owner has content with it."""
    taken, owner, name = draft.context.taken, draft.target.owner, draft.target.name
    if "." in name and draft.context.is_before(_PERIODS_SINCE):
        what = f"the destination's version refuses the period in the name {name!r}"
        _resolve_name(draft, what, "")
        return
    holder = taken.holder(owner, name)
    if holder is None or (holder and holder == draft.target.guid):
        return
    what = f"{owner} has content named {name!r} "
    what += f"on the destination ({holder})" if holder else "in this plan as well"
    hint = ""
    if holder and draft.existing is None:
        hint = (
            f', or update it with "{draft.source.guid}" = "{holder}" in [content] of the mapping '
            "file"
        )
    _resolve_name(draft, what, hint)


def _resolve_name(draft: Draft, what: str, hint: str) -> None:
    match draft.options.policies.name_taken:
        case "skip":
            draft.find("name-taken", "-", f"{what}: skipped")
        case "rename":
            draft.change(name=_free_name(draft))
            draft.inform("name-taken", f"{what}: renamed to {draft.target.name!r}")
        case _:
            rename, skip = policy("name_taken", "rename"), policy("name_taken", "skip")
            draft.find("name-taken", "!", f"{what}: choose {rename} or {skip}{hint}")


def _free_name(draft: Draft) -> str:
    """Return the first of `name`, `name-2`, `name-3`, … that is free."""
    owner, name = draft.target.owner, draft.target.name
    if draft.context.is_before(_PERIODS_SINCE):
        name = name.replace(".", "-")
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        free = name[: _LONGEST - len(suffix)] + suffix
        if draft.context.taken.holder(owner, free) is None:
            return free
    raise AssertionError  # the numbers do not end


def check_vanity(draft: Draft) -> None:
    """Choose the vanity URL, unless other content has it, or one above or below it."""
    path = draft.source.vanity
    if path is None:
        return
    own = draft.target.guid
    holders = {
        other: guid
        for other, guid in draft.context.taken.vanity_holders(path).items()
        if not own or guid != own
    }
    if holders:
        _resolve_vanity(draft, path, holders)


def _resolve_vanity(draft: Draft, path: str, holders: dict[str, str]) -> None:
    other = path if path in holders else next(iter(holders))
    holder = holders[other]
    what = f"its vanity URL {path} " + (
        "is taken" if other == path else f"cannot be used because of {other}"
    )
    what += f" by {holder}" if holder else " by another item of this plan"
    match draft.options.policies.vanity_taken:
        case "skip":
            draft.find("vanity-taken", "-", f"{what}: skipped")
        # Only the same path can be taken over, and only from content that exists.
        case "take" if list(holders) == [path] and holder:
            draft.takes_vanity_of = holder
            draft.inform("vanity-taken", f"{what}: taken over in the end")
        case _:
            draft.change(vanity=None)
            hint = _TAKE if list(holders) == [path] and holder else ""
            draft.inform("vanity-taken", f"{what}: carried without it{hint}")
