"""The name and the vanity URL, which are unique."""

from __future__ import annotations

from itertools import count
from typing import Final

from aconnect.migrate.planning.draft import Draft

_NAME_LENGTH: Final = 64


def check_name(draft: Draft) -> None:
    """Choose the name, unless its new owner has content with it."""
    names, owner = draft.context.names, draft.target.owner
    holder = names.get((owner, draft.target.name))
    if holder is not None and holder != (draft.target.guid or None):
        what = f"{owner} has content named {draft.target.name!r}"
        what += f" ({holder})" if holder else " in this plan as well"
        match draft.options.policies.name_taken:
            case "skip":
                draft.find("name-taken", "-", f"{what}: skipped")
            case "rename":
                draft.change(name=_free_name(draft))
                draft.inform("name-taken", f"{what}: renamed to {draft.target.name!r}")
            case _:
                draft.find(
                    "name-taken",
                    "!",
                    f"{what}: choose name_taken='rename' or 'skip' (--on-name-taken), or update it "
                    f'with "{draft.source.guid}" = "{holder}" under [content] in the mapping file',
                )


def _free_name(draft: Draft) -> str:
    names, owner = draft.context.names, draft.target.owner
    for number in count(2):
        suffix = f"-{number}"
        name = draft.source.name[: _NAME_LENGTH - len(suffix)] + suffix
        if (owner, name) not in names:
            return name
    raise AssertionError  # the numbers do not end


def check_vanity(draft: Draft) -> None:
    """Choose the vanity URL, unless other content has it, or one above or below it."""
    path, vanities = draft.source.vanity, draft.context.vanities
    if path is None:
        return
    holders = {
        other: guid
        for other, guid in vanities.items()
        if (other.startswith(path) or path.startswith(other))
        and guid != (draft.target.guid or None)
    }
    if holders:
        _resolve(draft, path, holders)


def _resolve(draft: Draft, path: str, holders: dict[str, str]) -> None:
    other, holder = next(iter(holders.items()))
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
            draft.inform("vanity-taken", f"{what}: carried without it")
