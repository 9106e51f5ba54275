"""Decide whether one side accepts what the other side sends, by comparing two types.

Which values a declaration offers for an enum is not decided here, but in `compare`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from tests.contracts.table import Kind, Type

_OBJECTS: Final = frozenset({"object", "map", "fields"})


class Match(enum.IntEnum):
    """How well two types match."""

    NO = 0
    LOOSE = 1
    """Accepted, but one side is less specific than the other, such as a string for a time."""
    EXACT = 2


def is_any(type_: Type) -> bool:
    """Return True if a type allows any value."""
    return any(kind.name == "any" for kind in type_.kinds)


def match_types(theirs: Type, ours: Type, *, sending: bool) -> Match:
    """Compare two types; an id may be declared as both a string and a number."""
    if sending:
        matches = [_best(theirs.kinds, our, sending=True) for our in ours.kinds]
        # If one alternative matches exactly, the others may be looser: a time, or its text.
        return max(matches) if min(matches) is not Match.NO else Match.NO
    return min(_best(ours.kinds, their, sending=False) for their in theirs.kinds)


def _best(candidates: Iterable[Kind], kind: Kind, *, sending: bool) -> Match:
    pairs = [(candidate, kind) if sending else (kind, candidate) for candidate in candidates]
    return max(_match(their, our, sending=sending) for their, our in pairs)


def _match(theirs: Kind, ours: Kind, *, sending: bool) -> Match:
    """Match one alternative of the contract with one of the declaration."""
    if theirs.name == "any":
        return Match.EXACT
    if ours.name == "any":
        # An object without a schema in the contract needs none in the declaration.
        return Match.EXACT if theirs.name == "object" else Match.LOOSE
    if theirs.name in _OBJECTS and ours.name in _OBJECTS:
        same = theirs.name in {"object", ours.name}
        # An open object accepts fields with known names, but the declaration does not show them.
        return Match.EXACT if same else Match.LOOSE if ours.name == "object" else Match.NO
    if theirs.name != ours.name:
        narrow, wide = (ours, theirs) if sending else (theirs, ours)
        fits = (narrow.name, wide.name) == ("integer", "number")
        return Match.LOOSE if fits else Match.NO
    if theirs.format != ours.format:
        return Match.LOOSE
    return Match.EXACT if _values_fit(theirs, ours, sending=sending) else Match.LOOSE


def _values_fit(theirs: Kind, ours: Kind, *, sending: bool) -> bool:
    """Return True if the receiving side lists every value of the sending side; enums stay open."""
    if not theirs.values:
        return True
    if sending:
        return set(ours.values) <= set(theirs.values)
    return set(theirs.values) <= set(ours.values)
