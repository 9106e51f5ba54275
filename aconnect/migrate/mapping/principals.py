"""Which users and groups of the destination those of the source are.

Decides by what is unique: what two have, on either side, matches nobody, because a wrong match
would show content to somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from aconnect._core.text import some_of
from aconnect.migrate.mapping.model import Match, Problem
from aconnect.migrate.mapping.names import Names, exactly, group_by
from aconnect.migrate.snapshots.model import GroupSnapshot, PrincipalKind, UserSnapshot

_FOLDS: Final[dict[str, tuple[Callable[[str], str], ...]]] = {
    "username": (exactly, str.casefold),
    "name": (exactly, str.casefold),
    "email": (str.casefold,),
    "external_id": (exactly,),
}
"""How the values of each criterion are compared, one way after the other."""
_WORDS: Final = {"email": "e-mail address", "external_id": "external id"}


class Principal(Struct, frozen=True):
    """A user or group with what it can be matched by."""

    guid: str
    name: str
    keys: dict[str, str | None]
    problems: tuple[Problem, ...] = ()
    """What is to be known if it is matched."""

    def matched(self, kind: PrincipalKind, source: str, how: str) -> Match:
        """Return that it is the match of one of the source."""
        return Match(
            kind=kind,
            source=source,
            target=self.name,
            target_guid=self.guid,
            how=how,
            problems=self.problems,
        )


def of_users(users: Iterable[UserSnapshot]) -> list[Principal]:
    """Return users as principals."""
    return [
        Principal(
            user.guid,
            user.username,
            {"username": user.username, "email": user.email, "external_id": user.external_id},
            tuple(_account_problems(user)),
        )
        for user in users
    ]


def of_groups(groups: Iterable[GroupSnapshot]) -> list[Principal]:
    """Return groups as principals."""
    return [Principal(group.guid, group.name, {"name": group.name}) for group in groups]


def _account_problems(user: UserSnapshot) -> Iterable[Problem]:
    if user.locked:
        text = f"the user {user.username!r} of the destination is locked, and cannot sign in"
        yield Problem("user-locked", text)
    if not user.confirmed:
        text = f"the user {user.username!r} of the destination is not confirmed yet"
        yield Problem("user-unconfirmed", text)


class Guess(Struct, frozen=True):
    """Who a principal is, or why that is unclear."""

    target: Principal | None = None
    how: str = "unmapped"
    reason: str = ""
    doubt: str = ""
    """Why it may be somebody else; empty if nothing says so."""


def guess(
    kind: PrincipalKind,
    sources: Sequence[Principal],
    targets: Sequence[Principal],
    criteria: Sequence[str],
) -> dict[str, Guess]:
    """Return the guess for each name of the source for which there is something to say.

    No two names get the same principal of the destination: a criterion that finds one who was found
    by an earlier one says nothing.
    """
    names = group_by(((one.guid, one.name) for one in sources), exactly)
    guesses = {
        name: Guess(None, "ambiguous", f"the source has {len(guids)} {kind}s of this name")
        for name, guids in names.items()
        if len(guids) > 1
    }
    open_ = {one.guid: one for one in sources if one.name not in guesses}
    taken: dict[str, str] = {}
    # The copy of a server has the guids of the original.
    known = {one.guid: one for one in sources}, {one.guid: one for one in targets}
    for criterion in criteria:
        for fold in _FOLDS[criterion]:
            here, there = (
                group_by(((one.guid, one.keys.get(criterion) or "") for one in side), fold)
                for side in (sources, targets)
            )
            for key in sorted(here.keys() & there.keys()):
                mine = [open_[guid] for guid in here[key] if guid in open_]
                theirs = there[key]
                if len(here[key]) == len(theirs) == 1 and not mine:
                    _doubt(guesses, known[0][here[key][0]].name, known[1][theirs[0]], criterion)
                    continue
                if len(here[key]) == len(theirs) == 1 and theirs[0] not in taken:
                    for one in mine:
                        taken[theirs[0]] = one.name
                        guesses[one.name] = Guess(known[1][theirs[0]], criterion)
                        del open_[one.guid]
                    continue
                reason = _ambiguous(criterion, (here[key], theirs), known, taken)
                for one in mine:
                    guesses.setdefault(one.name, Guess(None, "ambiguous", reason))
    return guesses


def _doubt(guesses: dict[str, Guess], name: str, other: Principal, criterion: str) -> None:
    """Take note that a later criterion finds somebody else than the one who was found."""
    found = guesses[name]
    if found.target is not None and found.target.guid != other.guid and not found.doubt:
        word = _WORDS.get(criterion, criterion)
        text = f"{name!r} is taken for {found.target.name!r}, but has the {word} of {other.name!r}"
        guesses[name] = Guess(found.target, found.how, doubt=text)


def _ambiguous(
    criterion: str,
    guids: tuple[list[str], list[str]],
    known: tuple[dict[str, Principal], dict[str, Principal]],
    taken: dict[str, str],
) -> str:
    word = _WORDS.get(criterion, criterion)
    for side, found, principals in zip(("source", "destination"), guids, known, strict=True):
        if len(found) > 1:
            names = some_of(sorted(repr(principals[guid].name) for guid in found))
            return f"{len(found)} of the {side} have this {word}: {names}"
    theirs = guids[1][0]
    return f"{known[1][theirs].name!r} has this {word}, but matches {taken[theirs]!r} already"


def match_principals(
    kind: PrincipalKind,
    sources: Sequence[Principal],
    targets: Sequence[Principal],
    criteria: Sequence[str],
    file: dict[str, str],
    names: Names,
) -> dict[str, Match]:
    """Return the matches of all names of the source, and of those in the file.

    Each name on the right side of the file is that of one principal. The file changes nothing for
    other names, or a guess that is written to the file could cause another guess.
    """
    matches: dict[str, Match] = {}
    guesses = guess(kind, sources, targets, criteria)
    for name in (one.name for one in sources):
        found = guesses.get(name, Guess())
        matches[name] = (
            unmatched(kind, name, names.url, found)
            if found.target is None
            else _with_doubt(found.target.matched(kind, name, found.how), found.doubt)
        )
    by_guid = {one.guid: one for one in targets}
    for name, wanted in file.items():
        matches[name] = (
            by_guid[names.find(wanted)[0]].matched(kind, name, "file")
            if wanted
            else Match(kind=kind, source=name, how="left out")
        )
    return matches


def _with_doubt(match: Match, doubt: str) -> Match:
    if not doubt:
        return match
    text = f"{doubt}: if that is who it is, say so in [{match.kind}s] of the mapping file"
    problem = Problem(f"{match.kind}-doubtful", text)
    return replace(match, problems=(*match.problems, problem))


def unmatched(kind: PrincipalKind, name: str, url: str, why: Guess) -> Match:
    """Return the match of a principal that nobody was found for."""
    is_unclear = why.how == "ambiguous"
    text = f"it is unclear which {kind} of" if is_unclear else f"no {kind} of"
    text += f" {url} {'is' if is_unclear else 'matches'} {name!r}"
    text += f" ({why.reason})" if why.reason else ""
    problem = Problem(f"{kind}-{why.how}", f"{text}; name one in [{kind}s] of the mapping file")
    return Match(kind=kind, source=name, how=why.how, problems=(problem,))
