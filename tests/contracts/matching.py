"""Decides whether what one side sends is what the other side takes, one type against another."""

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
    """It is understood, but one side says less than the other: a text for a time, say."""
    EXACT = 2


def is_any(one: Type) -> bool:
    """Tell whether a type says nothing."""
    return any(kind.name == "any" for kind in one.kinds)


def match_types(theirs: Type, ours: Type, *, sending: bool) -> Match:
    """Tell whether all that is sent is understood; ids may be texts and numbers at once."""
    if sending:
        matches = [_best(theirs.kinds, our, sending=True) for our in ours.kinds]
        # What one alternative says exactly, the others may say loosely: a time, or its text.
        return max(matches) if min(matches) is not Match.NO else Match.NO
    return min(_best(ours.kinds, their, sending=False) for their in theirs.kinds)


def _best(takers: Iterable[Kind], given: Kind, *, sending: bool) -> Match:
    pairs = [(taker, given) if sending else (given, taker) for taker in takers]
    return max(_match(their, our, sending=sending) for their, our in pairs)


def _match(theirs: Kind, ours: Kind, *, sending: bool) -> Match:
    """Match one alternative of the contract with one of the declaration."""
    if theirs.name == "any":
        return Match.EXACT
    if ours.name == "any":
        # What has no shape in the contract needs none in the declaration.
        return Match.EXACT if theirs.name == "object" else Match.LOOSE
    if theirs.name in _OBJECTS and ours.name in _OBJECTS:
        same = theirs.name in {"object", ours.name}
        # An open object takes fields of known names, but then nobody sees them.
        return Match.EXACT if same else Match.LOOSE if ours.name == "object" else Match.NO
    if theirs.name != ours.name:
        narrow, wide = (ours, theirs) if sending else (theirs, ours)
        fits = (narrow.name, wide.name) == ("integer", "number")
        return Match.LOOSE if fits else Match.NO
    if theirs.format != ours.format:
        return Match.LOOSE
    return Match.EXACT if _values_fit(theirs, ours, sending=sending) else Match.LOOSE


def _values_fit(theirs: Kind, ours: Kind, *, sending: bool) -> bool:
    """Tell whether the known values of a contract are the declaration's too; enums stay open."""
    if not theirs.values:
        return True
    if sending:
        return set(ours.values) <= set(theirs.values)
    return set(theirs.values) <= set(ours.values)
